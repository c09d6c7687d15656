"""The grammar of nginx's `log_format`, and nothing about what the variables mean.

Source: https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from apilog.errors import UsageError

EscapeMode = Literal["default", "json", "none", "apache", "envoy", "haproxy"]
"""How values are escaped; those of other servers are their own ways, with the same line shapes:
Envoy escapes nothing, HAProxy writes `#22` for a quote."""

_DIRECTIVE = re.compile(r"\s*log_format\s+(?P<name>\S+)\s+(?P<rest>.*?);?\s*\Z", re.DOTALL)
_ESCAPE_OPTION = re.compile(r"escape=(default|json|none)\s+")
# Quoted in one of two ways, or bare up to a blank or semicolon: ngx_conf_read_token of
# https://github.com/nginx/nginx/blob/master/src/core/ngx_conf_file.c
_QUOTED_STRING = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|((?:\\.|[^\s'";\\])(?:\\.|[^\s;\\])*))""",
    re.DOTALL,
)
# A name runs as far as it can, or stands in braces: ngx_http_log_compile_format of
# https://github.com/nginx/nginx/blob/master/src/http/modules/ngx_http_log_module.c
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_NAME = re.compile(r"[A-Za-z0-9_]")
_BACKSLASHED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "'": "'", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class LiteralText:
    """Characters that stand in every line as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class FormatVariable:
    """A value, by nginx's name without the dollar sign."""

    name: str


FormatPart = LiteralText | FormatVariable


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A `log_format`: its parts in order, and how values are escaped."""

    parts: tuple[FormatPart, ...]
    escape: EscapeMode = "default"

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables in order, each once."""
        return tuple(dict.fromkeys(p.name for p in self.parts if isinstance(p, FormatVariable)))

    @property
    def string(self) -> str:
        """The format as it stands in nginx.conf, in one string."""
        return format_string(self.parts)


def format_string(parts: Sequence[FormatPart]) -> str:
    """Write parts as nginx would be given them, with braces only where a name needs them.

    >>> format_string([FormatVariable("status"), LiteralText("ms "), FormatVariable("request")])
    '${status}ms $request'
    """
    written = []
    for part, following in zip_longest(parts, parts[1:]):
        if isinstance(part, LiteralText):
            written.append(part.text)
        else:
            runs_on = isinstance(following, LiteralText) and _NAME.match(following.text)
            written.append(f"${{{part.name}}}" if runs_on else f"${part.name}")
    return "".join(written)


def parse_log_format(string: str, escape: EscapeMode = "default") -> LogFormat:
    """Parse a format string, or a whole `log_format NAME …;` as it stands in nginx.conf.

    Raises `UsageError` for a string without a variable.

    >>> parse_log_format('$remote_addr [$time_local]').variables
    ('remote_addr', 'time_local')
    """
    if directive := _DIRECTIVE.match(string):
        string, escape = directive["rest"], "default"
        if option := _ESCAPE_OPTION.match(string):
            escape = option[1]  # type: ignore[assignment]  # the expression allows only these
            string = string[option.end() :]
        # Strings join without a separator.
        string = "".join(unescape_string("".join(s)) for s in _QUOTED_STRING.findall(string))
    else:
        # Typed on a command line, escapes stand as they do in nginx.conf.
        string = unescape_string(string).removesuffix("\n")
    parts: list[FormatPart] = []
    end = 0
    for match in _VARIABLE.finditer(string):
        if match.start() > end:
            parts.append(LiteralText(string[end : match.start()]))
        parts.append(FormatVariable(match[1] or match[2]))
        end = match.end()
    if not parts:
        raise UsageError(
            f"log format {string!r} has no variable in it",
            "give a name from `apilog formats`, or nginx's log_format string in single quotes",
        )
    if end < len(string):
        parts.append(LiteralText(string[end:]))
    return LogFormat(tuple(parts), escape)


def unescape_string(text: str) -> str:
    """Resolve the backslashes in a string of nginx.conf; before most characters they stay."""
    return _BACKSLASHED.sub(lambda m: _ESCAPED.get(m[1], m[0]), text)

"""The grammar of nginx's `log_format`, and nothing about what the variables mean.

Source: the `log_format` directive of ngx_http_log_module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from apilog.errors import UsageError

EscapeMode = Literal["default", "json", "none", "apache"]
"""How values are escaped; `apache` is Apache's own way, which shares the line shapes."""

_DIRECTIVE = re.compile(r"\s*log_format\s+(?P<name>\S+)\s+(?P<rest>.*?);?\s*\Z", re.DOTALL)
_ESCAPE_OPTION = re.compile(r"escape=(default|json|none)\s+")
_QUOTED_STRING = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|((?:\\.|[^\s'";\\])(?:\\.|[^\s;\\])*))""",
    re.DOTALL,
)
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
        """The format as nginx would be given it."""
        return format_string(self.parts)


def format_string(parts: Sequence[FormatPart]) -> str:
    """Parts as nginx would be given them, with braces only where a name needs them.

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
    """The parts of a format string; `log_format NAME …;` as it stands in nginx.conf serves too.

    Raises `UsageError` for a string without a variable.

    >>> parse_log_format('$remote_addr [$time_local]').variables
    ('remote_addr', 'time_local')
    """
    if directive := _DIRECTIVE.match(string):
        string, escape = _parse_arguments(directive["rest"])
    parts = tuple(_split_parts(string))
    if not any(isinstance(p, FormatVariable) for p in parts):
        raise UsageError(
            f"log format {string!r} has no variable in it",
            "give a name from `apilog formats`, or nginx's log_format string in single quotes",
        )
    return LogFormat(parts, escape)


def _parse_arguments(rest: str) -> tuple[str, EscapeMode]:
    """The string and the escaping of a directive's arguments; strings join without a separator."""
    escape: EscapeMode = "default"
    if option := _ESCAPE_OPTION.match(rest):
        escape = option[1]  # type: ignore[assignment]  # the expression allows these three alone
        rest = rest[option.end() :]
    return "".join(
        unescape_string("".join(groups)) for groups in _QUOTED_STRING.findall(rest)
    ), escape


def unescape_string(text: str) -> str:
    """A string of nginx.conf with its backslashes resolved; before most characters they stay."""
    return _BACKSLASHED.sub(lambda m: _ESCAPED.get(m[1], m[0]), text)


def _split_parts(string: str) -> list[FormatPart]:
    parts: list[FormatPart] = []
    end = 0
    for found in _VARIABLE.finditer(string):
        if found.start() > end:
            parts.append(LiteralText(string[end : found.start()]))
        parts.append(FormatVariable(found[1] or found[2]))
        end = found.end()
    if end < len(string):
        parts.append(LiteralText(string[end:]))
    return parts

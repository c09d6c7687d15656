"""Apache's `LogFormat` strings, as log formats of the nginx family.

Source: https://httpd.apache.org/docs/current/mod/mod_log_config.html#formats, and what mod_logio
and mod_ssl add: https://httpd.apache.org/docs/current/mod/mod_logio.html

Others took the language over. Varnish:
https://varnish-cache.org/docs/trunk/reference/varnishncsa.html, and Tomcat:
https://tomcat.apache.org/tomcat-10.1-doc/config/valve.html#Access_Log_Valve
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from apilog.errors import UsageError
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat
from apilog.text import did_you_mean

_DIRECTIVE = re.compile(
    r"""%(?:(?P<percent>%)
    |(?:!?[0-9]{3}(?:,[0-9]{3})*)?[<>]?(?:\{(?P<argument>[^}]*)\})?
     (?P<letter>\^[A-Za-z]{2}|[A-Za-z])?)""",
    re.VERBOSE,
)
_IN_HTTPD_CONF = re.compile(r'\s*LogFormat\s+"(?P<string>(?:[^"\\]|\\.)*)"\s*\S*\s*\Z', re.DOTALL)
_BACKSLASHED = re.compile(r'\\([\\"tn])')
_ESCAPED = {"t": "\t", "n": "\n"}

_VARIABLES: Mapping[str, str] = {
    "a": "$remote_addr",
    "A": "$server_addr",
    "b": "$body_bytes_sent",
    "B": "$body_bytes_sent",
    "D": "$request_time_us",
    "f": "$request_filename",
    "F": "$commit_time_ms",
    "h": "$remote_addr",
    "H": "$server_protocol",
    "I": "$request_length",
    "k": "$keepalive_requests",
    "l": "$ident",
    "L": "$request_id",
    "m": "$request_method",
    "O": "$bytes_sent",
    "p": "$server_port",
    "P": "$pid",
    # With the question mark, unless there is no query.
    "q": "$is_args$args",
    "r": "$request",
    "R": "$handler",
    "s": "$status",
    "S": "$bytes_transferred",
    "t": "[$time_local]",
    "T": "$request_time",
    "u": "$remote_user",
    "U": "$uri",
    "v": "$server_name",
    "V": "$host",
    "X": "$connection_status",
    "^FB": "$first_byte_time_us",
    "^FU": "$first_upload_time_us",
}
"""What a directive without an argument writes, in nginx's terms."""

_DURATIONS = {"s": "$request_time", "ms": "$request_time_ms", "us": "$request_time_us"}
_NAMED: Mapping[str, str] = {
    "i": "http_",
    "o": "sent_http_",
    "e": "env_",
    "n": "note_",
    "C": "cookie_",
    "c": "",
    "x": "",
    "^ti": "trailer_",
    "^to": "sent_trailer_",
    "P": "pid_",
    "p": "port_",
}
"""How a variable begins whose name is the argument."""

_OF_TOMCAT: Mapping[str, str] = {
    "I": "$thread",
    "q": "$query_or_dash",
    "S": "$session",
}
"""What Tomcat writes where Apache writes something else."""
_OF_TOMCAT_ONLY = re.compile("%F(?![A-Za-z])")
_OF_VARNISH_ONLY = re.compile(r"%\{(?:Varnish|VCL_Log|VSL):[^}]*\}x")

_IDENTIFIERS = {
    "env_unique_id": "request_id",
    "varnish_handling": "upstream_cache_status",
    "varnish_hitmiss": "upstream_cache_status",
}
_CLF_TIMES = ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%T %z")
_ISO_TIMES = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%T%z", "%FT%T%z", "%FT%H:%M:%S%z")


def is_apache_string(string: str) -> bool:
    """Return whether a text is meant as a `LogFormat`: it has directives, and no variable."""
    return "$" not in string and any(m["letter"] for m in _DIRECTIVE.finditer(string))


def find_apache_gateway(string: str) -> str | None:
    """Return the name of the software whose directives a string has; None for Varnish's.

    >>> find_apache_gateway("%h %t %r %s %D %F")
    'tomcat'
    """
    if _OF_TOMCAT_ONLY.search(string):
        return "tomcat"
    return None if _OF_VARNISH_ONLY.search(string) else "apache"


def parse_apache_format(string: str) -> LogFormat:
    r"""Parse a `LogFormat`, alone or as the directive that stands in httpd.conf.

    Raises `UsageError` for a directive that Apache does not have.

    >>> parse_apache_format(r"%h %l %u %t \"%r\" %>s").string
    '$remote_addr $ident $remote_user [$time_local] "$request" $status'
    """
    if directive := _IN_HTTPD_CONF.match(string):
        string = directive["string"]
    string = _BACKSLASHED.sub(lambda m: _ESCAPED.get(m[1], m[1]), string)
    parts: list[FormatPart] = []
    variables = _VARIABLES
    if find_apache_gateway(string) == "tomcat":
        variables = {**_VARIABLES, **_OF_TOMCAT}
    end = 0
    for match in _DIRECTIVE.finditer(string):
        if match.start() > end:
            parts.append(LiteralText(string[end : match.start()]))
        parts += [LiteralText("%")] if match["percent"] else _parse_directive(match, variables)
        end = match.end()
    if end < len(string):
        parts.append(LiteralText(string[end:]))
    parts = _join_times(_join_texts(parts))
    names = [part.name for part in parts if isinstance(part, FormatVariable)]
    if not names:
        raise UsageError(f"log format {string!r} has no directive in it", "such as %h, %t, %r, %>s")
    if {"request_time_us", "request_time_ms"} & {*names}:
        # Beside finer ones, whole seconds tell nothing.
        parts = [
            FormatVariable("request_time_whole") if part == FormatVariable("request_time") else part
            for part in parts
        ]
    return LogFormat(tuple(parts), "apache")


def _parse_directive(match: re.Match[str], variables: Mapping[str, str]) -> list[FormatPart]:
    letter, argument = match["letter"], match["argument"]
    if letter is None or (letter not in variables and letter not in _NAMED):
        near = did_you_mean(match[0], [f"%{known}" for known in variables])
        raise UsageError(
            f"Apache's LogFormat has no directive {match[0]!r}",
            near or "a percent sign itself is written %%",
        )
    if argument is None or (letter, argument) in (("a", "c"), ("h", "c")):
        if letter not in variables:
            raise UsageError(
                f"the directive {match[0]!r} needs a name, such as %{{Name}}{letter}",
                "%{Referer}i is the header Referer",
            )
        written = "$realip_remote_addr" if argument else variables[letter]
    elif letter == "t":
        written = _time_variable(argument)
    elif letter == "T":
        written = _DURATIONS.get(argument, "$request_time")
    elif letter in _NAMED:
        name = _NAMED[letter] + re.sub(r"[^a-z0-9]", "_", argument.lower())
        written = f"${_IDENTIFIERS.get(name, name)}"
    else:
        written = variables[letter]
    pieces = re.findall(r"\$([a-z0-9_]+)|([^$]+)", written)
    return [FormatVariable(name) if name else LiteralText(text) for name, text in pieces]


def _time_variable(layout: str) -> str:
    """Return the variable for `%{layout}t`, which stands without brackets."""
    layout = re.sub(r"^(?:begin|end):", "", layout)
    if layout in _CLF_TIMES:
        return "$time_local"
    return "$time_iso8601" if layout in _ISO_TIMES else "$time_any"


def _join_texts(parts: Sequence[FormatPart]) -> list[FormatPart]:
    joined: list[FormatPart] = []
    for part in parts:
        if joined and isinstance(part, LiteralText) and isinstance(joined[-1], LiteralText):
            joined[-1] = LiteralText(joined[-1].text + part.text)
        else:
            joined.append(part)
    return joined


def _join_times(parts: Sequence[FormatPart]) -> list[FormatPart]:
    """Join pieces of one time, as in `%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t`."""
    any_time = FormatVariable("time_any")
    joined: list[FormatPart] = []
    for part in parts:
        is_between = len(joined) >= 2 and joined[-2] == any_time and joined[-1] in _BETWEEN_TIMES
        if part == any_time and is_between:
            joined.pop()
        elif not (part == any_time and joined and joined[-1] == any_time):
            joined.append(part)
    return joined


_BETWEEN_TIMES = tuple(LiteralText(text) for text in (".", " ", ",", ":", "T"))

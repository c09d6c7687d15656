"""Plan B: a log format as one anchored regular expression, for the lines plan A can't read.

The expressions run on Rust's regex, which takes time linear in the line's length whatever the log
holds: https://docs.rs/regex/latest/regex/#untrusted-input
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import polars as pl

from apilog.formats.contract import MatchFailure
from apilog.formats.nginx.grammar import FormatVariable, LiteralText, LogFormat
from apilog.formats.nginx.openings import LONGEST_OPENED, compile_opening, opening_of

# Classes such as \d know all of Unicode: to compile them takes five times as long.
_NUMBER = r"([0-9]+(?:\.[0-9]+)?|-)"
_SIZE = r"([0-9]+|-)"
_LIST = r"([^ \t,]+(?:, [^ \t,]+| : [^ \t,]+)*)"
"""One entry per attempt; `, ` sets servers apart, ` : ` groups of servers:
https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_addr"""
_UNREAD_LIST = r"([^ \t,]+(?:(?:,| : |, )[^ \t,]+)*)"
"""A field that nothing reads: a word, or what may be a list."""

_WHOLE_REST = r'((?:[^"\]]|"[^"]*"|\](?: ?[^ "]| ?$))*)'
"""Whatever follows a known format, unless it is cut off within quotes or another line."""

_FORWARDED_WORDS = r"([^ \t,]+(?:, ?[^ \t,]+)*|.*?)"
"""The same without quotes around it: a list where there is one, or what clients have sent."""

_UNREAD_BEFORE = {"": r"(.*?)", "]": r"([^\]]*)", ")": r"([^)]*)"}
"""The same at the end of the line, where it may be free text, and in brackets."""

_WITH_UNIT = r'((?:[0-9][0-9.]*|-) (?:ns|us|µs|μs|ms|msec|s|sec|secs|seconds)|[^ \t,;"\])]*)'
"""A number with its unit: glued to it, or behind a blank."""

_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
_WEEKDAY = "(?:[A-Z][a-z]{2},? +)?"
_TIME_ANY = (
    rf"([0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[T ]{_CLOCK}(?:[.,][0-9]+)?{_ZONE}"
    rf"|{_WEEKDAY}[0-9]{{1,2}}[/ ][A-Z][a-z]{{2}}[/ ][0-9]{{4}}[: ]{_CLOCK}(?:\.[0-9]+)?{_ZONE}"
    rf"|{_WEEKDAY}[A-Z][a-z]{{2}} +[0-9]{{1,2}} {_CLOCK}(?:\.[0-9]+)?(?: [0-9]{{4}})?"
    rf"|[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}},? {_CLOCK}(?:\.[0-9]+)?(?: [AP]M)?"
    r'|[^ \t"\[\]]+)'
)
"""A time in any of the ways that can be read; those with blanks first, then any word."""
_SHAPES = {
    "time_local": rf"((?:0[1-9]|[12][0-9]|3[01])/[A-Za-z]{{3}}/[0-9]{{4}}:{_CLOCK}) "
    r"([+-][0-9]{4})",
    "time_iso8601": rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}(?:[.,][0-9]+)?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2}))",
    "msec": r"([0-9]+\.[0-9]+)",
    "status": r"([0-9]{3}|-1?)",
    "body_bytes_sent": _SIZE,
    "bytes_sent": _SIZE,
    "sent_http_content_length": _SIZE,
    "request_length": _SIZE,
    "request_time": _NUMBER,
    "request_time_ms": r"([0-9]+(?:\.[0-9]+)?(?:ms|µs|us|s)?|-)",
    "request_time_us": _NUMBER,
    "request_time_ns": _NUMBER,
    "request_time_any": _WITH_UNIT,
    "upstream_response_time_any": _WITH_UNIT,
    "time_any": _TIME_ANY,
    # As Python's servers write it, and Gin.
    "time_no_zone": rf"([0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}} {_CLOCK})",
    "time_python": rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}(?:[.,][0-9]+)?)",
    "time_web": rf"([A-Z][a-z]{{2}}, [0-9]{{2}} [A-Z][a-z]{{2}} [0-9]{{4}} {_CLOCK} GMT)",
    "blanks": "( +)",
    "opening": r"(\[?)",
    "closing": r"(\]?)",
    # What Python's logging writes before a message by default.
    "python_prefix": "((?:[A-Z]+:[A-Za-z_.]+:)?)",
    "time_gin": rf"([0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} - {_CLOCK}(?:\.[0-9]+)?)",
    "prefix": r"((?:[\[]?[A-Za-z][A-Za-z0-9_.-]*\]? +)?)",
    # hapi's, and the numbers and tags behind it.
    "time_good": r"([0-9]{6}/[0-9]{6}\.[0-9]{3})",
    "good_id": r"((?: \([^ )]*\))?)",
    "good_tags": r"((?:,[^\],]*)*)",
    "good_query": r"((?: (?:[\[]Object: null prototype[\]] )?\{.*\}| )?)",
    "play_head": r"([\[][a-z]+[\]] [A-Za-z_][A-Za-z0-9_.-]* - )",
    "play_head_or_none": r"((?:[\[][a-z]+[\]] [A-Za-z_][A-Za-z0-9_.-]* - )?)",
    "time_tornado": rf"([0-9]{{6}} {_CLOCK})",
    "level_letter": "([DIWEC])",
    "logger_and_line": "([A-Za-z_][A-Za-z0-9_.]*:[0-9]+)",
    # Fiber's, which writes no date unless it is told to.
    "clock": f"({_CLOCK})",
    "time_go": rf"([0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} {_CLOCK})",
    # Ruby's servers write seconds so, which others don't.
    "request_time_rack": r"([0-9]+\.[0-9]{4})",
    "request_time_actix": r"([0-9]+\.[0-9]{6})",
    "request_time_seconds": r"([0-9]+(?:\.[0-9]{1,9})?|-)",
    "sanic_process": r"([A-Z][A-Za-z]*(?: [0-9]+)? *\|)",
    "spans": r"((?:[A-Za-z_]+(?:\{[^}\"]*\})?:)*)",
    "more_fields": r"((?: [^}]*)?)",
    "uwsgi_vars": "([0-9]+ vars in [0-9]+ bytes)",
    "dots": r"( \.+)",
    "aspnet_head": r"( *|(?:[a-z]{4}: )?Microsoft\.AspNetCore\.Hosting\.[A-Za-z.]+\[[0-9]+\]:? +)",
    "aspnet_body": "((?:[^ ]+ [^ ]+ )?)",
    "one_word": "([^ ]+)",
    "serilog_head": rf"(\[{_CLOCK}(?:\.[0-9]+)? [A-Z]{{3}}\] )",
    "koa_arrow": "( *(?:-->|xxx|-x-) )",
    "bar": r"((?: *\|)? *)",
    "client_or_none": r"((?:[0-9A-Fa-f.:]+[.:][0-9A-Fa-f.:]+)?)",
    # What the FastAPI CLI draws before a line: the level of old, a bar since.
    "fastapi_tag": "( *(?:\u2595|INFO|WARNING|ERROR) +)",
    # IIS's, in a locale that has the month first.
    "time_month_first": "([0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}, [0-9]{1,2}:[0-9]{2}:[0-9]{2})",
    # HAProxy's times and numbers: -1 for what did not come to pass, + for what goes on.
    "time_unzoned": rf"([0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:{_CLOCK}(?:\.[0-9]{{3}})?)",
    "client_port": "([0-9]{1,5})",
    "syslog_stamp": r"((?:<[0-9]{1,3}>)?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2}) )?)",
    **dict.fromkeys(
        ("receive_time_ms", "queue_time_ms", "connect_time_ms", "server_time_ms"),
        "(-1|[0-9]+|-)",
    ),
    "active_time_ms": r"(-1|\+?[0-9]+|-)",
    "bytes_read": r"(\+?[0-9]+|-)",
    "retries": r"(\+?[0-9]+|-)",
    **dict.fromkeys(
        (
            "connections",
            "frontend_connections",
            "backend_connections",
            "server_connections",
            "server_queue",
            "backend_queue",
        ),
        "([0-9]+|-)",
    ),
    "termination_state": "([A-Za-z-]{4}|[A-Za-z-]{2}|-)",
    "captures": r"((?:\{[^{}]*\} ){0,2})",
    "captured_headers": r"(\{[^{}]*\} (?:\{[^{}]*\} )?)",
    "connection": _SIZE,
    "request_count": _SIZE,
    "gzip_ratio": _NUMBER,
    "request_method": r"([A-Za-z][A-Za-z0-9_-]*|-)",
    "method_lower": "([a-z]+)",
    "scheme": r"(https?|-)",
    "is_args": r"(\??)",
    # Tomcat's, which writes a dash where there is none, right behind the path.
    "query_or_dash": r"(\?[^ ]*|-)",
    "remote_addr": r"([^ \t\"\[\]]+)",
    # A bracket would be that of a time.
    "ident": r"([^ \t\[\"]*)",
    "pad": "( *)",
    "squid_result": "([A-Z_]+)",
    # What Spring Boot writes before the name of a logger.
    "logger_prefix": rf"((?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}[^ ]*)? *[A-Z]+ [0-9]+ --- "
    r"(?:\[[^\]\"]*\] )+)",
    # A path or URL where nothing stands around it, such as Node.js lets in: without a blank.
    "target": r"(/[^ ]*|\*|[A-Za-z][A-Za-z0-9+.-]*://[^ ]*)",
    # What Jetty's own logger writes before a line of its request log.
    "jetty_prefix": rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}(?:\.[0-9]+)?:INFO ?:"
    r"[A-Za-z.]*RequestLog:[^ ]*: )",
    "logged_at": rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK})",
    "logged_zone": "([+-][0-9]{4})",
    "pid": "([0-9]+)",
    "level": "([A-Z]+)",
    # A name with a point in it, which neither a user nor a dash is.
    "dotted_host": r"([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+(?::[0-9]{1,5})?)",
    "reason_phrase": "([A-Za-z][A-Za-z '-]*)",
    "epoch_ms": "([0-9]{13})",
    "absolute_url": r"([a-z][a-z0-9+.-]*://[^ |]*)",
    # Between bars, where there may be blanks.
    **dict.fromkeys(("referer_to_bar", "agent_to_bar", "zone_to_bar", "edge_to_bar"), "([^|]*)"),
    "tabs": "([ \t]+)",
    "apigee_connection": r"([^ \t]*-[0-9]+-[0-9]+-[0-9]+)",
}
_AWS_ID = "[A-Za-z0-9_+/-]{11,}="
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_IPV4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_HOST = (
    rf"((?:(?:[A-Za-z0-9_*-]+\.)*[A-Za-z_*][A-Za-z0-9_*-]*\.?|{_IPV4}|\[[0-9A-Fa-f:.]+\])"
    r"(?::[0-9]{1,5})?|-|)"
)


_FORWARDER = rf"(?:{_IPV4}|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\]?|unknown|-)"
_FORWARDED = rf"({_FORWARDER}?(?:, ?{_FORWARDER})*)"
"""Addresses as proxies list them; clients may send anything, but few of them do."""

_REFERER = (
    r"((?:[A-Za-z][A-Za-z0-9+.-]*:|/)"
    r'(?:[^"\\]|\\.)*|(?:[^"/\\]|\\.)*)'
)
"""A URL, a path or no slash at all: anything but what a user agent looks like."""


def _list_of(entry: str) -> str:
    """Return the pattern of one entry per attempt."""
    return f"((?:{entry}|-)(?:(?:, | : )(?:{entry}|-))*)"


_OTHER_TIMES = (
    "time_no_zone",
    "time_python",
    "time_web",
    "time_gin",
    "time_good",
    "time_tornado",
    "time_go",
)

_STRICT_SHAPES = {
    # More seconds than servers wait are another unit.
    "request_time_rack": r"([0-9]{1,2}\.[0-9]{4})",
    "host": _HOST,
    "http_x_forwarded_for": _FORWARDED,
    # nginx's own has no hyphens; a proxy before it may have given a UUID.
    "request_id": r"([0-9A-Fa-f-]{32,36}|-)",
    "http_referer": _REFERER,
    "upstream_status": _list_of("[0-9]{3}"),
    "upstream_response_time": _list_of(r"[0-9]+\.[0-9]{3}"),
    "upstream_response_length": _list_of("[0-9]+"),
    "body_bytes_sent": r"([0-9]+)",
    "bytes_sent": r"([0-9]+)",
    "request_duration": "([0-9][0-9.]*[a-zµ][0-9.a-zµ]*)",
    # A host and its port; IPv6 addresses are in no brackets there.
    "peer": r"((?:\[?[0-9A-Fa-f:.%]+\]?|[A-Za-z0-9_.-]+):[0-9]{1,5}|)",
    "millisecond": "([0-9]{3})",
    "response_flags": "([A-Za-z]{2,}(?:,[A-Za-z]{2,})*|-)",
    "aws_request_id": f"({_UUID}(?:_[A-Z_]+)?|{_AWS_ID})",
    "aws_extended_id": f"({_AWS_ID})",
    "event_type": "(CONNECT|MESSAGE|DISCONNECT|-)",
}
_STRICT_SHAPES_OF_APACHE = {
    "host": _HOST,
    "http_x_forwarded_for": _FORWARDED,
    "http_referer": _REFERER,
}
_SHAPES_BY_ESCAPE: Mapping[str, Mapping[str, str]] = {
    "default": _STRICT_SHAPES,
    "envoy": _STRICT_SHAPES,
    "haproxy": _STRICT_SHAPES,
    "apache": _STRICT_SHAPES_OF_APACHE,
}
_NO_QUOTES_WITHIN = ("default", "envoy", "haproxy")
"""How values are escaped in which a quote is rare, or none at all."""
_QUOTED_VALUES: Mapping[str, str] = {
    "none": "(.*?)",
    "envoy": "(.*?)",
    "haproxy": r'([^"]*)',
}
"""What may stand between quotes, where that is not what nginx and Apache write."""
_ADDRESS = r"(unix:|[0-9A-Fa-f.:]+|[^ \t\"\[\]\(\),:-](?:[^ \t\"\[\]\(\),]*[^ \t\"\[\]\(\),:])?)"
"""An address or a name, but no `nginx:` as collectors write before a line, and no dash."""
_FIRST_ADDRESS = f"({_ADDRESS[1:-1]}|-)"
"""The first field may be one: it can't be one that belongs to another field."""
_USER = r"([^ \t]*|[^ \t\"\[-][^\t\"\[]*[^ \t\"\[])"
"""A word, or several that do not begin with a dash: that would be a field of its own."""
_ONE_WORD = r"([^ \t]*)"
_LINE_END = r"[ \t\r]*$"
_GOES_ON = r"[ \t]|[,;|] ?[A-Za-z0-9_\"-]|[A-Za-z_][A-Za-z0-9_.-]*="
"""What follows a format that is known, where a line has fields of its own behind it: a separator,
or a key that is glued to what stands before."""
_FREE_TEXT = re.compile(
    r"(error_message|request|request_uri|remote_user|uri|args|query_string|document_uri|ssl_.*|http_.*|sent_.*"
    r"|tail)\Z"
)
"""Variables whose value may hold blanks."""

_FIRST_CHARACTER = {"request_uri": "/", "uri": "/", "document_uri": "/", "is_args": "?"}
"""What values begin with, where they are not set apart from the value before."""

_EXPLAINED_LENGTH = 4096
"""Characters of a line that are looked at to explain it: Python's expressions backtrack, and may
take time exponential in the line's length."""

_EXPECTED = {
    "time_local": "a time like 28/Sep/1970:12:00:00 +0600",
    "time_iso8601": "a time like 1970-09-28T12:00:00+06:00",
    "time_any": "a time",
    "time_no_zone": "a time like 28/Sep/1970 12:00:00",
    "time_gin": "a time like 1970/09/28 - 12:00:00",
    "time_good": "a time like 700928/120000.123",
    "time_tornado": "a time like 700928 12:00:00",
    "time_go": "a time like 1970/09/28 12:00:00",
    "time_python": "a time like 1970-09-28 12:00:00,123",
    "time_web": "a time like Mon, 28 Sep 1970 12:00:00 GMT",
    "msec": "a time in epoch seconds",
    "status": "a status of three digits",
}


@cache
def _pattern_of_time(groups: tuple[str, ...]) -> str:
    names = ("time_local", "time_iso8601", "msec", "time_any", *_OTHER_TIMES)
    return next((_SHAPES[name] for name in names if name in groups), "")


@dataclass(frozen=True, slots=True)
class LineExpression:
    """A log format as a regular expression whose groups are the variables, in order."""

    pattern: str
    groups: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    """Pattern of each part, and what it wants there."""
    literals: tuple[str, ...]
    """The texts between the variables, in order; the first is empty if a variable comes first."""
    literal_set: frozenset[str] = frozenset()
    time_pattern: str = ""
    """The pattern of its time, unanchored; empty if it has none."""
    opening: str = ""
    """The pattern up to the first text behind a variable."""

    def may_match_any(self, lines: Iterable[str]) -> bool:
        """Return whether a line opens so and has all texts between the variables, in order.

        No other line is read, nor begins like one that is; and to look for this takes far less
        time than to compile the expression.
        """
        opens = compile_opening(self.opening)
        opened = (line for line in lines if len(line) > LONGEST_OPENED or opens(line))
        return any(map(self._has_literals, opened))

    def _has_literals(self, line: str) -> bool:
        first, *others = self.literals
        at = len(first)
        if not line.startswith(first):
            return False
        for text in others:
            found = line.find(text, at)
            if found < 0:
                return False
            at = found + len(text)
        return True

    def read_values(self, lines: pl.Series, variables: Collection[str]) -> pl.DataFrame:
        """Return one row per line: the raw values of these variables, and `ok`."""
        # A variable may stand twice in a format, so that groups go by number. Groups cost more than
        # all the rest: of those that nobody asks for one is left, as a line without it is not read.
        wanted: dict[str, int] = {}
        for i, name in enumerate(self.groups):
            if name.removesuffix("_zone") in variables or name in variables:
                wanted.setdefault(name, i)
        numbers = iter(range(len(self.groups)))
        kept = {*wanted.values()} or {0}

        def open_group(_: re.Match[str]) -> str:
            number = next(numbers)
            return f"(?P<g{number}>" if number in kept else "(?:"

        pattern = re.sub(r"(?<!\\)\((?!\?)", open_group, self.pattern)
        values = lines.str.extract_groups(f"^{pattern}{_LINE_END}").struct.unnest()
        chosen = {name: pl.col(f"g{i}") for name, i in wanted.items()}
        return values.select(pl.col(f"g{min(kept)}").is_not_null().alias("ok"), **chosen)

    def matches(self, lines: pl.Series) -> pl.Series:
        """Return which lines it reads, as Boolean."""
        return lines.to_frame("line").select_seq(self.reads(pl.col("line"))).to_series()

    def reads(self, lines: pl.Expr) -> pl.Expr:
        """Do as `matches` in a query."""
        return lines.str.contains(f"^{self.pattern}{_LINE_END}")

    def matches_beginning(self, lines: pl.Series) -> pl.Series:
        """Return which lines it reads, or the beginning of, as Boolean."""
        return lines.to_frame("line").select_seq(self.begins(pl.col("line"))).to_series()

    def begins(self, lines: pl.Expr) -> pl.Expr:
        """Do as `matches_beginning` in a query."""
        return lines.str.contains(f"^{self.pattern}(?:{_GOES_ON}|{_LINE_END})")

    def matches_extended(self, lines: pl.Series) -> pl.Series:
        """Return which lines begin like this and go on, as Boolean."""
        return lines.to_frame("line").select_seq(self.goes_on(pl.col("line"))).to_series()

    def goes_on(self, lines: pl.Expr) -> pl.Expr:
        """Do as `matches_extended` in a query."""
        return lines.str.contains(f"^{self.pattern}(?:{_GOES_ON})")

    def split_tail(self, line: str) -> tuple[dict[str, str], str]:
        """Return the values in a line that begins like this, and what follows."""
        match = re.match(self.pattern, line)
        if match is None:
            return {}, ""
        return dict(zip(self.groups, match.groups(), strict=True)), line[match.end() :]

    def measure_tail(self, line: str) -> int:
        """Return how many characters follow in a line that begins like this."""
        match = re.match(self.pattern, line)
        return 0 if match is None else len(line) - match.end()

    def explain(self, line: str) -> MatchFailure:
        """Return where the line stops matching, to the character."""
        line = line[:_EXPLAINED_LENGTH]
        matched, position = "", 0
        for pattern, expected in self.steps:
            match = re.match(matched + pattern, line)
            if match is None:
                return MatchFailure(position, expected)
            matched += pattern
            position = match.end()
        return MatchFailure(position, "the end of the line")


def is_whole_rest(text: str) -> bool:
    """Return whether what follows a known format is neither cut off nor has another line in it."""
    return re.fullmatch(_WHOLE_REST, text[:_EXPLAINED_LENGTH]) is not None


# Many small files have the same format, which is found in each of them.
@lru_cache(maxsize=512)
def compile_expression(log_format: LogFormat, *, strict: bool = False) -> LineExpression:
    """Return the expression of a log format.

    `strict` is for detection: it admits only what the format's own server writes, while
    reading also takes what a relative of it writes (Apache's `\\"` and missing sizes).
    """
    groups: list[str] = []
    steps: list[tuple[str, str]] = []
    quoted = False
    for position, part in enumerate(log_format.parts):
        if isinstance(part, LiteralText):
            quoted ^= part.text.count('"') % 2 == 1
            steps.append((_escape_literal(part.text), f"the text {part.text!r}"))
            continue
        pattern = _value_pattern(part.name, log_format, position, quoted=quoted, strict=strict)
        groups += ["time_local", "time_local_zone"] if part.name == "time_local" else [part.name]
        steps.append((pattern, _EXPECTED.get(part.name, f"the value of ${part.name}")))
    literals = tuple(part.text for part in log_format.parts if isinstance(part, LiteralText))
    if not isinstance(log_format.parts[0] if log_format.parts else None, LiteralText):
        literals = ("", *literals)
    return LineExpression(
        pattern="".join(pattern for pattern, _ in steps),
        groups=tuple(groups),
        steps=tuple(steps),
        literals=literals,
        literal_set=frozenset(literals),
        time_pattern=_pattern_of_time(tuple(groups)),
        opening=opening_of(log_format, [pattern for pattern, _ in steps]),
    )


def _escape_literal(text: str) -> str:
    """Escape a text the way both Python and Polars read it."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


def _value_pattern(
    name: str, log_format: LogFormat, position: int, *, quoted: bool, strict: bool
) -> str:
    """Return the pattern of a variable at this position of the format."""
    escape = log_format.escape
    preceding = log_format.parts[position - 1] if position else None
    if strict and name == "remote_addr":
        return _ADDRESS if position else _FIRST_ADDRESS
    if strict and name == "remote_user":
        is_behind_dash = isinstance(preceding, LiteralText) and preceding.text.endswith(" - ")
        return _USER if is_behind_dash else _ONE_WORD
    if name == "rest":
        return _WHOLE_REST
    shapes = _SHAPES_BY_ESCAPE.get(escape, {})
    pattern = shapes.get(name) if strict else None
    behind = log_format.parts[position + 1 : position + 2]
    following = behind[0] if behind else None
    has_unit = isinstance(following, LiteralText) and following.text.startswith(" s")
    if strict and name == "request_time" and not has_unit:
        # nginx writes three decimals; other numbers may be in any unit.
        pattern = r"([0-9]+\.[0-9]{3}|-)"
    if strict and escape in _NO_QUOTES_WITHIN and quoted and not (pattern or name in _SHAPES):
        return r'([^"]*)'
    pattern = pattern or _SHAPES.get(name)
    if pattern is not None:
        # An empty string stands for a missing value in these two modes.
        may_be_empty = escape in ("json", "none") and pattern.endswith("|-)")
        return f"{pattern[:-1]}|)" if may_be_empty else pattern
    # A value that has no shape of its own goes up to what follows it.
    if isinstance(following, FormatVariable) and (first := _FIRST_CHARACTER.get(following.name)):
        return f'([^ \\t"{first}]*)'
    if quoted:
        return _QUOTED_VALUES.get(escape, r'((?:[^"\\]|\\.)*)')
    if (
        escape == "default"
        and isinstance(following, LiteralText)
        and following.text.startswith("\t")
    ):
        return r"([^\t]*)"  # within a value it is escaped
    if name.startswith("tail_"):
        end = following.text[0] if isinstance(following, LiteralText) else ""
        return _UNREAD_BEFORE.get(end, _UNREAD_LIST)
    if name.startswith("upstream_") and escape != "haproxy":
        return f"({_LIST[1:-1]}|)" if escape in ("json", "none") else _LIST
    if name in ("http_x_forwarded_for", "proxy_add_x_forwarded_for"):
        return _FORWARDED_WORDS
    if _FREE_TEXT.match(name):
        return r"(.*?)"
    if following is None:
        return _ONE_WORD
    stop = following.text[0] if isinstance(following, LiteralText) else " "
    return f"([^{_escape_literal(stop)} \\t]*)" if stop != '"' else r"([^ \t]*?)"

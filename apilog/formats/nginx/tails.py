"""Reading what follows a known format at the end of its lines.

Many a log is `combined` with fields of one's own behind it. Their order is unknown but
their shapes speak: this makes a `log_format` of the head of such a file. A field whose
shape says nothing is a variable that nothing reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apilog.formats.nginx.grammar import LogFormat, Part, Text, Variable

UNREAD = Variable("tail")
"""Stands for all that follows, whatever it is."""

_FIELD = re.compile(r'\s("(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s,"]+(?:,? : [^\s,"]+|, [^\s,"]+)*)')
_KEY_VALUE = re.compile(r'([A-Za-z_][\w.-]*)([=:])("?)(.*?)\3\Z', re.DOTALL)

_KEYS = {
    "rt": "request_time",
    "request_time": "request_time",
    "reqtime": "request_time",
    "urt": "upstream_response_time",
    "upstream_response_time": "upstream_response_time",
    "upstream_time": "upstream_response_time",
    "us": "upstream_status",
    "upstream_status": "upstream_status",
    "ua": "upstream_addr",
    "upstream_addr": "upstream_addr",
    "uct": "upstream_connect_time",
    "uht": "upstream_header_time",
    "request_length": "request_length",
    "rl": "request_length",
    "host": "host",
    "vhost": "host",
    "server_name": "host",
    "request_id": "request_id",
    "req_id": "request_id",
    "rid": "request_id",
    "trace_id": "opentelemetry_trace_id",
    "traceid": "opentelemetry_trace_id",
    "cache": "upstream_cache_status",
    "cs": "upstream_cache_status",
    "upstream_cache_status": "upstream_cache_status",
    "consumer": "consumer",
    "client_id": "http_x_client_id",
    "xff": "http_x_forwarded_for",
}
"""Keys of `key=value` fields, and the variable each stands for."""

_ADDRESSES = re.compile(r"(-|[\da-fA-F.:]+|unknown)(, ?([\da-fA-F.:]+|unknown|-))*\Z")
_SECONDS = re.compile(r"(\d+\.\d{3}|-)\Z")
_SECONDS_LIST = re.compile(r"(\d+\.\d{3}|-)((, | : )(\d+\.\d{3}|-))*\Z")
_STATUS_LIST = re.compile(r"(\d{3}|-)((, | : )(\d{3}|-))*\Z")
_ADDRESS_PORT_LIST = re.compile(r"((\S+:\d+|unix:\S+|-)(, | : |\Z))+\Z")
_REQUEST_ID = re.compile(r"[0-9a-f]{32}\Z")
_CACHE = re.compile(r"(HIT|MISS|BYPASS|EXPIRED|STALE|UPDATING|REVALIDATED|-)\Z")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A variable that values of this shape stand for, once in a line."""

    variable: str
    pattern: re.Pattern[str]
    quoted: bool | None = None
    after: str = ""
    """The variable that has to be there already."""


_SHAPES = (
    _Shape("http_x_forwarded_for", _ADDRESSES, quoted=True),
    _Shape("request_time", _SECONDS),
    _Shape("upstream_response_time", _SECONDS_LIST, after="request_time"),
    _Shape("upstream_cache_status", _CACHE),
    _Shape("upstream_status", _STATUS_LIST, after="upstream_response_time"),
    _Shape("request_id", _REQUEST_ID),
    _Shape("upstream_addr", _ADDRESS_PORT_LIST, after="request_time"),
)


def tail_parts(base: LogFormat, tails: Sequence[str]) -> tuple[Part, ...]:
    """Fields for what follows the base in these lines (not empty, each with its blank).

    Where the lines differ in their number of fields, the tail is the one variable `UNREAD`.
    """
    rows = [_FIELD.findall(tail) for tail in tails]
    whole = all(
        "".join(f" {field}" for field in row) == tail.rstrip()
        for row, tail in zip(rows, tails, strict=True)
    )
    if not whole or len({len(row) for row in rows}) != 1:
        return Text(" "), UNREAD
    parts: list[Part] = []
    known = set(base.variables)
    for number, column in enumerate(zip(*rows, strict=True), 1):
        parts += [Text(" "), *_field(list(column), number, known)]
    return tuple(parts)


def _field(values: list[str], number: int, known: set[str]) -> list[Part]:
    keyed = [_KEY_VALUE.match(v) for v in values]
    if all(keyed) and len({(m[1], m[2], m[3]) for m in keyed if m}) == 1:
        first = keyed[0]
        assert first is not None  # all of them matched
        name = _claim(_KEYS.get(first[1].lower(), f"tail_{number}"), number, known)
        before, after = f"{first[1]}{first[2]}{first[3]}", first[3]
        return [Text(before), Variable(name), *([Text(after)] if after else [])]
    for opening, closing in ('""', "[]"):
        if all(v[0] == opening and v[-1] == closing for v in values):
            inner = [v[1:-1] for v in values]
            return [Text(opening), _variable(inner, number, known, opening), Text(closing)]
    return [_variable(values, number, known, "")]


def _variable(values: list[str], number: int, known: set[str], opening: str) -> Variable:
    telling = [v for v in values if v not in ("-", "")]

    def fits(shape: _Shape) -> bool:
        return (
            shape.variable not in known
            and (not shape.after or shape.after in known)
            and (shape.quoted is None or shape.quoted == (opening == '"'))
            and all(map(shape.pattern.match, telling))
        )

    # A forwarded-for is often empty in every line; of other fields that says nothing.
    name = next(
        (s.variable for s in _SHAPES if (telling or s.quoted) and fits(s)), f"tail_{number}"
    )
    return Variable(_claim(name, number, known))


def _claim(name: str, number: int, known: set[str]) -> str:
    chosen = f"tail_{number}" if name in known else name
    known.add(chosen)
    return chosen

"""Reading what follows a known format at the end of its lines.

Many a log is `combined` with fields of one's own behind it. Their order is unknown but
their shapes speak: this makes a `log_format` of the head of such a file. A field whose
shape says nothing is a variable that nothing reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat

UNREAD_TAIL = FormatVariable("tail")
"""Stands for all that follows, whatever it is."""

_FIELD = re.compile(r' ("(?:[^"\\]|\\.)*"|\[[^\[\]]*\]|[^\s,"]+(?:,? : [^\s,"]+|, [^\s,"]+)*)')
_KEY_VALUE = re.compile(r'([A-Za-z_][\w.-]*)([=:])("?)(.*?)\3\Z', re.DOTALL)

_VARIABLE_OF_KEY = {
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
class _ValueShape:
    """A variable that values of this shape stand for, once in a line."""

    variable: str
    pattern: re.Pattern[str]
    quoted: bool | None = None
    after: str = ""
    """The variable that has to be there already."""


_VALUE_SHAPES = (
    _ValueShape("http_x_forwarded_for", _ADDRESSES, quoted=True),
    _ValueShape("request_time", _SECONDS),
    _ValueShape("upstream_response_time", _SECONDS_LIST, after="request_time"),
    _ValueShape("upstream_cache_status", _CACHE),
    _ValueShape("upstream_status", _STATUS_LIST, after="upstream_response_time"),
    _ValueShape("request_id", _REQUEST_ID),
    _ValueShape("upstream_addr", _ADDRESS_PORT_LIST, after="request_time"),
)


@dataclass(frozen=True, slots=True)
class LineTail:
    """What follows the known format in one line."""

    text: str
    """Not empty, with the blank it begins with."""
    status: str
    """The status that the line has."""


@dataclass(frozen=True, slots=True)
class _TrailingColumn:
    """The values of one field."""

    values: list[str]
    statuses: list[str]

    @property
    def given_values(self) -> list[str]:
        return [value for value in self.values if value not in ("-", "")]

    def strip_enclosing(self, opening: str, closing: str) -> _TrailingColumn | None:
        """The values without what encloses each; None if something else does."""
        if not all(v[0] == opening and v[-1] == closing for v in self.values):
            return None
        return _TrailingColumn([v[1:-1] for v in self.values], self.statuses)

    def ends_in_status(self) -> bool:
        """Whether most values end in the status of their line, as an upstream's does."""
        pairs = [p for p in zip(self.values, self.statuses, strict=True) if p[0] not in ("-", "")]
        return 2 * sum(value.endswith(status) for value, status in pairs) > len(pairs)


def infer_trailing_fields(base: LogFormat, tails: Sequence[LineTail]) -> tuple[FormatPart, ...]:
    """Fields for what follows the base in most of these lines.

    Where no number of fields is that of half of the lines, the tail is the one variable
    `UNREAD`.
    """
    rows = [(_FIELD.findall(tail.text), tail) for tail in tails]
    whole = [(row, tail.status) for row, tail in rows if _is_whole(row, tail.text)]
    width, often = Counter(len(row) for row, _ in whole).most_common(1)[0] if whole else (0, 0)
    if 2 * often < len(tails):
        return LiteralText(" "), UNREAD_TAIL
    usual = [(row, status) for row, status in whole if len(row) == width]
    statuses = [status for _, status in usual]
    known = set(base.variables)
    parts: list[FormatPart] = []
    for number in range(width):
        column = _TrailingColumn([row[number] for row, _ in usual], statuses)
        parts += [LiteralText(" "), *_field_parts(column, number + 1, known)]
    return tuple(parts)


def _is_whole(row: list[str], tail: str) -> bool:
    return "".join(f" {field}" for field in row) == tail.rstrip()


def _field_parts(column: _TrailingColumn, number: int, known: set[str]) -> list[FormatPart]:
    keyed = [_KEY_VALUE.match(v) for v in column.values]
    if all(keyed) and len({(m[1], m[2], m[3]) for m in keyed if m}) == 1:
        first = keyed[0]
        assert first is not None  # all of them matched
        name = _claim_name(_VARIABLE_OF_KEY.get(first[1].lower(), f"tail_{number}"), number, known)
        before, after = f"{first[1]}{first[2]}{first[3]}", first[3]
        return [LiteralText(before), FormatVariable(name), *([LiteralText(after)] if after else [])]
    for opening, closing in ('""', "[]"):
        if inner := column.strip_enclosing(opening, closing):
            return [
                LiteralText(opening),
                _choose_variable(inner, number, known, opening),
                LiteralText(closing),
            ]
    return [_choose_variable(column, number, known, "")]


def _choose_variable(
    column: _TrailingColumn, number: int, known: set[str], opening: str
) -> FormatVariable:
    telling = column.given_values

    def fits(shape: _ValueShape) -> bool:
        return (
            shape.variable not in known
            and (not shape.after or shape.after in known)
            and (shape.quoted is None or shape.quoted == (opening == '"'))
            and all(map(shape.pattern.match, telling))
            and (shape.variable != "upstream_status" or column.ends_in_status())
        )

    # A forwarded-for is often empty in every line; of other fields that says nothing.
    name = next(
        (s.variable for s in _VALUE_SHAPES if (telling or s.quoted) and fits(s)), f"tail_{number}"
    )
    return FormatVariable(_claim_name(name, number, known))


def _claim_name(name: str, number: int, known: set[str]) -> str:
    chosen = f"tail_{number}" if name in known else name
    known.add(chosen)
    return chosen

"""The inference of the fields that follow a known format at the end of its lines.

Many a log is `combined` with fields of one's own behind it. Their order is unknown but their shapes
tell what they are: this makes a `log_format` of the head of such a file.

Invariant: a field whose shape says nothing becomes a variable that nothing reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat

UNREAD_TAIL = FormatVariable("tail")
"""Stands for all that follows the known format, whatever it is."""

_FIELD = re.compile(r' ("(?:[^"\\]|\\.)*"|\[[^\[\]]*\]|[^\s,"]+(?:,? : [^\s,"]+|, [^\s,"]+)*)')
_KEY_VALUE = re.compile(r'([A-Za-z_][\w.-]*)([=:])("?)(.*?)\3\Z', re.DOTALL)

VARIABLE_OF_KEY = {
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
    """A variable that has to come first."""


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


@dataclass(frozen=True, slots=True)
class _TrailingColumn:
    """The values of one field, and the statuses of their lines."""

    values: list[str]
    statuses: list[str]

    def strip_enclosing(self, opening: str, closing: str) -> _TrailingColumn | None:
        """Return the values without what encloses each; None if something else does."""
        if not all(v[0] == opening and v[-1] == closing for v in self.values):
            return None
        return _TrailingColumn([v[1:-1] for v in self.values], self.statuses)

    def choose_variable(self, known: set[str], opening: str) -> str | None:
        """Return the variable that the values look like; None if they look like none."""
        pairs = zip(self.values, self.statuses, strict=True)
        given = [(value, status) for value, status in pairs if value not in ("-", "")]
        # An upstream's status is mostly that of the line.
        often_status = 2 * sum(value.endswith(status) for value, status in given) > len(given)

        def fits(shape: _ValueShape) -> bool:
            return (
                # A forwarded-for is often empty in every line; of other fields that says nothing.
                (bool(given) or bool(shape.quoted))
                and shape.variable not in known
                and (not shape.after or shape.after in known)
                and (shape.quoted is None or shape.quoted == (opening == '"'))
                and all(shape.pattern.match(value) for value, _ in given)
                and (shape.variable != "upstream_status" or often_status)
            )

        return next((shape.variable for shape in _VALUE_SHAPES if fits(shape)), None)


def infer_trailing_fields(base: LogFormat, tails: Sequence[LineTail]) -> tuple[FormatPart, ...]:
    """Return fields for what follows the base in most of these lines.

    Where no number of fields is that of half of the lines, the tail is the one variable
    `UNREAD_TAIL`.
    """
    rows = [(_FIELD.findall(tail.text), tail) for tail in tails]
    whole = [
        (row, tail.status)
        for row, tail in rows
        if "".join(f" {field}" for field in row) == tail.text.rstrip()
    ]
    width, often = Counter(len(row) for row, _ in whole).most_common(1)[0] if whole else (0, 0)
    if 2 * often < len(tails):
        return LiteralText(" "), UNREAD_TAIL
    usual = [(row, status) for row, status in whole if len(row) == width]
    statuses = [status for _, status in usual]
    known = set(base.variables)
    parts: list[FormatPart] = []
    for position in range(width):
        column = _TrailingColumn([row[position] for row, _ in usual], statuses)
        before, name, after = "", None, ""
        keyed = [match for v in column.values if (match := _KEY_VALUE.match(v))]
        prefixes = {(match[1], match[2], match[3]) for match in keyed}
        if len(keyed) == len(column.values) and len(prefixes) == 1:
            key, separator, after = prefixes.pop()
            before, name = f"{key}{separator}{after}", VARIABLE_OF_KEY.get(key.lower())
        elif inner := column.strip_enclosing('"', '"'):
            before, name, after = '"', inner.choose_variable(known, '"'), '"'
        elif inner := column.strip_enclosing("[", "]"):
            before, name, after = "[", inner.choose_variable(known, "["), "]"
        else:
            name = column.choose_variable(known, "")
        if name is None or name in known:
            name = f"tail_{position + 1}"
        known.add(name)
        parts += [LiteralText(" "), *([LiteralText(before)] if before else [])]
        parts += [FormatVariable(name), *([LiteralText(after)] if after else [])]
    return tuple(parts)

"""What the values of a field look like, in many lines together.

A look never rests on where a field stands: other fields before it change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, pstdev

import polars as pl

from apilog.formats.nginx.line_fields import FieldColumn
from apilog.values.times import parse_times

ENTRY_SEPARATOR = re.compile(r", ?| : ")
"""What sets the attempts of an upstream variable apart."""

_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = r"(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:.]+"
_ADDRESS = rf"(?:{_IPV4}|\[?{_IPV6}\]?)"
_LOOKS: Mapping[str, re.Pattern[str]] = {
    "address": re.compile(rf"{_ADDRESS}\Z"),
    "address_and_port": re.compile(rf"(?:{_IPV4}|\[?{_IPV6}\]?):\d{{1,5}}\Z"),
    "forwarded": re.compile(rf"(?:{_ADDRESS}|unknown|-)(?:, ?(?:{_ADDRESS}|unknown|-))*\Z"),
    "upstream": re.compile(r"(?:[^\s,:]+:\d{1,5}|\[[^\]\s]+\]:\d{1,5}|unix:\S+|-)\Z"),
    "seconds": re.compile(r"\d+\.\d{3}\Z"),
    "decimal": re.compile(r"\d+\.\d+\Z"),
    "integer": re.compile(r"(?:0|[1-9]\d*)\Z"),
    "number": re.compile(r"(?:0|[1-9]\d*)(?:\.\d+)?\Z"),
    "united": re.compile(r"\d+(?:\.\d+)? ?(?:ns|us|µs|μs|ms|msec|s|sec|secs|seconds|m|h)\Z"),
    "go_duration": re.compile(r"(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(?:ns|us|µs|ms|s)\Z"),
    "epoch": re.compile(r"1\d{9}(?:\.\d+)?\Z"),
    "status": re.compile(r"[1-5]\d\d\Z"),
    "hex_id": re.compile(r"[0-9a-f]{32}\Z"),
    "uuid": re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z"),
    "aws_short_id": re.compile(r"[A-Za-z0-9_+/-]{11,}=\Z"),
    "xray": re.compile(r"(?:Root=)?1-[0-9a-f]{8}-[0-9a-f]{24}\b"),
    # The small ones are Varnish's: https://varnish-cache.org/docs/trunk/reference/varnishncsa.html
    "cache": re.compile(
        r"(?:HIT|MISS|BYPASS|EXPIRED|STALE|UPDATING|REVALIDATED"
        r"|hit|miss|pass|pipe|synth|error|hitmiss|hitpass)\Z"
    ),
    "host": re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+(?::\d{1,5})?\Z"),
    "url": re.compile(r"[a-z][a-z0-9+.-]*://\S"),
    "user_agent": re.compile(r"[A-Za-z][\w .+-]*/v?\d"),
    "method": re.compile(r"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PROPFIND)\Z"),
    "request": re.compile(r"[A-Z_]{3,20} \S.* HTTP/\d(?:\.\d)?\Z|[A-Z]{3,7} /\S*\Z", re.DOTALL),
    "protocol": re.compile(r"HTTP/\d(?:\.\d)?\Z"),
    "path": re.compile(r"/\S*\Z"),
}

_SEVERAL_LINES = 5
_LEAST_REQUEST = 60
SURE_LINES = 3
"""How few lines of a number tell nothing of what it counts."""


def is_nearly_all(agreeing: int, count: int) -> bool:
    """Return whether all lines agree, or all but the odd one that may be cut or spoilt."""
    return agreeing > 0 and count - agreeing <= _count_of_odd_ones(count)


def _count_of_odd_ones(count: int) -> int:
    """Return how many of so many lines may be cut or spoilt."""
    return (count >= _SEVERAL_LINES) + count // 50


def looks_like(values: Sequence[str], *looks: str) -> bool:
    """Return whether there are values, and all of them look in one of these ways."""
    patterns = [_LOOKS[look] for look in looks]
    odd = 0
    for value in values:
        if not any(pattern.match(value) for pattern in patterns):
            odd += 1
            if odd > _count_of_odd_ones(len(values)):
                return False
    return is_nearly_all(len(values) - odd, len(values))


def mostly_looks_like(values: Sequence[str], look: str) -> bool:
    """Return whether more than half of the values look so; texts of clients may be anything."""
    pattern = _LOOKS[look]
    return 2 * sum(bool(pattern.match(value)) for value in values) > len(values)


def split_entries(values: Sequence[str]) -> list[str]:
    """Return the entries of lists of attempts that are not missing."""
    entries = (entry for value in values for entry in ENTRY_SEPARATOR.split(value))
    return [entry for entry in entries if entry not in ("-", "", "- ms", "- s")]


def is_list_of(column: FieldColumn, *looks: str) -> bool:
    """Return whether the values are such values, or lists of them."""
    return looks_like(split_entries(column.values), *looks)


def has_lists(column: FieldColumn) -> bool:
    """Return whether some value is a list of attempts."""
    return any(", " in value or " : " in value for value in column.values)


def total(value: str) -> float | None:
    """Return the sum of a list of numbers; None if there is none in it."""
    entries = split_entries([value])
    try:
        return sum(map(float, entries)) if entries else None
    except ValueError:
        return None


def totals(column: FieldColumn) -> list[float | None]:
    """Return the sums of lists of numbers, one for each line."""
    return [total(value) for value in column.values]


@dataclass(frozen=True, slots=True)
class LineContext:
    """What is known of the lines besides the fields that are looked at."""

    values: Mapping[str, Sequence[str]]
    """Variable to its values, one for each line."""

    def of(self, *variables: str) -> Sequence[str]:
        """Return the values of the first of these variables that is known."""
        return next((self.values[name] for name in variables if name in self.values), ())

    @property
    def statuses(self) -> Sequence[str]:
        return self.of("status")

    def agrees_with_status(self, column: FieldColumn) -> bool:
        """Return whether most values are, or end in, the line's status."""
        pairs = [
            (value, status)
            for value, status in zip(column.values, self.statuses, strict=False)
            if value not in ("-", "")
        ]
        return 2 * sum(value.endswith(status) for value, status in pairs) > len(pairs)

    def is_moment_of_line(self, column: FieldColumn) -> bool:
        """Return whether epoch seconds are when the line was written."""
        written = self.of("time_local", "time_iso8601", "time_any")
        if not written or not looks_like(column.values, "epoch"):
            return not written
        zones = self.values.get("time_local_zone")
        texts = [f"{t} {z}" for t, z in zip(written, zones, strict=True)] if zones else written
        moments = parse_times(pl.Series(texts, dtype=pl.String)).to_physical().to_list()
        pairs = zip(column.values, moments, strict=True)
        near = [
            m is not None and looks_like([v], "epoch") and abs(float(v) - m / 1e6) < 2
            for v, m in pairs
        ]
        return is_nearly_all(sum(near), len(near))


def is_counter(column: FieldColumn) -> bool:
    """Return whether whole numbers rise from line to line, as serial numbers do."""
    if not looks_like(column.given, "integer"):
        return False
    numbers = [int(value) for value in column.given if value.isdigit()]
    return len(numbers) > SURE_LINES and all(a < b for a, b in pairwise(numbers))


def is_client_port(column: FieldColumn) -> bool:
    """Return whether numbers are all such as ports of callers are, or always the same."""
    if not looks_like(column.given, "integer"):
        return False
    numbers = [int(value) for value in column.given if value.isdigit()]
    if len(numbers) >= SURE_LINES and len(set(numbers)) == 1:
        return True
    return min(numbers) >= 1024 and max(numbers) <= 65535 and median(numbers) >= 32768


def is_size_of_response(column: FieldColumn, context: LineContext) -> bool:
    """Return whether numbers are the body's size and that of some headers."""
    bodies = context.of("body_bytes_sent")
    pairs = [
        (int(value), int(body) if body.isdigit() else 0)
        for value, body in zip(column.values, bodies, strict=False)
        if value.isdigit()
    ]
    if len(pairs) < SURE_LINES:
        return False
    near = sum(0 <= value - body <= 2000 for value, body in pairs)
    sizes = {body for _, body in pairs}
    return near == len(pairs) and len(sizes) > 1 and max(sizes) > 2000


def size_of_request(column: FieldColumn, behind: FieldColumn, requests: Sequence[str]) -> str:
    """Return the variable of numbers that are sizes of requests before those of answers.

    Bodies are missing where the method has none, and the answers to these are not all empty; whole
    requests follow the length of their first line. Empty if neither is so: then they are answers'.
    """
    if not (looks_like(column.given, "integer") and looks_like(behind.given, "integer")):
        return ""
    rows = [
        (int(size) if size.isdigit() else 0, int(answer) if answer.isdigit() else 0, len(text))
        for size, answer, text in zip(column.values, behind.values, requests, strict=False)
        if text.startswith(("GET ", "HEAD ", "DELETE "))
    ]
    if len(rows) < SURE_LINES:
        return ""
    if all(size == 0 for size, *_ in rows):
        is_any = any(value not in ("0", "-") for value in column.values)
        answered = sum(answer > 0 for _, answer, _ in rows)
        return "bytes_uploaded" if is_any and 2 * answered > len(rows) else ""
    sizes = [size for size, *_ in rows]
    rests = [size - told for size, _, told in rows]
    follows = len(set(sizes)) > SURE_LINES and 2 * pstdev(rests) < pstdev(sizes)
    return "request_length" if follows and min(rests) >= 0 and max(rests) <= 16384 else ""


def size_of_request_spread(column: FieldColumn, context: LineContext) -> float | None:
    """Return how far numbers are from being the sizes of requests; None: they can't be.

    A request without a body is its line, its headers, and little that differs between callers: 0
    is as near as can be.
    """
    requests = context.of("request")
    agents, referers = context.of("http_user_agent"), context.of("http_referer")
    rests, sizes = [], []
    for i, value in enumerate(column.values):
        if not value.isdigit() or i >= len(requests):
            continue
        told = sum(len(texts[i]) for texts in (requests, agents, referers) if len(texts) > i)
        if int(value) < len(requests[i]):
            return None
        if requests[i].startswith(("GET ", "HEAD ", "DELETE ")):
            rests.append(int(value) - told)
            sizes.append(int(value))
    if len(rests) < SURE_LINES or max(rests) > 16384:
        return None
    # Durations differ by far more than the headers of the same few callers do.
    if min(sizes) >= _LEAST_REQUEST and max(sizes) - min(sizes) < median(sizes) / 4:
        return 0.0
    return (max(rests) - min(rests)) / max(1.0, median(rests) if median(rests) > 0 else 1.0)

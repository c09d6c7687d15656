"""Durations among the fields of a line: which they are, and in which unit.

The whole is never less than a part of it, in any line: that tells them apart wherever they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.formats.duration_units import UNIT_NAMES, decide_unit, unit_doubt
from apilog.formats.nginx.field_looks import (
    SURE_LINES,
    LineContext,
    has_lists,
    is_client_port,
    is_counter,
    is_list_of,
    is_nearly_all,
    is_size_of_response,
    looks_like,
    size_of_request_spread,
    split_entries,
    totals,
)
from apilog.formats.nginx.field_naming import FieldNaming
from apilog.formats.nginx.line_fields import FieldColumn
from apilog.values.convert import durations_to_ms

_VARIANTS: Mapping[tuple[str, str], str] = {
    ("request_time", "s"): "request_time",
    ("request_time", "ms"): "request_time_ms",
    ("request_time", "us"): "request_time_us",
    ("request_time", "ns"): "request_time_ns",
    ("request_time", "text"): "request_time_any",
    ("upstream_response_time", "s"): "upstream_response_time",
    ("upstream_response_time", "ms"): "upstream_response_time_ms",
    ("upstream_response_time", "us"): "upstream_response_time_us",
    ("upstream_response_time", "ns"): "upstream_response_time_ns",
    ("upstream_response_time", "text"): "upstream_response_time_any",
}
"""Variable and unit to the variable that is read in this unit; `text`: the unit stands in it."""

_MS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_SHORTEST_TIMEOUT_MS, _LONGEST_TIMEOUT_MS = 300.0, 3600e3
_LONGEST_USUAL_S = 1.0
"""If half of the requests take longer they may be milliseconds, which morgan writes with three
decimals, too: https://github.com/expressjs/morgan#response-timedigits"""
_ROUNDING_MS = 5.0
"""By how much a part may be more than the whole: each is rounded, and taken a moment later."""

_LONG_COMMITS = 2
"""In so many lines a part must be more than rounding, to tell its unit and that of the whole."""
_EXACT_MS, _EXACT_COMMITS = 2.0, 4
"""In so many lines with different parts one of them is enough if none is off by more."""


@dataclass(frozen=True, slots=True)
class TimedField:
    """A field that may be a duration."""

    position: int
    unit: str
    ms: tuple[float | None, ...]
    """The milliseconds of each line, those of several attempts in one."""
    is_optional: bool
    """Whether it is missing in lines, or a list: the whole never is."""

    def holds(self, other: TimedField) -> bool:
        """Return whether the other may be a part of it, in all lines."""
        pairs = zip(self.ms, other.ms, strict=True)
        fits = [b is None or (a is not None and b <= a + _ROUNDING_MS) for a, b in pairs]
        return is_nearly_all(sum(fits), len(fits))


def _timed_field(position: int, column: FieldColumn, unit: str) -> TimedField:
    if unit == "text":
        ms = durations_to_ms(pl.Series(column.values, dtype=pl.String)).to_list()
    else:
        ms = [None if v is None else v * _MS[unit] for v in totals(column)]
    is_optional = has_lists(column) or len(column.given) < len(column.values)
    return TimedField(position, unit, tuple(ms), is_optional)


def variant_of(naming: FieldNaming, position: int, variable: str, unit: str) -> str:
    """Return the variable of a duration with a name, by the unit of its values."""
    column = naming.columns[position]
    if not column.given:
        return variable
    if _has_unit(column):
        unit = "text"
    elif not is_list_of(column, "number"):
        return ""
    elif not unit:
        unit, doubts = decide_unit_of(column, usual="s")
        naming.doubts += doubts
    return _VARIANTS.get((variable, unit), variable)


def _has_unit(column: FieldColumn) -> bool:
    entries = [e for e in split_entries(column.values) if e != "0"]
    return looks_like(entries, "united", "go_duration")


def decide_unit_of(column: FieldColumn, usual: str | None = None) -> tuple[str, list[str]]:
    """Return the unit that numbers without one are in, and a doubt if others fit as well."""
    entries = split_entries(column.values)
    if looks_like(entries, "seconds"):
        usual = "s"  # nginx writes exactly three decimals
    texts = pl.Series(entries, dtype=pl.String)
    unit, doubt = decide_unit(texts, column.name, usual=usual)
    if not doubt and unit == usual == "s":
        median = texts.cast(pl.Float64, strict=False).median()
        if isinstance(median, float) and median >= _LONGEST_USUAL_S:
            doubt = unit_doubt("duration_ms", column.name, "s", "ms", "as such fields mostly are")
    return unit, [doubt] if doubt else []


_OF_UPSTREAMS = frozenset({"upstream_addr", "upstream_status"})


def name_durations(naming: FieldNaming) -> None:
    """Name the whole request's time and the upstream's among fields without a name."""
    columns = naming.columns
    free = [i for i in naming.unnamed if not columns[i].name]
    sure = [_timed_field(i, columns[i], "text") for i in free if _has_unit(columns[i])]
    seconds = {
        i: decide_unit_of(columns[i])
        for i in free
        if is_list_of(columns[i], "seconds")
        and not looks_like(columns[i].given, "epoch")
        and not is_counter(columns[i])
    }
    sure += [_timed_field(i, columns[i], unit) for i, (unit, _) in seconds.items()]
    if sure:
        if _name_whole_and_part(naming, sure):
            naming.doubts += [
                _look_doubt(columns[i], unit) for i, (unit, doubts) in seconds.items() if doubts
            ]
    elif not _has_whole(naming):
        _name_plain_numbers(naming, free)


def _has_whole(naming: FieldNaming) -> bool:
    return any(name.startswith("request_time") for name in naming.known)


def _name_whole_and_part(naming: FieldNaming, fields: Sequence[TimedField]) -> bool:
    """Name the field that holds all others, and the largest of these; tell if there are any."""
    rest = list(fields)
    if not _has_whole(naming):
        wholes = [f for f in fields if not f.is_optional and all(f.holds(o) for o in fields)]
        if wholes:
            whole = wholes[0] if len(wholes) == 1 else _largest(wholes)
            naming.name(whole.position, _VARIANTS["request_time", whole.unit])
            rest.remove(whole)
            if not rest and naming.known & _OF_UPSTREAMS:
                naming.doubts.append(
                    _upstreams_doubt(naming.columns[whole.position], "as upstreams are told of")
                )
        elif len(fields) == 1 and not has_lists(naming.columns[fields[0].position]):
            # nginx always has a time of the whole; other servers may have none.
            (whole,) = rest
            naming.name(whole.position, _VARIANTS["request_time", whole.unit])
            naming.doubts.append(
                _upstreams_doubt(naming.columns[whole.position], "as it is missing in some lines")
            )
            return True
        elif not all(f.is_optional for f in fields):
            naming.doubts.append(_unread_doubt(naming, fields))
            return False
    parts = [f for f in rest if all(f.holds(other) for other in rest)]
    if parts and not any(n.startswith("upstream_response_time") for n in naming.known):
        part = parts[0] if len(parts) == 1 else _largest(parts)
        naming.name(part.position, _VARIANTS["upstream_response_time", part.unit])
    return True


def _largest(fields: Sequence[TimedField]) -> TimedField:
    """Return the field with the most time in all; of equals it does not matter which."""
    return max(fields, key=lambda f: (sum(ms or 0.0 for ms in f.ms), not f.is_optional))


def _name_plain_numbers(naming: FieldNaming, free: Sequence[int]) -> None:
    """Name numbers that may be durations, where no more may be than a whole and its part."""
    columns, context = naming.columns, naming.context
    numbers: list[int] = []
    for i in free:
        column = columns[i]
        if len(column.given) < SURE_LINES:
            continue
        if not is_list_of(column, "number") or looks_like(column.given, "epoch"):
            continue
        if is_client_port(column) or is_counter(column):
            continue
        if is_list_of(column, "status") and context.agrees_with_status(column):
            continue
        if looks_like(column.given, "integer"):
            if is_size_of_response(column, context):
                naming.name(i, "bytes_sent")
                continue
            spread = size_of_request_spread(column, context)
            if spread is not None and spread < 0.2:
                naming.name(i, "request_length")
                continue
        numbers.append(i)
    numbers = [i for i in numbers if not _is_copy(columns[i], [columns[j] for j in numbers])]
    if not numbers:
        return
    largest = columns[max(numbers, key=lambda i: _mean(columns[i]))]
    unit = _unit_of_timeouts(largest, context, decide_unit_of(largest)[0])
    commits = [i for i in numbers if _is_commit_time(columns[i], largest)]
    if commits:
        unit = "us"
        numbers = [i for i in numbers if i not in commits]
    fields = [_timed_field(i, columns[i], unit) for i in numbers]
    # Where no size is known yet, a number may as well be that.
    has_size = bool(naming.known & {"body_bytes_sent", "bytes_sent"})
    if not has_size or len(fields) > 2 or not any(all(f.holds(o) for o in fields) for f in fields):
        naming.doubts.append(_unread_doubt(naming, fields))
    elif _name_whole_and_part(naming, fields):
        for i in numbers:
            naming.doubts.append(_look_doubt(columns[i], unit))


def _is_copy(column: FieldColumn, others: Sequence[FieldColumn]) -> bool:
    """Return whether numbers are those of another field in a coarser unit, as in Apache's %T/%D."""
    mine = totals(column)
    return any(
        all(
            a is not None and b is not None and a == b // factor
            for a, b in zip(mine, totals(other), strict=True)
        )
        for other in others
        for factor in (1e3, 1e6)
        if other is not column
    )


def _is_commit_time(column: FieldColumn, whole: FieldColumn) -> bool:
    """Return whether milliseconds end just before microseconds do, as Tomcat's %F before its %D.

    Source: https://tomcat.apache.org/tomcat-10.1-doc/config/valve.html#Access_Log_Valve
    """
    if not looks_like(column.given, "integer") or not looks_like(whole.given, "integer"):
        return False
    pairs = [
        (part, number / 1000)
        for part, number in zip(totals(column), totals(whole), strict=True)
        if part is not None and number is not None
    ]
    near = [part for part, ms in pairs if 0 <= ms - part <= _ROUNDING_MS + ms / 20]
    # Small ones are near whatever they are; but all of some different ones to the millisecond, by
    # which both are rounded, are so by no chance.
    longs = sum(part > _ROUNDING_MS for part in near)
    are_exact = all(0 <= ms - part < _EXACT_MS for part, ms in pairs)
    is_varied = len({part for part, _ in pairs}) >= _EXACT_COMMITS
    is_told = longs >= _LONG_COMMITS or (longs > 0 and are_exact and is_varied)
    return is_told and is_nearly_all(len(near), len(pairs))


def _unit_of_timeouts(column: FieldColumn, context: LineContext, likely: str) -> str:
    """Return the unit in which requests that timed out took as long as timeouts are.

    That is the likely one if it fits, or nothing tells.
    """
    pairs = zip(totals(column), context.statuses, strict=False)
    timeouts = [number for number, status in pairs if status == "504" and number is not None]
    fitting = [
        unit
        for unit, ms in _MS.items()
        if all(_SHORTEST_TIMEOUT_MS <= number * ms <= _LONGEST_TIMEOUT_MS for number in timeouts)
    ]
    return likely if likely in fitting or not fitting else fitting[0]


def _mean(column: FieldColumn) -> float:
    numbers = [v for v in totals(column) if v is not None]
    return sum(numbers) / len(numbers) if numbers else 0.0


def _example(column: FieldColumn) -> str:
    return column.given[0] if column.given else "-"


def _look_doubt(column: FieldColumn, unit: str) -> str:
    return (
        f"the field `{_example(column)}` is read as a duration in {UNIT_NAMES[unit]}, "
        "by its look: `-l` with the format's string says what it is"
    )


def _upstreams_doubt(column: FieldColumn, why: str) -> str:
    return (
        f"the field `{_example(column)}` is read as the time of the whole request; {why} it may "
        "be the upstream's: `-l` with the format's string, and $upstream_response_time in its "
        "place, says so"
    )


def _unread_doubt(naming: FieldNaming, fields: Sequence[TimedField]) -> str:
    shown = ", ".join(f"`{_example(naming.columns[f.position])}`" for f in fields)
    return (
        f"the fields {shown} are not read, as nothing tells what they are: `-l` with the "
        "format's string says so"
    )

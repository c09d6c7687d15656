"""When requests were made: a few cells of time, and which of them are far from all others.

A clock that is wrong (1970 after a power cut, 2036 as a counter wraps) must not stretch the window
over decades. What decides a step is how many cells are occupied, not how far apart the ends are: a
wrong time is one more cell, and the others stay short.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.aggregate.time_buckets import bucket_starts
from apilog.schema import TIMESTAMP
from apilog.time import STEPS

_SECOND_US = 1_000_000
STRAY_SHARE = 1_000
"""At most one of so many requests is a stray: the window holds 99.9 % of them."""
_LEAST_GAP = timedelta(days=1)
"""Strays are further away than this, and than the window is long."""
_CLOCK_GAP = timedelta(days=365)
"""What is further away than this was told by a wrong clock even if there are few requests."""
FEW_STRAYS, _FEWEST_TO_ONE = 2, 20
"""So many strays of wrong clocks are taken for that, if there are so many requests to each."""


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """The times of some records, in the shortest step that occupies few enough cells.

    A part of the records never occupies more cells than all of them, and the steps nest, so
    that merging parts in any order gives the step and the cells of the whole.
    """

    step: str
    """One of `STEPS`."""
    oldest: datetime | None
    """Of all records that were read, also outside of the limits."""
    newest: datetime | None
    cells: pl.DataFrame
    """By `start`: `requests`, and the `first` and `last` time; only cells with records."""

    @classmethod
    def of_records(
        cls, timestamps: pl.Series, timezone: str, most: int, read: pl.Series | None = None
    ) -> RecordTimes:
        """Return the times of the records within the limits, of all that were `read`."""
        read = timestamps if read is None else read
        at, physical = pl.col("timestamp"), timestamps.to_physical()
        step, seconds = _first_step(physical, timezone, most)
        unit = seconds * _SECOND_US
        cells = (
            pl.DataFrame([(physical // unit).alias("cell"), timestamps.alias("timestamp")])
            .group_by("cell")
            .agg(pl.len().cast(pl.Int64).alias("requests"), first=at.min(), last=at.max())
            .drop_nulls("cell")
            .select((pl.col("cell") * unit).cast(TIMESTAMP).alias("start"), *_COUNTED)
        )
        step, cells = _coarsen(cells, step, timezone, most)
        return cls(step, _instant(read.min()), _instant(read.max()), cells)

    @classmethod
    def merge(cls, parts: Iterable[RecordTimes], timezone: str, most: int) -> RecordTimes:
        """Return the times of all parts; there is at least one."""
        parts = tuple(parts)
        step = max((p.step for p in parts), key=_STEP_NAMES.index)
        cells = _at_step(pl.concat(p.cells for p in parts), step, timezone)
        step, cells = _coarsen(cells, step, timezone, most)
        return cls(
            step,
            min((p.oldest for p in parts if p.oldest), default=None),
            max((p.newest for p in parts if p.newest), default=None),
            cells,
        )

    def longer_step(self, step: str) -> str:
        """Return the longer one of a step of `STEPS` and that of the cells."""
        return max(self.step, step, key=_STEP_NAMES.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayTimes:
    """Times so far from all others that a window with them would show nothing."""

    requests: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """From the first to the last record, both included, but for strays."""

    first: datetime | None
    last: datetime | None
    strays: StrayTimes | None = None


def find_span(times: RecordTimes, *, from_start: bool, to_end: bool) -> TimeSpan:
    """Return the span of the records without the strays at its ends.

    With `from_start` or `to_end` that end was asked for, and nothing there is a stray.
    """
    rows = times.cells.sort("start").select("requests", "first", "last").rows()
    if not rows:
        return TimeSpan(first=None, last=None)
    left, right = _grow(rows, from_start=from_start, to_end=to_end)
    outside = [*rows[:left], *rows[right + 1 :]]
    strays = None
    if outside:
        strays = StrayTimes(
            requests=sum(n for n, _, _ in outside), first=outside[0][1], last=outside[-1][2]
        )
    return TimeSpan(first=rows[left][1], last=rows[right][2], strays=strays)


def _grow(
    rows: list[tuple[int, datetime, datetime]], *, from_start: bool, to_end: bool
) -> tuple[int, int]:
    """Return the first and last cell of the shortest span around the middle request that will do.

    It takes in the nearer neighbour until what is left may be strays: few, and further away
    than the span is long.
    """
    total, passed, left = sum(n for n, _, _ in rows), 0, 0
    while 2 * (passed + rows[left][0]) < total:
        passed += rows[left][0]
        left += 1
    right = left
    left, right = 0 if from_start else left, len(rows) - 1 if to_end else right
    inside = sum(n for n, _, _ in rows[left : right + 1])
    while left > 0 or right < len(rows) - 1:
        before = rows[left][1] - rows[left - 1][2] if left else None
        after = rows[right + 1][1] - rows[right][2] if right < len(rows) - 1 else None
        nearest = min(gap for gap in (before, after) if gap is not None)
        if nearest > max(rows[right][2] - rows[left][1], _LEAST_GAP):
            most = total // STRAY_SHARE
            if nearest > _CLOCK_GAP:
                most = max(most, min(FEW_STRAYS, total // _FEWEST_TO_ONE))
            if total - inside <= most:
                break
        if before is not None and (after is None or before <= after):
            left -= 1
            inside += rows[left][0]
        else:
            right += 1
            inside += rows[right][0]
    return left, right


_STEP_NAMES = tuple(name for name, _ in STEPS)
_SAMPLE = 1024


def _first_step(instants: pl.Series, timezone: str, most: int) -> tuple[str, int]:
    """Return a step, and its seconds, that is not longer than the one that is looked for.

    Shorter ones occupy too many cells by some of the instants alone, so that none of them has to
    be grouped by.
    """
    sample = instants.gather_every(max(1, len(instants) // _SAMPLE)).drop_nulls()
    # Longer steps begin where the zone says.
    longest = _STEP_NAMES.index("1d" if timezone == "UTC" else "15m")
    for name, seconds in STEPS[:longest]:
        if (sample // (seconds * _SECOND_US)).n_unique() <= most:
            return name, seconds
    return STEPS[longest]


_COUNTED = ("requests", "first", "last")


def _coarsen(cells: pl.DataFrame, step: str, timezone: str, most: int) -> tuple[str, pl.DataFrame]:
    """Return the cells in the shortest step, from this one on, that occupies at most so many."""
    for longer in _STEP_NAMES[_STEP_NAMES.index(step) + 1 :]:
        if cells.height <= most:
            break
        step, cells = longer, _at_step(cells, longer, timezone)
    return step, cells


def _at_step(cells: pl.DataFrame, step: str, timezone: str) -> pl.DataFrame:
    starts = bucket_starts(cells["start"], step, timezone)
    merged = cells.with_columns(starts).group_by("start")
    return merged.agg(pl.col("requests").sum(), pl.col("first").min(), pl.col("last").max())


def _instant(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None

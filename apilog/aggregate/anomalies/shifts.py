"""Shifts: days from which on a level is another one, and stays.

The level that tells what is usual follows a lasting change, so that no span of hours is unlike it.
What changed is found by binary segmentation (Scott and Knott 1974,
https://doi.org/10.2307/2529204): the best cut of a series into days before and after, then
the best cut of each of the two, as long as they pass the limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

import polars as pl

from apilog.aggregate.anomalies.counts import HOUR
from apilog.aggregate.anomalies.scan import Event

_SIDE_DAYS = 7
"""The level of a side is the median of the week before, or after."""
_FEWEST_DAYS = 4
"""Less than that is an event of some days, which a scan finds."""
_LEAST_JUMP = math.log(1.25)
"""Growth of a week stays below a quarter more."""
_TREND_DAYS, _FEWEST_CHANGES = 28, 5
_SUDDEN = 0.7
"""So much of the change has happened from the three days before to the three days after."""
_FEWEST_EXPECTED = 20.0
_MEDIAN_LOSS = 1.2533 * 1.5
"""A median of days strays more than their mean (√(π/2)), and levels of days that follow each other
are alike, so that a week of them tells less than seven."""
_NORMAL_MAD = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    day: int
    """The first day after."""
    before: float
    after: float
    """Logarithms of the levels."""
    score: float


def find_shifts(expected: pl.DataFrame, limits: dict[int, float]) -> list[Event]:
    """Return an event for each shift, from when it came until the next one or the end.

    Takes series as `with_expectation` gives them.
    """
    base = pl.col("exposure") * pl.col("share")
    is_used = ~pl.col("is_marked") & base.is_not_null()
    days = (
        expected.group_by("series", "day", maintain_order=True)
        .agg(count=pl.col("count").filter(is_used).sum(), base=base.filter(is_used).sum())
        .group_by("series", maintain_order=True)
        .agg("day", "count", "base")
    )
    events: list[Event] = []
    for series, dates, counts, bases in days.iter_rows():
        logs = [
            math.log((n + 0.5) / (b + 0.5)) if b >= _FEWEST_EXPECTED else None
            for n, b in zip(counts, bases, strict=True)
        ]
        noise = _noise(logs, bases)
        cuts = sorted(_segment(logs, noise, limits[series], 0, len(logs)), key=lambda c: c.day)
        if not cuts:
            continue
        hours = expected.filter(pl.col("series") == series).with_columns(base=base)
        starts = [_start(hours, dates, cut) for cut in cuts]
        ends = [*starts[1:], hours["timestamp"][-1] + HOUR]
        for cut, start, end in zip(cuts, starts, ends, strict=True):
            during = hours.filter(pl.col("timestamp").is_between(start, end, closed="left"))
            events.append(
                Event(
                    series=series,
                    start=start,
                    hours=(end - start) // HOUR,
                    count=float(during["count"].sum()),
                    mean=float(during["base"].sum()) * math.exp(cut.before),
                    score=cut.score,
                    is_shift=True,
                )
            )
    return events


def _noise(logs: Sequence[float | None], bases: Sequence[float]) -> float:
    """Return the standard deviation of a day's logarithm around its level, robustly."""
    pairs = pairwise(logs)
    steps = [abs(b - a) / math.sqrt(2) for a, b in pairs if a is not None and b is not None]
    chance = median([1 / math.sqrt(b) for b in bases if b > 0] or [1.0])
    return max(chance, _NORMAL_MAD * median(steps) if steps else 1.0, 0.02)


def _segment(
    logs: Sequence[float | None], noise: float, limit: float, first: int, last: int
) -> Iterator[_Cut]:
    cuts = [c for day in range(first, last) if (c := _cut(logs, noise, first, day, last))]
    best = max(cuts, key=lambda c: abs(c.score), default=None)
    if best and abs(best.score) >= limit:
        yield best
        yield from _segment(logs, noise, limit, first, best.day)
        yield from _segment(logs, noise, limit, best.day, last)


def _cut(
    logs: Sequence[float | None], noise: float, first: int, day: int, last: int
) -> _Cut | None:
    """Return the cut before a day of the segment; None where it is no sudden change."""
    left = [x for x in logs[max(first, day - _SIDE_DAYS) : day] if x is not None]
    right = [x for x in logs[day : min(last, day + _SIDE_DAYS)] if x is not None]
    if min(len(left), len(right)) < _FEWEST_DAYS:
        return None
    before, after = median(left), median(right)
    # What grows all the time has grown by so much from one side to the other.
    grown = _trend(logs[first:last], day - first) * (len(left) + len(right)) / 2
    jump = after - before - grown
    near = median(right[:3]) - median(left[-3:])
    if abs(jump) < _LEAST_JUMP or jump * near <= 0 or after == before:
        return None
    if near / (after - before) < _SUDDEN:
        return None
    deviation = noise * _MEDIAN_LOSS * math.sqrt(1 / len(left) + 1 / len(right))
    return _Cut(day=day, before=before, after=after, score=jump / deviation)


def _trend(logs: Sequence[float | None], day: int) -> float:
    """Return the growth a day on either side of a cut, by the changes from week to week."""
    changes = [
        (b - a) / 7
        for i, (a, b) in enumerate(zip(logs, logs[7:], strict=False))
        if a is not None and b is not None and abs(i - day) <= _TREND_DAYS and not i < day <= i + 7
    ]
    return median(changes) if len(changes) >= _FEWEST_CHANGES else 0.0


def _start(hours: pl.DataFrame, dates: Sequence[object], cut: _Cut) -> datetime:
    """Return the hour from which on the level after explains the counts better (likelihood)."""
    near = hours.filter(pl.col("day").is_in([dates[cut.day - 1], dates[cut.day]]))
    gained, best, start = 0.0, -math.inf, near["timestamp"][0]
    rows = near.select("timestamp", "count", "base").drop_nulls().rows()
    for time, count, base in reversed(rows):
        likelier = count * (cut.after - cut.before)
        gained += likelier - base * (math.exp(cut.after) - math.exp(cut.before))
        if gained > best:
            best, start = gained, time
    return start  # type: ignore[no-any-return]

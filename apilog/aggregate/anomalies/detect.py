"""From series to events: what is usual, how it strays, and what doesn't fit.

What was found teaches nothing about what is usual: series with an event are looked at a second
time without its hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import polars as pl

from apilog.aggregate.anomalies.counts import HOUR
from apilog.aggregate.anomalies.expectation import with_expectation, with_steady_expectation
from apilog.aggregate.anomalies.scan import (
    Event,
    find_events,
    find_far_windows,
    measure_dispersions,
)
from apilog.aggregate.anomalies.series import METRICS
from apilog.aggregate.anomalies.shifts import find_shifts
from apilog.aggregate.anomalies.surprise import score_limit

CHANCE = 0.01
"""So many rows chance alone makes in a log, on average, if the model holds."""
_LOOKS_AN_HOUR = 4.0
"""Windows of many lengths that begin at each hour overlap: they count as so many looks."""


_CLOCK_RULES = ("Europe/Berlin", "America/New_York", "Australia/Sydney")
"""Zones that stand for all whose clocks are changed at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was found, and what was expected of each hour."""

    events: list[Event]
    expected: pl.DataFrame
    """The series with `mean`."""
    limits: dict[int, float]
    """The least score of each series that is an event."""
    clock: str = ""
    """The zone by whose changed clocks hours were compared, where it is not the report's."""


Dispersions = dict[int, tuple[float, ...]]
"""Maps each series to the dispersion of each length of window."""
Expectation = Callable[[pl.DataFrame], pl.DataFrame]
"""Gives series the column `mean`, null where nothing tells what is usual."""


def detect_events(series: pl.DataFrame, timezone: str) -> Detection:
    """Return the events of hours, of all series as `build_series` gives them.

    Where clocks were changed meanwhile, callers may go by clocks that `timezone` doesn't have: the
    zone that explains most of what seems unusual counts.
    """
    found = _detect(series, lambda frame: with_expectation(frame, timezone), HOUR)
    for clock in clocks_beside(series["timestamp"], timezone) if found.events else ():
        other = _detect(series, partial(with_expectation, timezone=clock), HOUR)
        if len(other.events) < len(found.events):
            found = replace(other, clock=clock)
    shifts = find_shifts(found.expected, found.limits)
    return replace(found, events=[*found.events, *shifts])


def clocks_beside(times: pl.Series, timezone: str) -> list[str]:
    """Return zones of which the clocks were changed between these times, if those of this weren't.

    One for each rule: https://en.wikipedia.org/wiki/Daylight_saving_time_by_country
    """
    hours = times.unique()

    def changes(zone: str) -> bool:
        return hours.dt.convert_time_zone(zone).dt.dst_offset().n_unique() > 1

    return [] if changes(timezone) else [zone for zone in _CLOCK_RULES if changes(zone)]


def detect_steady_events(series: pl.DataFrame, step: timedelta) -> Detection:
    """Return the events of short steps, against what is usual of all of them."""
    return _detect(series, with_steady_expectation, step)


def _detect(series: pl.DataFrame, expectation: Expectation, step: timedelta) -> Detection:
    def expected_of(frame: pl.DataFrame) -> pl.DataFrame:
        return expectation(frame).filter(
            pl.col("mean").is_not_null(), pl.col("count").is_not_null()
        )

    limits = _limits(series)
    expected = expected_of(series)
    far = find_far_windows(expected, step)
    if far.is_empty():
        return Detection(events=[], expected=expected, limits=limits)
    first = measure_dispersions(expected, events_known=False, step=step)
    events = find_events(expected, far, _share_moods(first, first), limits, step)
    if not events:
        return Detection(events=[], expected=expected, limits=limits)
    again = sorted({event.series for event in events})
    second = expected_of(mark_events(series.filter(pl.col("series").is_in(again)), events))
    dispersions = measure_dispersions(second, events_known=True, step=step)
    far = find_far_windows(second, step)
    events = find_events(second, far, _share_moods(dispersions, first | dispersions), limits, step)
    kept = expected.filter(~pl.col("series").is_in(again))
    together = pl.concat([kept, second]).sort("series", "timestamp")
    return Detection(events=events, expected=together, limits=limits)


def _share_moods(own: Dispersions, known: Dispersions) -> Dispersions:
    """Return the dispersions of series, of a part at least those of all requests.

    What all requests stray by, their parts stray by as well; of few it is hard to measure.
    """
    floors = {metric: known.get(metric) for metric in range(len(METRICS))}
    return {
        series: tuple(map(max, values, floors[series % len(METRICS)] or values))
        for series, values in own.items()
    }


def mark_events(series: pl.DataFrame, events: Sequence[Event]) -> pl.DataFrame:
    """Return the series with the hours of events marked: they teach nothing."""
    rows = [
        (event.series, event.start + i * event.step) for event in events for i in range(event.hours)
    ]
    schema = {"series": series.schema["series"], "timestamp": series.schema["timestamp"]}
    marks = pl.DataFrame(rows, schema=schema, orient="row").unique().with_columns(new=pl.lit(True))
    joined = series.join(marks, on=["series", "timestamp"], how="left", maintain_order="left")
    return joined.with_columns(
        is_marked=pl.col("is_marked") | pl.col("new").fill_null(value=False)
    ).drop("new")


def _limits(series: pl.DataFrame) -> dict[int, float]:
    """Return the least score of an event of each series, by the number of looks.

    Half of what chance is allowed is for all requests, half for the parts together.
    """
    hours = series.group_by("series").len()
    whole = pl.col("series") < len(METRICS)
    limits: dict[int, float] = {}
    for group in (hours.filter(whole), hours.filter(~whole)):
        limit = whole_limit(int(group["len"].sum()))
        limits |= dict.fromkeys(group["series"].to_list(), limit)
    return limits


def whole_limit(steps: int) -> float:
    """Return the least score of an event where series have so many steps together."""
    return score_limit(_LOOKS_AN_HOUR * steps, CHANCE / 2)

"""The axis of time of a report: its window, which step cuts it, and what is left off.

A state's buckets have the step of its own records (see `record_times`), which is no longer than
that of the axis: finishing unites buckets of the state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import polars as pl

from apilog.aggregate.plan import ReportPlan
from apilog.aggregate.record_times import RecordTimes, StrayTimes, find_span
from apilog.aggregate.time_buckets import MOST_BUCKETS, bucket_starts, too_many_buckets
from apilog.schema import TIMESTAMP
from apilog.text.units import parse_duration
from apilog.time import TimeWindow, choose_step, iter_buckets, parse_step

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """What a report shows of time."""

    window: TimeWindow
    """The limits given, else the first and last record that is no stray."""
    half_open: TimeWindow
    """The same, its end exclusive."""
    recorded: TimeWindow
    """The first and the last record, both included, but for strays."""
    step: str | None
    """The length of a bucket; None if it isn't fixed and there is no window."""
    strays: StrayTimes | None
    plan: ReportPlan

    @classmethod
    def of_times(cls, plan: ReportPlan, times: RecordTimes) -> TimeAxis:
        """Return the axis for records at these times.

        Raises UsageError if the fixed step can't be understood.
        """
        given = plan.window
        span = find_span(times, from_start=given.since is not None, to_end=given.until is not None)
        window = half_open = given.with_defaults(span.first, span.last)
        if window.until is not None and given.until is None:
            half_open = replace(window, until=window.until + _MICROSECOND)
        since, until = half_open.since, half_open.until
        step = parse_step(plan.bucket) if plan.bucket else None
        if step is None and since is not None and until is not None:
            zone = ZoneInfo(plan.timezone)
            step = times.longer_step(choose_step(since, until, zone, plan.most_buckets))
        return cls(
            window=window,
            half_open=half_open,
            recorded=TimeWindow(since=span.first, until=span.last),
            step=step,
            strays=span.strays,
            plan=plan,
        )

    def list_buckets(self) -> pl.Series | None:
        """Return the start of every bucket of the window, empty ones included.

        None where they are too many to list. Raises UsageError if the user asked for those.
        """
        since, until, step = self.half_open.since, self.half_open.until, self.step
        if since is None or until is None or step is None:
            return pl.Series("timestamp", [], dtype=TIMESTAMP)
        # Twice as many, because a change of clocks adds a bucket.
        if (until - since) / parse_duration(step) <= 2 * MOST_BUCKETS:
            zone = ZoneInfo(self.plan.timezone)
            starts = [*islice(iter_buckets(since, until, step, zone), MOST_BUCKETS + 1)]
            if len(starts) <= MOST_BUCKETS:
                return pl.Series("timestamp", starts, dtype=TIMESTAMP)
        if self.plan.bucket:
            raise too_many_buckets(self.plan.bucket)
        return None

    def place_buckets(self, starts: pl.Series) -> pl.Series:
        """Return the buckets of the axis that buckets of a state are part of; null for strays."""
        if self.step is None:
            return starts
        placed = starts
        if not self.plan.bucket:
            placed = bucket_starts(starts, self.step, self.plan.timezone)
        if self.strays is None:
            return placed
        ends = pl.Series([self.window.since, self.window.until], dtype=TIMESTAMP)
        edges = bucket_starts(ends, self.step, self.plan.timezone)
        inside = placed.is_between(edges[0], edges[1])
        return placed.to_frame().select(pl.when(inside).then(pl.col(placed.name))).to_series()

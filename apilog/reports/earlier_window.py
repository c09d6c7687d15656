"""The window before: the overview of as much time right before the one that a report is about.

It is summed up in the same pass, and known only if the sources tell of both windows from end to
end: what a log does not hold may still have happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

import polars as pl

from apilog.aggregate import PartialState, ReportPlan, finish, merge, sum_chunk
from apilog.report_model import PREVIOUS, EarlierWindow
from apilog.schema import is_within
from apilog.time import TimeWindow

OVERVIEW = "overview"
_UNKNOWN_SHARE = 0.01
"""A log may begin so much of the window's length later than it, or end earlier: traffic is not
there at every moment."""


@dataclass(frozen=True, slots=True)
class EarlierState:
    """Sums over the window before, and which time the records near both windows reach over."""

    sums: PartialState
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSums:
    """Sums up the window before that of a report: partial, merge, finish."""

    plan: ReportPlan
    """The overview of the window before."""
    current: TimeWindow
    """The window of the report, both of its ends known."""

    @classmethod
    def before(cls, plan: ReportPlan, now: datetime) -> Self | None:
        """Return the sums before the window of a plan; None where nothing lies before it.

        A window that only begins ends now.
        """
        overview = tuple(table for table in plan.tables if table.name == OVERVIEW)
        since, until = plan.window.since, plan.window.until or now
        if since is None or since >= until or not overview:
            return None
        try:
            window = TimeWindow(since=since - (until - since), until=since)
        except OverflowError:  # before the year 1
            return None
        earlier = replace(plan, tables=overview, window=window, bucket=None, top=None)
        return cls(plan=earlier, current=TimeWindow(since=since, until=until))

    @property
    def _length(self) -> timedelta:
        window = self.plan.window
        assert window.since is not None
        assert window.until is not None
        return window.until - window.since

    @property
    def _reach(self) -> TimeWindow:
        """The time in which a record shows that the log goes on: a window further on each side."""
        (since, until), far = self._ends(), self._length
        try:
            return TimeWindow(since=since - far, until=until + far)
        except OverflowError:
            return TimeWindow(since=since, until=until)

    def _ends(self) -> tuple[datetime, datetime]:
        """Return where the window before begins and that of the report ends."""
        since, until = self.plan.window.since, self.current.until
        assert since is not None
        assert until is not None
        return since, until

    def partial(self, records: pl.DataFrame) -> EarlierState:
        """Return the sums of a chunk."""
        at = pl.col("timestamp")
        near = records.select("timestamp").filter(is_within(self._reach))
        first, last = near.select(at.min().alias("first"), at.max().alias("last")).row(0)
        return EarlierState(sum_chunk(self.plan, records), first, last)

    def merge(self, states: Sequence[EarlierState]) -> EarlierState:
        """Return one state for several."""
        return EarlierState(
            merge(self.plan, [state.sums for state in states]),
            min((state.first for state in states if state.first), default=None),
            max((state.last for state in states if state.last), default=None),
        )

    def finish(
        self, state: EarlierState, stored: Iterable[tuple[datetime, datetime]]
    ) -> EarlierWindow | None:
        """Return the window before with its overview; None unless the sources tell of both.

        `stored` are the times from which to which each file of the stores has records.
        """
        reach, (since, until) = self._reach, self._ends()
        assert reach.since is not None
        assert reach.until is not None
        near = [span for span in stored if reach.overlaps(*span)]
        firsts = [max(first, reach.since) for first, _ in near] + [state.first]
        lasts = [min(last, reach.until) for _, last in near] + [state.last]
        first = min((at for at in firsts if at), default=None)
        last = max((at for at in lasts if at), default=None)
        margin = self._length * _UNKNOWN_SHARE
        if first is None or last is None or first > since + margin or last < until - margin:
            return None
        finished = finish(self.plan, state.sums)
        assert self.plan.window.until is not None
        return EarlierWindow(
            since=since,
            until=self.plan.window.until,
            overview=finished.tables[OVERVIEW],
            estimates=tuple(replace(each, table=PREVIOUS) for each in finished.estimates),
        )

"""The last minutes of a log, as sums: a ring of short slots that merge into one state.

A window's figures come from its merged slots, so that quantiles are read off all its
requests. It begins where a slot does, so it is up to a sixtieth shorter than asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

import polars as pl

from apilog.aggregate.finish import FinishedTables, finish
from apilog.aggregate.plan import ReportPlan
from apilog.aggregate.state import PartialState, merge, partial
from apilog.time import TimeWindow

LONGEST_WINDOW = timedelta(days=7)
_MOST_SLOTS = 60
_MICROSECOND = timedelta(microseconds=1)
_SLOT_SECONDS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800),
)
"""Seconds; all divide a day, so that slots are the report's buckets."""

S = TypeVar("S")


class MergeableSums(Protocol[S]):
    """What is computed of records, in parts that merge in any order."""

    def partial(self, records: pl.DataFrame, /) -> S:
        """The state of some records."""

    def merge(self, states: Sequence[S], /) -> S:
        """One state of several; that of no records for none."""


class SlidingWindow(Generic[S]):
    """The states of a window that ends now."""

    def __init__(self, sums: MergeableSums[S], window: timedelta, step: int | None = None) -> None:
        """`step` is the length of a slot in seconds; None: about a sixtieth of the window."""
        self._sums = sums
        self.step = step or slot_seconds(window)
        self._length = max(1, round(window.total_seconds() / self.step))
        self._slots: dict[int, S] = {}
        self._known_since: datetime | None = None
        self.late_records = 0
        """Records that were older than the window, or newer than the log's own time."""

    def since(self, now: datetime) -> datetime:
        """Where the window begins; later if nothing is known of a part of it."""
        return max(self._window_start(now), self._known_since or now)

    def is_complete(self, now: datetime) -> bool:
        """Whether the whole window is known, so that few requests mean little traffic."""
        return self.since(now) == self._window_start(now)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records in their slots."""
        self._note_known_since(records["timestamp"].min(), now)
        first, last = self._first_slot(now), self._slot_of(now)
        slots = (records["timestamp"].dt.epoch("us") // (self.step * 1_000_000)).alias("slot")
        inside = slots.is_between(first, last).fill_null(False)
        self.late_records += records.height - int(inside.sum())
        for start in slots.filter(inside).unique().to_list():
            own = self._sums.partial(records.filter(slots == start))
            known = [self._slots[start]] if start in self._slots else []
            self._slots[start] = self._sums.merge([*known, own])
        self._drop_slots(first)

    def merge_slots(self, now: datetime) -> S:
        """The state of the window."""
        self._note_known_since(None, now)
        self._drop_slots(self._first_slot(now))
        return self._sums.merge(list(self._slots.values()))

    def _note_known_since(self, oldest: object, now: datetime) -> None:
        """Take note of since when the log is known: its oldest record, or the first look at it."""
        known = [t for t in (oldest, self._known_since or now) if isinstance(t, datetime)]
        self._known_since = min(known)

    def _window_start(self, now: datetime) -> datetime:
        return datetime.fromtimestamp(self._first_slot(now) * self.step, UTC)

    def _slot_of(self, at: datetime) -> int:
        return int(at.timestamp() // self.step)

    def _first_slot(self, now: datetime) -> int:
        return self._slot_of(now) - self._length + 1

    def _drop_slots(self, first: int) -> None:
        for start in [start for start in self._slots if start < first]:
            del self._slots[start]


class SlidingReport:
    """The tables of a plan over a window that ends now."""

    def __init__(self, plan: ReportPlan, window: timedelta) -> None:
        """The plan has no limits of time; its bucket becomes the slots'."""
        step = slot_seconds(window)
        self._sums = _PlannedSums(replace(plan, bucket=f"{step}s"))
        self.window = SlidingWindow(self._sums, window, step)

    def finish(self, now: datetime) -> FinishedTables:
        """The tables; `until` is now."""
        state = self.window.merge_slots(now)
        window = TimeWindow(since=self.window.since(now), until=now + _MICROSECOND)
        return finish(replace(self._sums.plan, window=window), state)


class _PlannedSums:
    """The sums of a report."""

    def __init__(self, plan: ReportPlan) -> None:
        self.plan = plan

    def partial(self, records: pl.DataFrame) -> PartialState:
        return partial(self.plan, records)

    def merge(self, states: Sequence[PartialState]) -> PartialState:
        return merge(self.plan, states)


def slot_seconds(window: timedelta) -> int:
    """The seconds of a slot, so that a window has 60 of them at most."""
    return next(
        (s for s in _SLOT_SECONDS if s * _MOST_SLOTS >= window.total_seconds()), _SLOT_SECONDS[-1]
    )

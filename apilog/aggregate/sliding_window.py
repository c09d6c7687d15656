"""The last minutes of a log, as sums: a ring of short slots that merge into one state.

A window's figures come from its merged slots, so that quantiles are read off all its
requests. It begins where a slot does, so it is up to a sixtieth shorter than asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import polars as pl

from apilog.aggregate.finish import FinishedTables, finish
from apilog.aggregate.plan import ReportPlan
from apilog.aggregate.state import merge, sum_chunk
from apilog.time import TimeWindow

LONGEST_WINDOW = timedelta(days=7)
_MOST_SLOTS = 60
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_SLOT_SECONDS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800),
)
"""Seconds; all divide a day, so that slots are the report's buckets."""

S = TypeVar("S")


class SlidingWindow(Generic[S]):
    """The states of a window that ends now."""

    def __init__(
        self,
        partial: Callable[[pl.DataFrame], S],
        merge: Callable[[Sequence[S]], S],
        window: timedelta,
        step: int | None = None,
    ) -> None:
        """`partial` and `merge` make states, in any order; merging none gives an empty state.

        `step` is the length of a slot in seconds; None means about a sixtieth of the window.
        """
        self._partial = partial
        self._merge = merge
        self.step = step or slot_seconds(window)
        self._length = max(1, round(window.total_seconds() / self.step))
        self._slots: dict[int, S] = {}
        self._known_since: datetime | None = None
        self.late_records = 0
        """Records that were older than the window, or had no time."""
        self.ahead_records = 0
        """Records that were newer than the log's own time."""

    def since(self, now: datetime) -> datetime:
        """Return where the window begins; later if nothing is known of a part of it."""
        return max(self._window_start(now), self._known_since or now)

    def end(self, now: datetime) -> datetime:
        """Return up to which time, itself not included, records are counted now."""
        return datetime.fromtimestamp((self._slot_of(now) + 1) * self.step, UTC)

    def is_complete(self, now: datetime) -> bool:
        """Return whether the whole window is known, so that few requests mean little traffic."""
        return self.since(now) == self._window_start(now)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records in their slots."""
        self._note_known_since(records["timestamp"].min(), now)
        first, last = self._first_slot(now), self._slot_of(now)
        slots = (records["timestamp"].dt.epoch("us") // (self.step * 1_000_000)).alias("slot")
        inside = slots.is_between(first, last).fill_null(False)
        ahead = int((slots > last).sum())
        self.ahead_records += ahead
        self.late_records += records.height - int(inside.sum()) - ahead
        # Sums can't be taken back, so that each slot has its own, and old ones are dropped whole.
        for start in slots.filter(inside).unique().to_list():
            slot = self._partial(records.filter(slots == start))
            earlier = [self._slots[start]] if start in self._slots else []
            self._slots[start] = self._merge([*earlier, slot])
        self._drop_slots(first)

    def merge_slots(self, now: datetime) -> S:
        self._note_known_since(None, now)
        self._drop_slots(self._first_slot(now))
        return self._merge(list(self._slots.values()))

    def _note_known_since(self, oldest: object, now: datetime) -> None:
        """Note since when the log is known: from its oldest record, or the first look at it."""
        times = [t for t in (oldest, self._known_since or now) if isinstance(t, datetime)]
        self._known_since = min(times)

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
        self._plan = sliced = replace(plan, bucket=f"{step}s")
        self.window = SlidingWindow(
            lambda records: sum_chunk(sliced, records),
            lambda states: merge(sliced, states),
            window,
            step,
        )

    def finish(self, now: datetime) -> FinishedTables:
        """Return the tables; `until` is now."""
        state = self.window.merge_slots(now)
        since = self.window.since(now)
        # Times are often whole seconds: the requests of one instant are no rate per microsecond.
        window = TimeWindow(since=since, until=max(now + _MICROSECOND, since + _SECOND))
        return finish(replace(self._plan, window=window), state)


def slot_seconds(window: timedelta) -> int:
    """Return the seconds of a slot, so that a window has 60 of them at most."""
    length = window.total_seconds()
    return next((s for s in _SLOT_SECONDS if s * _MOST_SLOTS >= length), _SLOT_SECONDS[-1])

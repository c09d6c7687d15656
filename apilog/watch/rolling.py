"""The last minutes of a log, as sums: a ring of short slots, each a partial of the report's.

A window's figures come from its merged slots, so that quantiles are read off all its
requests. It begins where a slot does, so it is up to a sixtieth shorter than asked for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.aggregate import Finished, Partial, Plan, finish, merge, partial

LONGEST = timedelta(days=7)
_SLOTS = 60
_MICROSECOND = timedelta(microseconds=1)
_STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800),
)
"""Seconds; all divide a day, so that slots are the report's buckets."""


class Rolling:
    """A window that ends now."""

    def __init__(self, plan: Plan, window: timedelta) -> None:
        """The plan has no limits of time; its bucket becomes the slots'."""
        seconds = window.total_seconds()
        self.step = next((s for s in _STEPS if s * _SLOTS >= seconds), _STEPS[-1])
        self.plan = replace(plan, bucket=f"{self.step}s")
        self._length = max(1, round(seconds / self.step))
        self._slots: dict[int, Partial] = {}
        self._known_since: datetime | None = None
        self.late = 0
        """Records that were older than the window, or newer than the log's own time."""

    def since(self, now: datetime) -> datetime:
        """Where the window begins; later if nothing is known of a part of it."""
        first = datetime.fromtimestamp(self._first(now) * self.step, UTC)
        return max(first, self._known_since or now)

    def is_complete(self, now: datetime) -> bool:
        """Whether the whole window is known, so that few requests mean little traffic."""
        return self.since(now) == datetime.fromtimestamp(self._first(now) * self.step, UTC)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records in their slots."""
        self._know(records["timestamp"].min(), now)
        first, last = self._first(now), self._slot(now)
        slots = (records["timestamp"].dt.epoch("us") // (self.step * 1_000_000)).alias("slot")
        inside = slots.is_between(first, last).fill_null(False)
        self.late += records.height - int(inside.sum())
        for start in slots.filter(inside).unique().to_list():
            own = records.filter(slots == start)
            states = [self._slots[start]] if start in self._slots else []
            self._slots[start] = merge(self.plan, [*states, partial(self.plan, own)])
        self._forget(first)

    def finish(self, now: datetime) -> Finished:
        """The tables of the window; `until` is now."""
        self._forget(self._first(now))
        self._know(None, now)
        state = merge(self.plan, list(self._slots.values()))
        limits = replace(self.plan, since=self.since(now), until=now + _MICROSECOND)
        return finish(limits, state)

    def _know(self, oldest: object, now: datetime) -> None:
        """Take note of since when the log is known: its oldest record, or the first look at it."""
        known = [t for t in (oldest, self._known_since or now) if isinstance(t, datetime)]
        self._known_since = min(known)

    def _slot(self, at: datetime) -> int:
        return int(at.timestamp() // self.step)

    def _first(self, now: datetime) -> int:
        return self._slot(now) - self._length + 1

    def _forget(self, first: int) -> None:
        for start in [start for start in self._slots if start < first]:
            del self._slots[start]

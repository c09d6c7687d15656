"""Slices of time: how many requests, and how many of them counted, each slice of a window had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from apilog.statistics.dispersion import SliceCount
from apilog.text.units import parse_duration
from apilog.time import TimeWindow

_ORIGIN = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday, so that slices of every length that is chosen begin some time after it."""
_DAY = timedelta(days=1)
_MOST_UNSEEN = 0.02
"""The share of a slice that may lie outside of the window, as before the first request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSlices:
    """The slices of a window, of one length."""

    step: str
    """Their length, as `parse_step` gives it; they begin where UTC has multiples of it."""
    window: TimeWindow
    counts: Mapping[datetime, SliceCount]
    """By the start of the slice; without those that had no requests."""

    @property
    def length(self) -> timedelta:
        return parse_duration(self.step)

    @property
    def requests(self) -> int:
        return sum(count.n for count in self.counts.values())

    @property
    def occupied(self) -> list[SliceCount]:
        """The slices with requests, in their order."""
        return [self.counts[start] for start in sorted(self.counts)]

    @property
    def is_constant(self) -> bool:
        """Whether nothing happened to any request, or to all."""
        return sum(count.events for count in self.counts.values()) in (0, self.requests)

    def coarsen(self, step: str) -> TimeSlices:
        """Return the slices of a step that is as long or longer."""
        if parse_duration(step) <= self.length:
            return self
        length = parse_duration(step)
        merged: dict[datetime, SliceCount] = {}
        for at, (n, events) in self.counts.items():
            start = _ORIGIN + (at - _ORIGIN) // length * length
            before = merged.get(start, SliceCount(0, 0))
            merged[start] = SliceCount(before.n + n, before.events + events)
        return replace(self, step=step, counts=merged)

    def whole(self, length: timedelta | None = None) -> list[SliceCount]:
        """Return the slices that lie in the window, those without requests too.

        They are put together to such a length, from the first one on.
        """
        since, until = self.window.since, self.window.until
        length = length or self.length
        if since is None or until is None or not self.counts:
            return []
        slack = _MOST_UNSEEN * length
        # Slices of one length keep their distance to any of them.
        start = min(self.counts)
        start -= ((start - since) // self.length) * self.length
        start = start if start >= since - slack else start + self.length
        found = []
        while start + length <= until + slack:
            parts = [
                self.counts.get(start + i * self.length, SliceCount(0, 0))
                for i in range(length // self.length)
            ]
            found.append(SliceCount(sum(p.n for p in parts), sum(p.events for p in parts)))
            start += length
        return found

    @property
    def days(self) -> list[SliceCount]:
        """The whole days of the window; none where slices are longer."""
        return self.whole(_DAY) if _DAY % self.length == timedelta(0) else []


def common_step(first: TimeSlices, second: TimeSlices) -> tuple[TimeSlices, TimeSlices]:
    """Return both in slices of the longer step."""
    return first.coarsen(second.step), second.coarsen(first.step)

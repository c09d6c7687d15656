"""Hours, days and weeks of a time zone, each with a name that no other of its kind has.

They are the buckets of `steps`: a day may have 23 or 25 hours, an hour of the wall clock
that comes twice is two periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from apilog.window.steps import bucket_start, buckets


class Every(StrEnum):
    """How long a period is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday on."""

    @property
    def step(self) -> str:
        """The period as a step of buckets."""
        return _STEPS[self]


_STEPS = {Every.HOUR: "1h", Every.DAY: "1d", Every.WEEK: "1w"}
_LONGER = timedelta(days=16)
"""Than any period and the one after it."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One hour, day or week."""

    start: datetime
    """UTC."""
    end: datetime
    """UTC, exclusive."""
    name: str
    """`2026-11-21`, `2026-11-21T10Z`, `2026-11-21T10+0100` or `2026-W47`: sorted as text, the
    names of one zone and kind are in order of time, but for an hour that comes twice."""

    def is_over(self, now: datetime) -> bool:
        """Whether nothing that happens from now on belongs to it."""
        return self.end <= now


def period_at(instant: datetime, every: Every, zone: ZoneInfo) -> Period:
    """The period that holds an instant.

    >>> from datetime import UTC
    >>> period_at(datetime(2026, 11, 21, 9, 30, tzinfo=UTC), Every.HOUR, ZoneInfo("UTC")).name
    '2026-11-21T09Z'
    """
    start = bucket_start(instant, every.step, zone)
    # The first one starts there; where the second does, it ends.
    _, end = islice(buckets(start, start + _LONGER, every.step, zone), 2)
    return Period(start, end, _name(start.astimezone(zone), every))


def _name(start: datetime, every: Every) -> str:
    match every:
        case Every.HOUR:
            offset = "Z" if start.tzinfo == ZoneInfo("UTC") else f"{start:%z}"
            return f"{start:%Y-%m-%dT%H}{offset}"
        case Every.DAY:
            return f"{start:%Y-%m-%d}"
        case Every.WEEK:
            return f"{start:%G-W%V}"

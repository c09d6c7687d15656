"""The time that a log has reached: its own clock, which goes on while nobody writes.

It may be behind the machine's (logs delivered late, a file replayed through a pipe) or ahead
(times without a zone), so windows of the last minutes are cut by it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl

_LEAP = timedelta(hours=1)
_MANY = 10
"""Fewer records than these don't set the clock forward by more than `_LEAP`: they may be wrong."""


class LogClock:
    """Set by the newest records, carried on by the machine's clock; never goes back."""

    def __init__(self, wall: Callable[[], datetime], *, trusting: bool = False) -> None:
        """`trusting` takes any record's time for the log's, however far ahead it is."""
        self._wall = wall
        self._trusting = trusting
        self._offset: timedelta | None = None

    def now(self) -> datetime:
        """The log's time; the machine's as long as nothing is known of the log."""
        return self._wall() + (self._offset or timedelta())

    def see(self, times: pl.Series, arrived: datetime | None = None) -> None:
        """Take note of records that came at that time of the machine; now, if none is given."""
        arrived = arrived or self._wall()
        newest = _newest(times)
        if newest is None:
            return
        offset = newest - arrived
        if self._offset is None or offset <= self._offset + _LEAP or self._trusting:
            self._offset = max(offset, self._offset or offset)
            return
        bound = arrived + self._offset + _LEAP
        if int((times > bound).sum()) >= max(_MANY, len(times) // 2):
            self._offset = offset
        elif earlier := _newest(times.filter(times <= bound)):
            self._offset = max(self._offset, earlier - arrived)


def _newest(times: pl.Series) -> datetime | None:
    newest = times.max()
    return newest if isinstance(newest, datetime) else None

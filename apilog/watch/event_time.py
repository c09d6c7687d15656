"""Event time: the clock of the log, and where in existing files the last minutes begin.

The event clock may lag behind the machine's clock (late deliveries, a replayed file) or run ahead
of it (times without a zone), so sliding windows end at event time. It is their watermark: records
that are older than the window which ends there are late. Long files are searched by bisection,
which takes their lines to be roughly in the order of time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.engine.store_parts import find_logs
from apilog.formats.file_plan import FormatChoice
from apilog.sources import STDIN
from apilog.transport.opening import HEAD_BYTES
from apilog.watch.decoder import record_times

_LEAP = timedelta(hours=1)
_YEAR = timedelta(days=365)
_ENOUGH_RECORDS = 10
"""Fewer records than this never set the clock forward by more than `_LEAP`: they may be wrong."""


class EventClock:
    """A clock that newer records set forward and the machine's clock carries on."""

    def __init__(self, wall: Callable[[], datetime], *, trusting: bool = False) -> None:
        """Read the machine's time from `wall`; if `trusting`, believe records that leap ahead."""
        self._wall = wall
        self._trusting = trusting
        self._offset: timedelta | None = None

    def now(self) -> datetime:
        """Return the event time; the machine's time until a record has been observed."""
        return self._wall() + (self._offset or timedelta())

    def observe_times(self, times: pl.Series, arrived: datetime | None = None) -> None:
        """Take note of records that arrived at that time of the machine, by default now."""
        arrived = arrived or self._wall()
        newest = _newest_time(_without_wrong_clocks(times))
        if newest is None:
            return
        offset = newest - arrived
        if self._offset is None or offset <= self._offset + _LEAP or self._trusting:
            self._offset = max(offset, self._offset or offset)
            return
        # One record with a wrong year would move all windows past every other record, so a leap
        # has to be confirmed by many records; until then the newest plausible time counts.
        bound = arrived + self._offset + _LEAP
        if int((times > bound).sum()) >= max(_ENOUGH_RECORDS, len(times) // 2):
            self._offset = offset
        elif earlier := _newest_time(times.filter(times <= bound)):
            self._offset = max(self._offset, earlier - arrived)


def _without_wrong_clocks(times: pl.Series) -> pl.Series:
    """Return the times without a few that are more than a year ahead of all others."""
    newest = times.drop_nulls().top_k(_ENOUGH_RECORDS)
    last = newest.min()
    if len(newest) < _ENOUGH_RECORDS or not isinstance(last, datetime):
        return times
    return times.filter(times <= last + _YEAR)


def _newest_time(times: pl.Series) -> datetime | None:
    newest = times.max()
    return newest if isinstance(newest, datetime) else None


CLOSE_BYTES = 1 << 20
"""A range of this size is read rather than bisected further."""
_PROBE_BYTES = 1 << 16
_LAST_LINE_BYTES = 1 << 20


class TimeSearch:
    """A search for positions in a file by time; every method raises OSError if it can't be read."""

    def __init__(self, file: str, choice: FormatChoice | None) -> None:
        self._file = file
        self._choice = choice
        with open(file, "rb") as stream:
            self._head = _whole_lines(stream.read(HEAD_BYTES))
            status = os.fstat(stream.fileno())
        self.size = status.st_size
        self.written = datetime.fromtimestamp(status.st_mtime, UTC)
        """When the file was last written to, by the machine's clock."""

    def last_times(self) -> pl.Series:
        """Return the times of the last records."""
        return self._times_at(max(0, self.size - _PROBE_BYTES))

    def find_offset(self, since: datetime) -> int:
        """Return where a line begins, not long before the first record at or after `since`."""
        low, high = 0, self.size
        while high - low > CLOSE_BYTES:
            middle = (low + high) // 2
            first = self._times_at(middle).min()
            # A probe without a single time counts as late: reading too much loses nothing.
            if isinstance(first, datetime) and first < since:
                low = middle
            else:
                high = middle
        if not low:
            return 0
        # A line that begins right at `low` has its newline one byte before.
        newline = self._read(low - 1, _LAST_LINE_BYTES).find(b"\n")
        return low + newline if newline >= 0 else self.end_offset()

    def end_offset(self) -> int:
        """Return the offset behind the last newline, or the end if no newline is near it."""
        start = max(0, self.size - _LAST_LINE_BYTES)
        newline = self._read(start, self.size - start).rfind(b"\n")
        return start + newline + 1 if newline >= 0 or not start else self.size

    def _times_at(self, offset: int) -> pl.Series:
        block = self._read(offset, _PROBE_BYTES)
        if offset:
            block = block[block.find(b"\n") + 1 :]
        return record_times(self._file, self._head, _whole_lines(block), self._choice)

    def _read(self, offset: int, size: int) -> bytes:
        with open(self._file, "rb") as stream:
            stream.seek(offset)
            return stream.read(size)


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


class StartOffsets:
    """Where to begin existing files by event time; the ends of the files set the clock first."""

    def __init__(
        self,
        clock: EventClock,
        choice: FormatChoice | None,
        recent: timedelta | None,
        wall: Callable[[], datetime],
    ) -> None:
        """Take files that were not written to within `recent` for old; with None, no file is."""
        self._clock = clock
        self._choice = choice
        self._recent = recent
        self._wall = wall

    def set_clock(self, sources: Sequence[str], exclude: Sequence[str] = ()) -> None:
        """Set the clock by the last lines, as if each arrived when its file was last written."""
        for source in find_logs(sources, exclude)[0]:
            if not source.size or source.file == STDIN:
                continue
            with suppress(OSError):  # the follower reports it
                log = TimeSearch(source.file, self._choice)
                if not self._is_old(log):
                    arrived = self._wall() if self._recent is None else log.written
                    self._clock.observe_times(log.last_times(), arrived)

    def find_start(self, file: str, reach: timedelta) -> int:
        """Return the offset at which the last minutes of a file begin; raises OSError."""
        if not os.path.getsize(file):
            return 0
        log = TimeSearch(file, self._choice)
        if self._is_old(log):
            return log.end_offset()
        since = self._clock.now() - reach
        last = log.last_times().max()
        if isinstance(last, datetime):
            return log.end_offset() if last < since else log.find_offset(since)
        return log.end_offset() if log.size > CLOSE_BYTES else 0

    def _is_old(self, log: TimeSearch) -> bool:
        return self._recent is not None and self._wall() - log.written > self._recent

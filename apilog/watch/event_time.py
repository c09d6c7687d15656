"""Event time: the clock of the log, and where in existing files the last minutes begin.

The event clock may lag behind the machine's clock (late deliveries, a replayed file) or run ahead
of it (times without a zone), so sliding windows end at event time. Long files are searched by
bisection, which takes their lines to be roughly in the order of time.
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
_ENOUGH_RECORDS = 10
"""Fewer records than these don't set the clock forward by more than `_LEAP`: they may be wrong."""


class EventClock:
    """Set by the newest records, carried on by the machine's clock; never goes back."""

    def __init__(self, wall: Callable[[], datetime], *, trusting: bool = False) -> None:
        """`trusting` takes any record's time for the log's, however far ahead it is."""
        self._wall = wall
        self._trusting = trusting
        self._offset: timedelta | None = None

    def now(self) -> datetime:
        """The log's time; the machine's as long as nothing is known of the log."""
        return self._wall() + (self._offset or timedelta())

    def observe_times(self, times: pl.Series, arrived: datetime | None = None) -> None:
        """Take note of records that came at that time of the machine; now, if none is given."""
        arrived = arrived or self._wall()
        newest = _newest_time(times)
        if newest is None:
            return
        offset = newest - arrived
        if self._offset is None or offset <= self._offset + _LEAP or self._trusting:
            self._offset = max(offset, self._offset or offset)
            return
        bound = arrived + self._offset + _LEAP
        if int((times > bound).sum()) >= max(_ENOUGH_RECORDS, len(times) // 2):
            self._offset = offset
        elif earlier := _newest_time(times.filter(times <= bound)):
            self._offset = max(self._offset, earlier - arrived)


def _newest_time(times: pl.Series) -> datetime | None:
    newest = times.max()
    return newest if isinstance(newest, datetime) else None


CLOSE_BYTES = 1 << 20
"""So many bytes are rather read than halved once more."""
_PROBE_BYTES = 1 << 16
_LAST_LINE_BYTES = 1 << 20


class TimeSearch:
    """A file and the times in it; raises OSError where it can't be read."""

    def __init__(self, file: str, choice: FormatChoice | None) -> None:
        self._file = file
        self._choice = choice
        with open(file, "rb") as stream:
            self._head = _whole_lines(stream.read(HEAD_BYTES))
            status = os.fstat(stream.fileno())
        self.size = status.st_size
        self.written = datetime.fromtimestamp(status.st_mtime, UTC)
        """When it was last written to, by the machine's clock."""

    def last_times(self) -> pl.Series:
        """The times of its last records."""
        return self._times_at(max(0, self.size - _PROBE_BYTES))

    def find_offset(self, since: datetime) -> int:
        """The beginning of a line that is not long before the first record from then on."""
        low, high = 0, self.size
        while high - low > CLOSE_BYTES:
            middle = (low + high) // 2
            first = self._times_at(middle).min()
            if isinstance(first, datetime) and first < since:
                low = middle
            else:
                high = middle
        return self.line_start(low)

    def line_start(self, offset: int) -> int:
        """The beginning of the first line from that byte on; that of the last if none begins."""
        if not offset:
            return 0
        with open(self._file, "rb") as stream:
            stream.seek(offset - 1)
            newline = stream.read(_LAST_LINE_BYTES).find(b"\n")
        return offset + newline if newline >= 0 else self.end_offset()

    def end_offset(self) -> int:
        """Behind its last newline, or at its end if that is far before."""
        start = max(0, self.size - _LAST_LINE_BYTES)
        with open(self._file, "rb") as stream:
            stream.seek(start)
            block = stream.read(self.size - start)
        newline = block.rfind(b"\n")
        return start + newline + 1 if newline >= 0 or not start else self.size

    def _times_at(self, offset: int) -> pl.Series:
        with open(self._file, "rb") as stream:
            stream.seek(offset)
            block = stream.read(_PROBE_BYTES)
        if offset:
            block = block[block.find(b"\n") + 1 :]
        return record_times(self._file, self._head, _whole_lines(block), self._choice)


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


class StartOffsets:
    """The beginnings of files by the clock of the log, which their ends set first."""

    def __init__(
        self,
        clock: EventClock,
        choice: FormatChoice | None,
        recent: timedelta | None,
        wall: Callable[[], datetime],
    ) -> None:
        """Files that were not written to within `recent` are old; None: there are none."""
        self._clock = clock
        self._choice = choice
        self._recent = recent
        self._wall = wall

    def set_clock(self, sources: Sequence[str]) -> None:
        """Set the clock by the ends of files, as if a last line came when its file was written."""
        for source in find_logs(sources)[0]:
            if source.size and source.file != STDIN:
                with suppress(OSError):  # whoever follows it will say so
                    self._observe_end(TimeSearch(source.file, self._choice))

    def find_start(self, file: str, reach: timedelta) -> int:
        """The byte at which the last minutes of a file begin. Raises OSError."""
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

    def _observe_end(self, log: TimeSearch) -> None:
        if not self._is_old(log):
            arrived = self._wall() if self._recent is None else log.written
            self._clock.observe_times(log.last_times(), arrived)

    def _is_old(self, log: TimeSearch) -> bool:
        return self._recent is not None and self._wall() - log.written > self._recent

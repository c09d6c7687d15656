"""Where files that are there at the start are begun: with the last minutes of the log."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from apilog.formats.choice import Choice
from apilog.sources import STDIN, find_sources
from apilog.watch.clock import LogClock
from apilog.watch.seek import CLOSE_BYTES, LogFile


class Starts:
    """The beginnings of files by the clock of the log, which their ends set first."""

    def __init__(
        self,
        clock: LogClock,
        choice: Choice | None,
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
        for source in find_sources(sources)[0]:
            if source.size and source.file != STDIN:
                with suppress(OSError):  # whoever follows it will say so
                    self._see(LogFile(source.file, self._choice))

    def offset(self, file: str, reach: timedelta) -> int:
        """The byte at which the last minutes of a file begin. Raises OSError."""
        if not os.path.getsize(file):
            return 0
        log = LogFile(file, self._choice)
        if self._is_old(log):
            return log.end()
        since = self._clock.now() - reach
        last = log.last_times().max()
        if isinstance(last, datetime):
            return log.end() if last < since else log.offset_of(since)
        return log.end() if log.size > CLOSE_BYTES else 0

    def _see(self, log: LogFile) -> None:
        if not self._is_old(log):
            arrived = self._wall() if self._recent is None else log.written
            self._clock.see(log.last_times(), arrived)

    def _is_old(self, log: LogFile) -> bool:
        return self._recent is not None and self._wall() - log.written > self._recent

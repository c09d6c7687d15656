"""Where in a long file its last minutes begin, found by halving, without reading it all.

Lines are taken to be roughly in the order of time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import polars as pl

from apilog.formats.choice import Choice
from apilog.sources import HEAD_BYTES
from apilog.watch.intake import times_in

CLOSE_BYTES = 1 << 20
"""So many bytes are rather read than halved once more."""
_PROBE = 1 << 16
_LAST_LINE = 1 << 20


class LogFile:
    """A file and the times in it; raises OSError where it can't be read."""

    def __init__(self, file: str, choice: Choice | None) -> None:
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
        return self._times(max(0, self.size - _PROBE))

    def offset_of(self, since: datetime) -> int:
        """The beginning of a line that is not long before the first record from then on."""
        low, high = 0, self.size
        while high - low > CLOSE_BYTES:
            middle = (low + high) // 2
            first = self._times(middle).min()
            if isinstance(first, datetime) and first < since:
                low = middle
            else:
                high = middle
        return self.line_at(low)

    def line_at(self, offset: int) -> int:
        """The beginning of the first line from that byte on; that of the last if none begins."""
        if not offset:
            return 0
        with open(self._file, "rb") as stream:
            stream.seek(offset - 1)
            newline = stream.read(_LAST_LINE).find(b"\n")
        return offset + newline if newline >= 0 else self.end()

    def end(self) -> int:
        """Behind its last newline, or at its end if that is far before."""
        start = max(0, self.size - _LAST_LINE)
        with open(self._file, "rb") as stream:
            stream.seek(start)
            block = stream.read(self.size - start)
        newline = block.rfind(b"\n")
        return start + newline + 1 if newline >= 0 or not start else self.size

    def _times(self, offset: int) -> pl.Series:
        with open(self._file, "rb") as stream:
            stream.seek(offset)
            block = stream.read(_PROBE)
        if offset:
            block = block[block.find(b"\n") + 1 :]
        return times_in(self._file, self._head, _whole_lines(block), self._choice)


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]

"""How much each task reads: much at first, and less and less towards the end.

Guided self-scheduling (Polychronopoulos and Kuck, https://doi.org/10.1109/TC.1987.5009495): each
share is a part of what is left, so that all threads end at about the same time, whatever each of
them takes for its own. Shares follow from the sizes of the inputs alone.
"""

from __future__ import annotations

from apilog.sources import LogSource

_PARTS_PER_THREAD = 2
"""A share is what is left, divided by so many for each thread: one that takes twice as long as
the others still ends with them."""
FILE_BYTES = 384 << 10
"""Opening a file and finding its format takes as long as reading so many bytes of plain lines."""
_COMPRESSED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")
_RATIO = 8
"""A log is compressed to about so small a part of its size."""


class TaskShares:
    """The shares of a run, one after the other; costs are in bytes of plain lines."""

    def __init__(self, total: int, threads: int, least: int, most: int) -> None:
        """Divide `total` among so many threads; no share but the last is under `least`."""
        self._left = total
        self._parts = _PARTS_PER_THREAD * threads
        self._least, self._most = least, most

    @property
    def next(self) -> int:
        """Return what the next task should take."""
        return min(max(self._left // self._parts, self._least), self._most)

    def take(self, cost: int) -> None:
        """Have a task take so much."""
        self._left -= cost

    def cut(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Take a file that is plain lines; return between which bytes each task reads it."""
        ranges = []
        while start < stop:
            share = self.next
            # A rest that is not worth a task is read with what comes before it.
            end = stop if stop - start <= share + share // 2 else start + share
            self.take(end - start)
            ranges.append((start, end))
            start = end
        return ranges


def cost_of(file: LogSource) -> int:
    """Return the cost of reading a file whole, as far as its name and size tell."""
    size = file.size or 0
    return FILE_BYTES + (size * _RATIO if is_named_compressed(file) else size)


def is_named_compressed(file: LogSource) -> bool:
    """Return whether a file has the name of a compressed one, which is never cut."""
    return file.file.lower().endswith(_COMPRESSED_SUFFIXES)

"""One growing file, held open: its whole lines as they come, each once.

A last line without its newline waits for it. A file is known by its device and inode, so that
a new name does not make it another one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

from apilog.sources import HEAD_BYTES, MAX_LINE_BYTES, Chunk, LineCutter
from apilog.sources.source import shown

CHUNK_BYTES = 4 << 20
"""So much of a file is read at a time."""
KNOWN_BYTES = 1024
"""The first bytes of a file, by which a copy of it is told."""
_SEAM_BYTES = 256
_MARK = b"\xef\xbb\xbf"

Identity = tuple[int, int]


def identity_of(status: os.stat_result) -> Identity:
    """The device and inode of a file."""
    return status.st_dev, status.st_ino


class Tail:
    """A file that is followed."""

    def __init__(self, file: str, start: int = 0) -> None:
        """Begin at a byte that begins a line. Raises OSError if the file can't be opened."""
        self.file = file
        self.path = shown(file)
        self.offset = start
        """Bytes of the file that were read."""
        self.head = b""
        """The file's first bytes, `KNOWN_BYTES` at most."""
        self._stream: BinaryIO = open(file, "rb", buffering=0)  # noqa: SIM115
        self.identity = identity_of(os.fstat(self._stream.fileno()))
        self._first_lines = b""
        self._cutter: LineCutter | None = None
        self._seam = self._at(max(0, start - _SEAM_BYTES), min(start, _SEAM_BYTES))
        self._know_head()

    def read(self) -> tuple[list[Chunk], bool]:
        """The next whole lines, a few MiB of them at most, and whether there is more to read."""
        self._know_head()
        if self._cutter is None:
            # It takes memory: files that don't grow have none.
            if os.fstat(self._stream.fileno()).st_size <= self.offset:
                return [], False
            self._cutter = LineCutter(CHUNK_BYTES, MAX_LINE_BYTES)
        at_end = self._cutter.fill(_Following(self))
        return _unmarked(self._cutter.cut(self.offset)), not at_end

    def finish(self) -> list[Chunk]:
        """The last line, if it has no newline; to be called when nothing more can come."""
        return _unmarked(self._cutter.finish(self.offset)) if self._cutter else []

    def first_lines(self) -> bytes:
        """Whole lines from the beginning of the file up to what was read; also once closed."""
        if self._stream.closed:
            return self._first_lines
        data = self._at(0, min(self.offset, HEAD_BYTES))
        return data[: data.rfind(b"\n") + 1]

    @property
    def is_truncated(self) -> bool:
        """Whether the file was emptied since, even if it has grown again."""
        size = os.fstat(self._stream.fileno()).st_size
        if size < self.offset:
            return True
        return self.offset > 0 and not self._goes_on_in(self._stream)

    @property
    def is_deleted(self) -> bool:
        """Whether no name leads to the file any more."""
        return os.fstat(self._stream.fileno()).st_nlink == 0

    def move_to(self, copy: str) -> bool:
        """Go on in a copy of the file, if that has what was read; else nothing is changed."""
        try:
            stream = open(copy, "rb", buffering=0)  # noqa: SIM115
        except OSError:
            return False
        if not self._goes_on_in(stream):
            stream.close()
            return False
        self._stream.close()
        self._stream = stream
        self.identity = identity_of(os.fstat(stream.fileno()))
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._first_lines = self.first_lines()
        self._stream.close()

    def _goes_on_in(self, stream: BinaryIO) -> bool:
        """Whether the bytes just before `offset` are those that were read there."""
        start = self.offset - len(self._seam)
        return bool(self._seam) and self._at(start, len(self._seam), stream) == self._seam

    def _next(self, size: int) -> bytes:
        block = self._at(self.offset, size)
        self.offset += len(block)
        self._seam = (self._seam + block)[-_SEAM_BYTES:]
        return block

    def _at(self, start: int, size: int, stream: BinaryIO | None = None) -> bytes:
        stream = stream or self._stream
        stream.seek(start)
        return stream.read(size)

    def _know_head(self) -> None:
        if len(self.head) < KNOWN_BYTES:
            self.head = self._at(0, KNOWN_BYTES)


class _Following:
    """A tail as the stream that a cutter reads."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail

    def read(self, size: int) -> bytes:
        return self._tail._next(size)


def _unmarked(chunks: list[Chunk]) -> list[Chunk]:
    """The chunks without a byte order mark before the first line."""
    return [
        replace(chunk, data=chunk.data.removeprefix(_MARK)) if chunk.first_line == 1 else chunk
        for chunk in chunks
    ]

"""Growing inputs: files held open, standard input and named pipes.

Each gives its whole lines as they come, each line once; a last line without its newline waits for
it. A file is known by its device and inode, so a new name does not make it another file.
"""

from __future__ import annotations

import os
import select
import sys
from dataclasses import replace
from typing import BinaryIO

from apilog.errors import InputError
from apilog.sources import STDIN, LineChunk, LineCutter
from apilog.sources.source import display_path
from apilog.transport.opening import HEAD_BYTES, MAX_LINE_BYTES

CHUNK_BYTES = 4 << 20
"""So much of a file is read at a time."""
KNOWN_BYTES = 1024
"""The first bytes of a file, by which a copy of it is told."""
_SEAM_BYTES = 256
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

InodeIdentity = tuple[int, int]


def inode_identity(status: os.stat_result) -> InodeIdentity:
    """The device and inode of a file."""
    return status.st_dev, status.st_ino


class FileTail:
    """A file that is followed."""

    def __init__(self, file: str, start: int = 0) -> None:
        """Begin at a byte that begins a line. Raises OSError if the file can't be opened."""
        self.file = file
        self.path = display_path(file)
        self.offset = start
        """Bytes of the file that were read."""
        self.head = b""
        """The file's first bytes, `KNOWN_BYTES` at most."""
        self._stream: BinaryIO = open(file, "rb", buffering=0)  # noqa: SIM115
        self.identity = inode_identity(os.fstat(self._stream.fileno()))
        self._first_lines = b""
        self._cutter: LineCutter | None = None
        self._seam = self._read_at(max(0, start - _SEAM_BYTES), min(start, _SEAM_BYTES))
        self._read_head()

    def read(self) -> tuple[list[LineChunk], bool]:
        """The next whole lines, a few MiB of them at most, and whether there is more to read."""
        self._read_head()
        if self._cutter is None:
            # It takes memory: files that don't grow have none.
            if os.fstat(self._stream.fileno()).st_size <= self.offset:
                return [], False
            self._cutter = LineCutter(CHUNK_BYTES, MAX_LINE_BYTES)
        at_end = self._cutter.fill_buffer(_TailStream(self))
        return _without_byte_order_mark(self._cutter.cut_chunks(self.offset)), not at_end

    def finish(self) -> list[LineChunk]:
        """The last line, if it has no newline; to be called when nothing more can come."""
        return (
            _without_byte_order_mark(self._cutter.cut_last_chunks(self.offset))
            if self._cutter
            else []
        )

    def first_lines(self) -> bytes:
        """Whole lines from the beginning of the file up to what was read; also once closed."""
        if self._stream.closed:
            return self._first_lines
        data = self._read_at(0, min(self.offset, HEAD_BYTES))
        return data[: data.rfind(b"\n") + 1]

    @property
    def is_truncated(self) -> bool:
        """Whether the file was emptied since, even if it has grown again."""
        size = os.fstat(self._stream.fileno()).st_size
        if size < self.offset:
            return True
        return self.offset > 0 and not self._continues_in(self._stream)

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
        if not self._continues_in(stream):
            stream.close()
            return False
        self._stream.close()
        self._stream = stream
        self.identity = inode_identity(os.fstat(stream.fileno()))
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._first_lines = self.first_lines()
        self._stream.close()

    def _continues_in(self, stream: BinaryIO) -> bool:
        """Whether the bytes just before `offset` are those that were read there."""
        start = self.offset - len(self._seam)
        return bool(self._seam) and self._read_at(start, len(self._seam), stream) == self._seam

    def _read_next(self, size: int) -> bytes:
        block = self._read_at(self.offset, size)
        self.offset += len(block)
        self._seam = (self._seam + block)[-_SEAM_BYTES:]
        return block

    def _read_at(self, start: int, size: int, stream: BinaryIO | None = None) -> bytes:
        stream = stream or self._stream
        stream.seek(start)
        return stream.read(size)

    def _read_head(self) -> None:
        if len(self.head) < KNOWN_BYTES:
            self.head = self._read_at(0, KNOWN_BYTES)


class _TailStream:
    """A tail as the stream that a cutter reads."""

    def __init__(self, tail: FileTail) -> None:
        self._tail = tail

    def read(self, size: int) -> bytes:
        return self._tail._read_next(size)


def _without_byte_order_mark(chunks: list[LineChunk]) -> list[LineChunk]:
    """The chunks without a byte order mark before the first line."""
    return [
        replace(chunk, data=chunk.data.removeprefix(_BYTE_ORDER_MARK))
        if chunk.first_line == 1
        else chunk
        for chunk in chunks
    ]


_BLOCK_BYTES = 1 << 18


class PipeTail:
    """A stream that can be read once."""

    def __init__(self, file: str) -> None:
        """Raises InputError if standard input is closed, OSError if a pipe can't be opened."""
        self.file = file
        self.path = display_path(file)
        self.has_ended = False
        self._read = 0
        self._is_ours = file != STDIN
        self._descriptor = _open_descriptor(file)
        self._cutter = LineCutter(CHUNK_BYTES, MAX_LINE_BYTES)

    def read(self) -> tuple[list[LineChunk], bool]:
        """The next whole lines that are there, and whether there may be more by now."""
        if self.has_ended:
            return [], False
        stream = _PipeStream(self)
        is_empty = self._cutter.fill_buffer(stream)
        if stream.at_end:
            self.has_ended = True
            return self._cutter.cut_last_chunks(self._read), False
        return self._cutter.cut_chunks(self._read), not is_empty

    def first_lines(self) -> bytes:
        """Nothing: what was read of a pipe is gone."""
        return b""

    def finish(self) -> list[LineChunk]:
        """The last line, if it has no newline yet."""
        return [] if self.has_ended else self._cutter.cut_last_chunks(self._read)

    def close(self) -> None:
        """Let go of a named pipe; standard input stays open."""
        if self._is_ours:
            os.close(self._descriptor)


class _PipeStream:
    """What a pipe holds, as the stream that a cutter reads; empty where a read would wait."""

    def __init__(self, pipe: PipeTail) -> None:
        self._pipe = pipe
        self.at_end = False

    def read(self, size: int) -> bytes:
        descriptor = self._pipe._descriptor
        if self.at_end or not select.select([descriptor], [], [], 0)[0]:
            return b""
        try:
            block = os.read(descriptor, min(size, _BLOCK_BYTES))
        except BlockingIOError:
            return b""
        self._pipe._read += len(block)
        self.at_end = not block
        return block


def _open_descriptor(file: str) -> int:
    if file != STDIN:
        # Else it would wait here for a writer.
        return os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if sys.stdin is None:
        raise InputError("there is no standard input", "give a file instead")
    return sys.stdin.fileno()

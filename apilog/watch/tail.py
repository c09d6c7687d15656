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
"""How much of a file is read at a time."""
KNOWN_BYTES = 1024
"""How many first bytes of a file are kept to recognise a copy of it."""
_SEAM_BYTES = 256
"""How many bytes before the offset are kept to recognise a file that was rewritten."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

InodeIdentity = tuple[int, int]


def inode_identity(status: os.stat_result) -> InodeIdentity:
    """Return the device and inode of a file."""
    return status.st_dev, status.st_ino


class FileTail:
    """A followed file, held open so that neither a new name nor deletion ends it."""

    def __init__(self, file: str, start: int = 0) -> None:
        """Open the file and begin at `start`, where a line begins; raises OSError."""
        self.file = file
        self.path = display_path(file)
        self.offset = start
        """How many bytes of the file were read."""
        self.head = b""
        """The first bytes of the file, `KNOWN_BYTES` at most."""
        self._stream: BinaryIO = open(file, "rb", buffering=0)  # noqa: SIM115
        self.identity = inode_identity(os.fstat(self._stream.fileno()))
        self._first_lines = b""
        self._cutter: LineCutter | None = None
        self._seam = self._read_at(max(0, start - _SEAM_BYTES), min(start, _SEAM_BYTES))
        self._read_head()

    def read(self) -> tuple[list[LineChunk], bool]:
        """Return the next whole lines, a few MiB at most, and whether there is more to read."""
        self._read_head()
        if self._cutter is None:
            # A cutter holds a buffer, so files that never grow (thousands in a folder) get none.
            if os.fstat(self._stream.fileno()).st_size <= self.offset:
                return [], False
            self._cutter = LineCutter(CHUNK_BYTES, MAX_LINE_BYTES)
        at_end = self._cutter.fill_buffer(_TailStream(self))
        return _without_byte_order_mark(self._cutter.cut_chunks(self.offset)), not at_end

    def finish(self) -> list[LineChunk]:
        """Return the last line if it has no newline; call this when nothing more can come."""
        if self._cutter is None:
            return []
        return _without_byte_order_mark(self._cutter.cut_last_chunks(self.offset))

    def first_lines(self) -> bytes:
        """Return the first whole lines of what was read, also after the file is closed."""
        if self._stream.closed:
            return self._first_lines
        data = self._read_at(0, min(self.offset, HEAD_BYTES))
        return data[: data.rfind(b"\n") + 1]

    @property
    def is_truncated(self) -> bool:
        """Whether the file was truncated after it was read, even if it has grown again."""
        size = os.fstat(self._stream.fileno()).st_size
        if size < self.offset:
            return True
        return self.offset > 0 and not self._continues_in(self._stream)

    @property
    def is_deleted(self) -> bool:
        """Whether the file has no name any more."""
        return os.fstat(self._stream.fileno()).st_nlink == 0

    def move_to(self, copy: str) -> bool:
        """Continue in a copy of the file if it contains what was read; else change nothing."""
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
        """Close the file."""
        self._first_lines = self.first_lines()
        self._stream.close()

    def _continues_in(self, stream: BinaryIO) -> bool:
        """Whether the bytes just before `offset` are the ones that were read there."""
        start = self.offset - len(self._seam)
        return bool(self._seam) and self._read_at(start, len(self._seam), stream) == self._seam

    def _read_at(self, start: int, size: int, stream: BinaryIO | None = None) -> bytes:
        stream = stream or self._stream
        stream.seek(start)
        return stream.read(size)

    def _read_head(self) -> None:
        if len(self.head) < KNOWN_BYTES:
            self.head = self._read_at(0, KNOWN_BYTES)


class _TailStream:
    """A file tail as the stream that a line cutter reads."""

    def __init__(self, tail: FileTail) -> None:
        self._tail = tail

    def read(self, size: int) -> bytes:
        tail = self._tail
        block = tail._read_at(tail.offset, size)
        # The bytes before the offset are kept: a file that was truncated and has grown past the
        # offset again can only be told by them.
        tail.offset += len(block)
        tail._seam = (tail._seam + block)[-_SEAM_BYTES:]
        return block


def _without_byte_order_mark(chunks: list[LineChunk]) -> list[LineChunk]:
    """Return the chunks without the byte order mark of the file."""
    return [
        replace(chunk, data=chunk.data.removeprefix(_BYTE_ORDER_MARK))
        if chunk.first_line == 1
        else chunk
        for chunk in chunks
    ]


_BLOCK_BYTES = 1 << 18


class PipeTail:
    """Standard input or a named pipe, which can be read only once."""

    def __init__(self, file: str) -> None:
        """Raise InputError if standard input is closed, OSError if a pipe can't be opened."""
        self.file = file
        self.path = display_path(file)
        self.has_ended = False
        self._offset = 0
        if file != STDIN:
            # Opening a named pipe would otherwise wait for its writer.
            self._descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        elif sys.stdin is None:
            raise InputError("there is no standard input", "give a file instead")
        else:
            self._descriptor = sys.stdin.fileno()
        self._cutter = LineCutter(CHUNK_BYTES, MAX_LINE_BYTES)

    def read(self) -> tuple[list[LineChunk], bool]:
        """Return the next whole lines that are there, and whether there may be more by now."""
        if self.has_ended:
            return [], False
        stream = _PipeStream(self)
        is_empty = self._cutter.fill_buffer(stream)
        if stream.at_end:
            self.has_ended = True
            return self._cutter.cut_last_chunks(self._offset), False
        return self._cutter.cut_chunks(self._offset), not is_empty

    def first_lines(self) -> bytes:
        return b""  # what was read from a pipe is gone

    def finish(self) -> list[LineChunk]:
        """Return the last line if it has no newline yet."""
        return [] if self.has_ended else self._cutter.cut_last_chunks(self._offset)

    def close(self) -> None:
        """Close a named pipe; standard input stays open."""
        if self.file != STDIN:
            os.close(self._descriptor)


class _PipeStream:
    """What a pipe holds now, as the stream that a line cutter reads; it never waits."""

    def __init__(self, pipe: PipeTail) -> None:
        self._pipe = pipe
        self.at_end = False

    def read(self, size: int) -> bytes:
        descriptor = self._pipe._descriptor
        # Reading without data would wait, and standard input must not be made non-blocking: the
        # terminal or shell shares it.
        if self.at_end or not select.select([descriptor], [], [], 0)[0]:
            return b""
        try:
            block = os.read(descriptor, min(size, _BLOCK_BYTES))
        except BlockingIOError:
            return b""
        self._pipe._offset += len(block)
        self.at_end = not block
        return block

"""Standard input and named pipes: whole lines as they come, until the writer closes."""

from __future__ import annotations

import os
import select
import sys

from apilog.errors import InputError
from apilog.sources import MAX_LINE_BYTES, STDIN, Chunk, LineCutter
from apilog.sources.source import shown
from apilog.watch.tail import CHUNK_BYTES

_BLOCK = 1 << 18


class Pipe:
    """A stream that can be read once."""

    def __init__(self, file: str) -> None:
        """Raises InputError if standard input is closed, OSError if a pipe can't be opened."""
        self.file = file
        self.path = shown(file)
        self.has_ended = False
        self._read = 0
        self._is_ours = file != STDIN
        self._descriptor = _opened(file)
        self._cutter = LineCutter(CHUNK_BYTES, MAX_LINE_BYTES)

    def read(self) -> tuple[list[Chunk], bool]:
        """The next whole lines that are there, and whether there may be more by now."""
        if self.has_ended:
            return [], False
        stream = _Waiting(self)
        is_empty = self._cutter.fill(stream)
        if stream.at_end:
            self.has_ended = True
            return self._cutter.finish(self._read), False
        return self._cutter.cut(self._read), not is_empty

    def first_lines(self) -> bytes:
        """Nothing: what was read of a pipe is gone."""
        return b""

    def finish(self) -> list[Chunk]:
        """The last line, if it has no newline yet."""
        return [] if self.has_ended else self._cutter.finish(self._read)

    def close(self) -> None:
        """Let go of a named pipe; standard input stays open."""
        if self._is_ours:
            os.close(self._descriptor)


class _Waiting:
    """What a pipe holds, as the stream that a cutter reads; empty where a read would wait."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.at_end = False

    def read(self, size: int) -> bytes:
        descriptor = self._pipe._descriptor
        if self.at_end or not select.select([descriptor], [], [], 0)[0]:
            return b""
        try:
            block = os.read(descriptor, min(size, _BLOCK))
        except BlockingIOError:
            return b""
        self._pipe._read += len(block)
        self.at_end = not block
        return block


def _opened(file: str) -> int:
    if file != STDIN:
        # Else it would wait here for a writer.
        return os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if sys.stdin is None:
        raise InputError("there is no standard input", "give a file instead")
    return sys.stdin.fileno()

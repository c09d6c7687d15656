"""Streams of bytes, stacked on each other: a file at the bottom, decoders above it.

Whatever goes wrong while reading is a `StreamDamage`, raised once all that could be read before
has been returned.
"""

from __future__ import annotations

import os
import sys
from io import BufferedReader
from typing import Protocol, cast

from apilog.sources.source import Source, SourceError, cannot_open


class StreamDamage(Exception):
    """A stream ended badly; the text says how."""


class Undecodable(StreamDamage):
    """Bytes that a decoder refused, so that smaller steps may get closer to them."""


class Reader(Protocol):
    """A stream of bytes."""

    def read(self, size: int) -> bytes:
        """The next bytes, about `size` at most; empty only at the end. Raises StreamDamage."""


class RawReader:
    """The bytes of a source as they are stored.

    `fine` names a range of the file that is handed out byte by byte.
    """

    def __init__(self, source: Source, fine: range = range(0)) -> None:
        self.seekable = source.size is not None
        self.position = 0
        """Bytes read so far."""
        self._previous = 0
        self._last = 0
        self._fine = fine
        self._stream, self._read = _opened(source)

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self.position in self._fine:
            size = 1
        elif self.position < self._fine.start:
            size = min(size, self._fine.start - self.position)
        try:
            block = self._read(size)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StreamDamage(f"reading stopped at byte {self.position}: {reason}") from error
        self._previous, self._last = self._last, self.position
        self.position += len(block)
        return block

    def seek(self, position: int) -> None:
        """Go on at this byte of a file."""
        if self._stream is not None:
            self.position = self._previous = self._last = self._stream.seek(position)

    def last_two_blocks(self) -> range:
        """Where the last two blocks stand in the file: a decoder may hold parts of both."""
        return range(self._previous, self.position)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._stream is not None:
            self._stream.close()


class Prefixed:
    """A stream some of whose first bytes were read already."""

    def __init__(self, head: bytes, reader: Reader) -> None:
        self._head = head
        self._reader = reader

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self._head:
            block, self._head = self._head[:size], self._head[size:]
            return block
        return self._reader.read(size)


def peek(reader: Reader, size: int) -> tuple[bytes, Prefixed]:
    """The first bytes (fewer than `size` only if there are no more), and the whole stream again.

    Damage within them is left for the stream to raise.
    """
    blocks, wanted = [], size
    rest: Reader = reader
    try:
        while wanted > 0 and (block := reader.read(wanted)):
            blocks.append(block)
            wanted -= len(block)
    except StreamDamage as damage:
        rest = _Damaged(damage)
    head = b"".join(blocks)
    return head, Prefixed(head, rest)


class _Damaged:
    """The rest of a stream that was found damaged while peeking."""

    def __init__(self, damage: StreamDamage) -> None:
        self._damage = damage

    def read(self, size: int) -> bytes:
        raise self._damage


class _Read(Protocol):
    def __call__(self, size: int, /) -> bytes: ...


class _Seekable(Protocol):
    def seek(self, position: int, /) -> int: ...
    def close(self) -> None: ...


def _opened(source: Source) -> tuple[_Seekable | None, _Read]:
    """The stream to close, if it is ours, and the function that reads from it."""
    if source.is_object:
        return _opened_object(source)
    if source.is_stdin:
        if sys.stdin is None:
            raise SourceError(source.path, "there is no standard input", "give a file instead")
        return None, cast("BufferedReader", sys.stdin.buffer).read1
    try:
        stream = open(source.file, "rb", buffering=0)  # noqa: SIM115
    except (OSError, ValueError) as error:
        if os.path.isdir(source.file):
            raise SourceError(source.path, "is a directory") from error
        raise cannot_open(source.file, error) from error
    return stream, stream.read


def _opened_object(source: Source) -> tuple[_Seekable, _Read]:
    from apilog.storage.cloud.ahead import Ahead
    from apilog.storage.cloud.reader import ObjectReader

    try:
        found = ObjectReader(source.file, source.size or 0, source.ahead or Ahead())
    except OSError as error:
        raise cannot_open(source.file, error) from error
    return found, found.read

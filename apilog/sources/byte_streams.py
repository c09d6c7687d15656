"""Streams of bytes, stacked on each other: a file at the bottom, decoders above it.

Whatever goes wrong while reading is a `StreamDamage`, raised once all that could be read before
has been returned.
"""

from __future__ import annotations

import codecs
import os
import sys
from io import BufferedReader
from typing import Protocol, cast

from apilog.sources.source import LogSource, SourceError, open_error


class StreamDamage(Exception):
    """A stream ended badly; the text says how."""


class UndecodableBytes(StreamDamage):
    """Bytes that a decoder refused, so that smaller steps may get closer to them."""


class ByteStream(Protocol):
    """A stream of bytes."""

    def read(self, size: int) -> bytes:
        """The next bytes, about `size` at most; empty only at the end. Raises StreamDamage."""


class SourceReader:
    """The bytes of a source as they are stored.

    `fine` names a range of the file that is handed out byte by byte.
    """

    def __init__(self, source: LogSource, fine: range = range(0)) -> None:
        self.seekable = source.size is not None
        self.position = 0
        """Bytes read so far."""
        self._previous = 0
        self._last = 0
        self._fine = fine
        self._stream, self._read = _open_source(source)

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


class PrefixedStream:
    """A stream some of whose first bytes were read already."""

    def __init__(self, head: bytes, reader: ByteStream) -> None:
        self._head = head
        self._reader = reader

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self._head:
            block, self._head = self._head[:size], self._head[size:]
            return block
        return self._reader.read(size)


def peek_head(reader: ByteStream, size: int) -> tuple[bytes, PrefixedStream]:
    """The first bytes (fewer than `size` only if there are no more), and the whole stream again.

    Damage within them is left for the stream to raise.
    """
    blocks, wanted = [], size
    rest: ByteStream = reader
    try:
        while wanted > 0 and (block := reader.read(wanted)):
            blocks.append(block)
            wanted -= len(block)
    except StreamDamage as damage:
        rest = _DamagedStream(damage)
    head = b"".join(blocks)
    return head, PrefixedStream(head, rest)


class _DamagedStream:
    """The rest of a stream that was found damaged while peeking."""

    def __init__(self, damage: StreamDamage) -> None:
        self._damage = damage

    def read(self, size: int) -> bytes:
        raise self._damage


class _ReadFunction(Protocol):
    def __call__(self, size: int, /) -> bytes: ...


class _SeekableFile(Protocol):
    def seek(self, position: int, /) -> int: ...
    def close(self) -> None: ...


def _open_source(source: LogSource) -> tuple[_SeekableFile | None, _ReadFunction]:
    """The stream to close, if it is ours, and the function that reads from it."""
    if source.is_object:
        return _open_object(source)
    if source.is_stdin:
        if sys.stdin is None:
            raise SourceError(source.path, "there is no standard input", "give a file instead")
        return None, cast("BufferedReader", sys.stdin.buffer).read1
    try:
        stream = open(source.file, "rb", buffering=0)  # noqa: SIM115
    except (OSError, ValueError) as error:
        if os.path.isdir(source.file):
            raise SourceError(source.path, "is a directory") from error
        raise open_error(source.file, error) from error
    return stream, stream.read


def _open_object(source: LogSource) -> tuple[_SeekableFile, _ReadFunction]:
    from apilog.storage.cloud.object_reader import ObjectPrefetcher, ObjectReader

    try:
        found = ObjectReader(source.file, source.size or 0, source.ahead or ObjectPrefetcher())
    except OSError as error:
        raise open_error(source.file, error) from error
    return found, found.read


_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def as_utf8(reader: ByteStream) -> ByteStream:
    """The stream without its byte order mark, in UTF-8 if the mark says UTF-16."""
    head, whole = peek_head(reader, len(codecs.BOM_UTF8))
    if head == codecs.BOM_UTF8:
        return reader
    if head.startswith(_UTF16_MARKS):
        return _Utf16Stream(whole)
    return whole


def is_utf16(head: bytes) -> bool:
    """Whether a stream that starts like this becomes other bytes than its own."""
    return head.startswith(_UTF16_MARKS)


class _Utf16Stream:
    """UTF-16 as UTF-8; what is no UTF-16 becomes U+FFFD."""

    def __init__(self, reader: ByteStream) -> None:
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._ended = False

    def read(self, size: int) -> bytes:
        while not self._ended:
            block = self._reader.read(max(size // 2, 1))
            self._ended = not block
            if text := self._decoder.decode(block, final=self._ended):
                return text.encode()
        return b""

"""Streams of bytes, stacked on each other: a file at the bottom, decoders above it.

Whatever goes wrong while reading is a `StreamDamage`, raised once all that could be read before
has been returned. The head of a stream is kept in one place, `PeekableStream`, however many
layers want to look at it.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from io import BufferedReader
from typing import Protocol, cast

from apilog.sources.source import LogSource, SourceError, open_error

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class StreamDamage(Exception):
    """A stream ended badly; the text says how."""


class UndecodableBytes(StreamDamage):
    """Bytes that a decoder refused, so that smaller steps may get closer to them."""


class ByteStream(Protocol):
    """A stream of bytes."""

    def read(self, size: int) -> bytes:
        """Return the next bytes, about `size` at most; none only at the end.

        Raises StreamDamage.
        """


class PeekableStream:
    """A stream whose next bytes can be looked at before they are read."""

    # io.BufferedReader.peek does not serve: it gives what one raw read happens to bring, and
    # copies every byte once more.

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._head = b""
        self._damage: StreamDamage | None = None

    @classmethod
    def over(cls, stream: ByteStream) -> PeekableStream:
        """Return the stream itself if it is peekable already."""
        return stream if isinstance(stream, cls) else cls(stream)

    def peek(self, size: int) -> bytes:
        """Return the next bytes, fewer than `size` only if there are no more.

        Damage among them is left for `read` to raise.
        """
        if len(self._head) < size and self._damage is None:
            blocks, missing = [self._head], size - len(self._head)
            try:
                while missing > 0 and (block := self._stream.read(missing)):
                    blocks.append(block)
                    missing -= len(block)
            except StreamDamage as damage:
                self._damage = damage
            self._head = b"".join(blocks)
        return self._head[:size]

    def read(self, size: int) -> bytes:
        if self._head:
            block, self._head = self._head[:size], self._head[size:]
            return block
        if self._damage is not None:
            raise self._damage
        return self._stream.read(size)


class BlockStream:
    """Blocks of any size as a stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int) -> bytes:
        while not self._rest:
            try:
                self._rest = next(self._blocks)
            except StopIteration:
                return b""
        block, self._rest = self._rest[:size], self._rest[size:]
        return block


class SourceReader:
    """The bytes of a source as they are stored.

    `fine` names a range of the file that is handed out byte by byte.
    """

    def __init__(self, source: LogSource, fine: range = range(0)) -> None:
        self.seekable = source.size is not None
        self.position = 0
        """How many bytes were read."""
        self._previous_block = 0
        self._last_block = 0
        self._fine = fine
        self._stream: _SeekableFile | None = None
        self._read: _ReadFunction
        self.version: str | None = None
        """What changes with the content of an object; None for what is no object."""
        if source.is_object:
            from apilog.storage.cloud.object_reader import ObjectPrefetcher, ObjectReader

            prefetcher = source.prefetcher or ObjectPrefetcher()
            try:
                reader = ObjectReader(source.file, source.size or 0, prefetcher)
            except OSError as error:
                raise open_error(source.file, error) from error
            self._stream, self._read, self.version = reader, reader.read, reader.version
        elif source.is_stdin:
            if sys.stdin is None:
                raise SourceError(source.path, "there is no standard input", "give a file instead")
            # read1 gives what is there: a pipe that is slow is read as its lines come.
            self._read = cast("BufferedReader", sys.stdin.buffer).read1
        else:
            try:
                file = open(source.file, "rb", buffering=0)  # noqa: SIM115
            except (OSError, ValueError) as error:
                if os.path.isdir(source.file):
                    raise SourceError(source.path, "is a directory") from error
                raise open_error(source.file, error) from error
            self._stream, self._read = file, file.read

    def read(self, size: int) -> bytes:
        if self.position in self._fine:
            size = 1
        elif self.position < self._fine.start:
            size = min(size, self._fine.start - self.position)
        try:
            block = self._read(size)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StreamDamage(f"reading stopped at byte {self.position}: {reason}") from error
        self._previous_block, self._last_block = self._last_block, self.position
        self.position += len(block)
        return block

    def seek(self, position: int) -> None:
        """Go on at this byte of a file."""
        if self._stream is not None:
            self.position = self._stream.seek(position)
            self._previous_block = self._last_block = self.position

    def last_two_blocks(self) -> range:
        """Return where the last two blocks stand in the file: a decoder may hold parts of both."""
        return range(self._previous_block, self.position)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._stream is not None:
            self._stream.close()


class _ReadFunction(Protocol):
    def __call__(self, size: int, /) -> bytes: ...


class _SeekableFile(Protocol):
    def seek(self, position: int, /) -> int: ...
    def close(self) -> None: ...


def as_utf8(stream: ByteStream) -> PeekableStream:
    """Return the stream without its byte order mark, in UTF-8 if the mark says UTF-16.

    Without a mark a stream is passed on byte by byte as it is.
    """
    stream = PeekableStream.over(stream)
    head = stream.peek(len(codecs.BOM_UTF8))
    if head == codecs.BOM_UTF8:
        stream.read(len(head))
    return PeekableStream(_Utf16Stream(stream)) if is_utf16(head) else stream


def is_utf16(head: bytes) -> bool:
    """Return whether a stream that starts like this becomes other bytes than its own."""
    return head.startswith(_UTF16_MARKS)


class _Utf16Stream:
    """UTF-16 as UTF-8; invalid units become U+FFFD."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._ended = False

    def read(self, size: int) -> bytes:
        while not self._ended:
            block = self._stream.read(max(size // 2, 1))
            self._ended = not block
            if text := self._decoder.decode(block, final=self._ended):
                return text.encode()
        return b""

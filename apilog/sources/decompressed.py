"""The decompressed bytes of an input, up to the very byte that can't be decompressed.

A file can be read from any of its bytes on; a pipe only once, from its beginning.
"""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

from apilog.sources.byte_streams import (
    ByteStream,
    PeekableStream,
    SourceReader,
    StreamDamage,
    UndecodableBytes,
)
from apilog.sources.compression import MAGIC_BYTES, decompress_stream, is_compressed
from apilog.sources.source import LogSource, SourceError

_FILE_STEP_BYTES = 64 << 10
_PIPE_STEP_BYTES = 1 << 10
"""Smaller than for files: a pipe can't be read again to get closer to the damage."""
_SKIP_BYTES = 1 << 20


class DecompressedSource:
    """A source without its compression.

    Decompressors swallow what they made of a block that turns out damaged. A file is then read
    again to where it stood, and the block is given byte by byte.
    """

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._delivered = self._furthest = 0
        self._read_again = False
        self._stream: ByteStream
        self._open_at_start(range(0))

    @property
    def position(self) -> int:
        """Return how far in the file reading came; it never goes back."""
        self._furthest = max(self._furthest, self._raw.position)
        return self._furthest

    @property
    def version(self) -> str | None:
        """See `SourceReader.version`."""
        return self._raw.version

    @property
    def seekable(self) -> bool:
        """Return whether it is a file."""
        return self._raw.seekable

    def read(self, size: int) -> bytes:
        """Return the next decompressed bytes."""
        try:
            block = self._stream.read(size)
        except UndecodableBytes as damage:
            if self._read_again or not self._raw.seekable:
                raise StreamDamage(f"{damage}, near byte {self.position}") from damage
            # zlib and its like raise before they give what they had decoded of the block. Given
            # single bytes, they give all there is before the damage, which may be the last lines.
            self._read_again = True
            self.close()
            try:
                self._open_at_start(self._raw.last_two_blocks())
            except SourceError as error:
                raise StreamDamage(str(damage)) from error
            left, self._delivered = self._delivered, 0
            self._skip(left)
            return self.read(size)
        self._delivered += len(block)
        return block

    def seek(self, offset: int) -> None:
        """Go on at this decompressed byte of a file, or at its end if that comes first.

        Costs nothing in a plain file; what is compressed is read up to there.
        """
        if self.is_plain:  # the bytes are the file's own
            self._raw.seek(offset)
            self._stream = self._raw if self._short is None else BytesIO(self._short[offset:])
            self._delivered = offset
            return
        if offset < self._delivered:
            self._raw.seek(0)
            self._stream = decompress_stream(self._raw, _FILE_STEP_BYTES)
            self._delivered = 0
        self._skip(offset - self._delivered)

    def stored_edges(self, head: int, tail: int) -> tuple[bytes, bytes, int] | None:
        """Return the first and the last bytes of a file as they are stored, and its size.

        None for a file that grows meanwhile, or can't be read. Reading starts over.
        """
        assert self._source.size is not None
        start = max(0, self._source.size - tail)
        try:
            first = self._read_stored(0, head)
            last = self._read_stored(start, tail + 1)
        except StreamDamage:
            first, last = b"", b""
        self._raw.seek(0)
        self._stream = decompress_stream(self._raw, _FILE_STEP_BYTES)
        self._delivered = 0
        is_whole = start + len(last) == self._source.size and bool(last)
        return (first, last, self._source.size) if is_whole else None

    def stored_head(self, size: int) -> bytes:
        """Return the first bytes of a plain file as they are now; reading goes on where it was."""
        position = self._raw.position
        try:
            return self._read_stored(0, size)
        finally:
            self._raw.seek(position)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _read_stored(self, position: int, size: int) -> bytes:
        """Return stored bytes from this one on; fewer only at the end."""
        self._raw.seek(position)
        return PeekableStream(self._raw).peek(size)

    def _open_at_start(self, fine: range) -> None:
        self._raw = SourceReader(self._source, fine)
        stream = PeekableStream(self._raw)
        head = stream.peek(MAGIC_BYTES)
        self.is_plain = not is_compressed(head)
        """Whether it is not compressed."""
        self._short: bytes | None = None
        """The content of a file that is too short to identify a codec; None for all others."""
        if self.is_plain and self._raw.seekable and len(head) < MAGIC_BYTES:
            # A file that begins to be written now may turn out to be compressed after all: of
            # what is appended meanwhile, nothing is given. A head cut short by damage is none.
            with suppress(StreamDamage):
                self._raw.read(1)
                self._short = head
        step = _FILE_STEP_BYTES if self._raw.seekable else _PIPE_STEP_BYTES
        self._stream = (
            decompress_stream(stream, step) if self._short is None else BytesIO(self._short)
        )

    def _skip(self, size: int) -> None:
        while size > 0 and (block := self.read(min(size, _SKIP_BYTES))):
            size -= len(block)

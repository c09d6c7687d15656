"""An input from its name to its chunks.

An input that ends badly gives everything before the damage, and then raises.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from apilog.sources.chunks import Chunk, cut_into_chunks
from apilog.sources.compression import decompressed, foreign
from apilog.sources.framing import framed
from apilog.sources.readers import RawReader, StreamDamage, Undecodable
from apilog.sources.source import DamagedSource, Source, SourceError
from apilog.sources.text import as_utf8

CHUNK_BYTES = 16 << 20
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 256 << 10

_FILE_STEP_BYTES = 64 << 10
_PIPE_STEP_BYTES = 1 << 10
"""Smaller than for files: a pipe can't be read again to get closer to the damage."""
_SKIP_BYTES = 1 << 20


def open_chunks(
    source: Source, *, chunk_bytes: int = CHUNK_BYTES, max_line_bytes: int = MAX_LINE_BYTES
) -> Generator[Chunk]:
    """The lines of a source in numbered chunks of about `chunk_bytes` (decompressed).

    Compression is told by the first bytes (gzip, bzip2, xz, zstd; also one within another).
    JSON that is not one object a line is made so (see `framing`): then a line is an event.
    CRLF becomes LF, a byte order mark is dropped, UTF-16 with one becomes UTF-8, and a missing
    last newline is added. An empty source gives no chunk. Memory is bounded by `chunk_bytes`
    and `max_line_bytes`, whatever the input.

    Raises SourceError at the first step if the source can't be opened, and DamagedSource after
    the last chunk if it could not be read to its end.
    """
    with closing(_Stored(source)) as stored:
        what, reader = foreign(stored)
        if what is not None:
            raise SourceError(source.path, f"is {what[0]}", f"unpack it first: `{what[1]}`")
        try:
            yield from cut_into_chunks(
                framed(as_utf8(reader), max_line_bytes),
                lambda: stored.position,
                chunk_bytes=chunk_bytes,
                max_line_bytes=max_line_bytes,
            )
        except StreamDamage as damage:
            hint = "what could be read of it is included; copy it again from where it came"
            raise DamagedSource(source.path, str(damage), hint) from damage


def read_head(source: Source, size: int = HEAD_BYTES) -> bytes:
    """The first lines of a source, about `size` bytes of them, as chunks give them.

    Damage is ignored. Of a pipe as much is waited for; what was read of it is gone.
    """
    with closing(open_chunks(source, chunk_bytes=size)) as chunks:
        try:
            return next((chunk.data for chunk in chunks if chunk.data), b"")
        except DamagedSource:
            return b""


class _Stored:
    """The decompressed bytes of a source, up to the very byte that can't be decompressed.

    Decompressors swallow what they made of a block that turns out damaged. A file is then read
    again to where it stood, and the block is given byte by byte.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._delivered = self._furthest = 0
        self._read_again = False
        self._open(range(0))

    @property
    def position(self) -> int:
        """How far in the file reading came; never goes back."""
        self._furthest = max(self._furthest, self._raw.position)
        return self._furthest

    def read(self, size: int) -> bytes:
        """The next decompressed bytes."""
        try:
            block = self._reader.read(size)
        except Undecodable as damage:
            if self._read_again or not self._raw.seekable:
                raise StreamDamage(f"{damage}, near byte {self.position}") from damage
            self._get_closer(damage)
            return self.read(size)
        self._delivered += len(block)
        return block

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _open(self, fine: range) -> None:
        self._raw = RawReader(self._source, fine)
        step = _FILE_STEP_BYTES if self._raw.seekable else _PIPE_STEP_BYTES
        self._reader = decompressed(self._raw, step)

    def _get_closer(self, damage: Undecodable) -> None:
        self._read_again = True
        self.close()
        try:
            self._open(self._raw.last_two_blocks())
        except SourceError as error:
            raise StreamDamage(str(damage)) from error
        left = self._delivered
        while left and (block := self._reader.read(min(left, _SKIP_BYTES))):
            left -= len(block)

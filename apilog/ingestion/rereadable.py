"""The decompressed bytes of an input, which can be read from any byte on.

A file is opened once: whatever is renamed meanwhile, its fingerprint and its lines are of the same
file.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from io import RawIOBase
from tempfile import SpooledTemporaryFile
from typing import Protocol

from apilog.ingestion.fingerprint import HEAD_BYTES, TAIL_BYTES, compressed_fingerprint
from apilog.sources import LogSource
from apilog.sources.byte_streams import ByteStream, StreamDamage
from apilog.sources.compression import refuse_archive
from apilog.sources.decompressed import DecompressedSource

_STEP_BYTES = 1 << 20
_IN_MEMORY_BYTES = 8 << 20


class RereadableStream(Protocol):
    """A stream whose earlier bytes can be read again until they are released."""

    cannot_grow: bool
    """Whether nothing will be added: its last line is whole even without a newline."""

    @property
    def position(self) -> int:
        """The bytes read of it as it is stored."""

    def compressed_fingerprint(self) -> str | None:
        """Return the fingerprint of a compressed file, else None. Call it before reading."""

    def read(self, size: int) -> bytes:
        """Return the next bytes; empty at the end. Raises StreamDamage."""

    def seek(self, offset: int) -> None:
        """Go on at this byte, or at the end if that comes first."""

    def release_earlier(self, beginning: bytes) -> None:
        """Let go of earlier bytes: nobody will seek to them again.

        From here on, a log that no longer has this beginning is at its end: it was truncated.
        """

    def close(self) -> None:
        """Close the file."""


def open_stream(source: LogSource) -> RereadableStream:
    """Open the content of a source; raises SourceError if it can't be read."""
    with ExitStack() as undo:
        stored = DecompressedSource(source)
        undo.callback(stored.close)
        unread = refuse_archive(stored, source.path)
        undo.pop_all()
    return _FileStream(stored) if stored.seekable else _SpooledPipe(stored, unread)


def read_exactly(content: RereadableStream | RawIOBase, size: int) -> bytes:
    """Read that many bytes; fewer only at the end, or where damage is."""
    blocks = []
    with suppress(StreamDamage):
        while size > 0 and (block := content.read(size)):
            blocks.append(block)
            size -= len(block)
    return b"".join(blocks)


def tail_before(content: RereadableStream, offset: int) -> bytes | None:
    """Read up to 4 KiB before an offset; None if the content is shorter."""
    return read_before(content, offset, TAIL_BYTES)


def read_before(content: RereadableStream, offset: int, size: int) -> bytes | None:
    """Read so many bytes before an offset, or all of them; None if the content is shorter."""
    size = min(size, offset)
    try:
        content.seek(offset - size)
    except StreamDamage:
        return None
    tail = read_exactly(content, size)
    return tail if len(tail) == size else None


def is_beginning_of(content: RereadableStream, file: str) -> bool:
    """Whether a plain file begins with all of the content, up to any damage."""
    content.seek(0)
    try:
        with open(file, "rb", buffering=0) as original:
            while block := read_exactly(content, _STEP_BYTES):
                if read_exactly(original, len(block)) != block:
                    return False
    except OSError:
        return False
    return True


class _FileStream:
    """A file, compressed or not."""

    def __init__(self, stored: DecompressedSource) -> None:
        self._stored = stored
        self._beginning = b""
        self.cannot_grow = not stored.is_plain
        stored.seek(0)

    @property
    def position(self) -> int:
        return self._stored.position

    def compressed_fingerprint(self) -> str | None:
        edges = self._stored.stored_edges(HEAD_BYTES, TAIL_BYTES) if self.cannot_grow else None
        return compressed_fingerprint(*edges) if edges else None

    def read(self, size: int) -> bytes:
        block = self._stored.read(size)
        beginning = self._beginning
        # Asked after the read: if the beginning is still the same, the block is of that log, too.
        if block and beginning and self._stored.stored_head(len(beginning)) != beginning:
            return b""
        return block

    def seek(self, offset: int) -> None:
        self._stored.seek(offset)

    def release_earlier(self, beginning: bytes) -> None:
        self._beginning = b"" if self.cannot_grow else beginning

    def close(self) -> None:
        self._stored.close()


class _SpooledPipe:
    """A pipe; bytes read before `release_earlier` are kept in memory or on disk."""

    cannot_grow = True

    def __init__(self, stored: DecompressedSource, unread: ByteStream) -> None:
        self._stored = stored
        self._live = unread
        self._kept = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
        self._end = self._at = 0
        self._is_kept = True
        self._damage: StreamDamage | None = None

    @property
    def position(self) -> int:
        return self._stored.position

    def compressed_fingerprint(self) -> str | None:
        return None

    def read(self, size: int) -> bytes:
        if self._at < self._end:
            self._kept.seek(self._at)
            block = self._kept.read(min(size, self._end - self._at))
        elif self._damage:
            raise self._damage
        else:
            try:
                block = self._live.read(size)
            except StreamDamage as damage:
                self._damage = damage
                raise
            if self._is_kept:
                self._kept.seek(self._end)
                self._kept.write(block)
                self._end += len(block)
        self._at += len(block)
        return block

    def seek(self, offset: int) -> None:
        self._at = min(offset, self._end)
        while self._at < offset and self.read(min(_STEP_BYTES, offset - self._at)):
            pass

    def close(self) -> None:
        self._kept.close()
        self._stored.close()

    def release_earlier(self, beginning: bytes) -> None:
        self._is_kept = False

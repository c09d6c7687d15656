"""Inputs opened: from the name of a source to chunks of lines, one event per line.

An input that ends badly gives everything before the damage, and then raises.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from apilog.sources.byte_streams import ByteStream, StreamDamage, as_utf8, is_utf16
from apilog.sources.compression import refuse_archive
from apilog.sources.decompressed import DecompressedSource
from apilog.sources.line_chunks import LineChunk, cut_into_chunks, raise_damage_at_end
from apilog.sources.source import DamagedSource, LogSource, SourceError
from apilog.transport.framing import SHAPE_BYTES, changes_framing, frame_stream
from apilog.transport.parquet_rows import PARQUET_MAGIC, read_parquet_file

CHUNK_BYTES = 8 << 20
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 256 << 10
_LATER_BYTES = 8 << 10
_LATER_PLACES = 128
"""How much is looked at behind the head of a file, and at how many places of it: a stretch of one
hundredth of the file is met, wherever it stands."""


def open_chunks(
    source: LogSource, *, chunk_bytes: int = CHUNK_BYTES, max_line_bytes: int = MAX_LINE_BYTES
) -> Generator[LineChunk]:
    """Yield the lines of a source in numbered chunks of about `chunk_bytes` (decompressed).

    Where lines are long, chunks have up to three times as many bytes.

    The first bytes identify the compression (gzip, bzip2, xz, zstd; also one within another).
    A stream that is not framed by lines is framed anew (see `framing`).
    CRLF becomes LF, a byte order mark is dropped, UTF-16 with one becomes UTF-8, and a missing
    last newline is added. An empty source gives no chunk. Memory is bounded by `chunk_bytes`
    and `max_line_bytes`, whatever the input.

    Raises SourceError at the first step if the source can't be opened, and DamagedSource after
    the last chunk if it could not be read to its end.
    """
    with closing(DecompressedSource(source)) as stored:
        chunks = cut_into_chunks(
            _frame_source(source, stored, max_line_bytes),
            lambda: stored.position,
            chunk_bytes=chunk_bytes,
            max_line_bytes=max_line_bytes,
        )
        yield from raise_damage_at_end(chunks, source.path)


def _frame_source(source: LogSource, stored: DecompressedSource, max_line_bytes: int) -> ByteStream:
    """Return what is stored with one event per line."""
    is_file = stored.seekable and stored.is_plain and not source.is_object
    if is_file and stored.stored_head(len(PARQUET_MAGIC)) == PARQUET_MAGIC:
        return read_parquet_file(source.file)
    return frame_stream(as_utf8(refuse_archive(stored, source.path)), max_line_bytes, source.path)


def read_head(source: LogSource, size: int = HEAD_BYTES) -> bytes:
    """Return the first lines of a source, about `size` bytes of them, as chunks give them.

    Damage is ignored. A pipe is waited for; what was read of it is gone.
    """
    with closing(open_chunks(source, chunk_bytes=size)) as chunks:
        try:
            return next((chunk.data for chunk in chunks if chunk.data), b"")
        except DamagedSource:
            return b""


def read_later_lines(source: LogSource) -> bytes:
    """Return whole lines of a file from behind its head to its end, as chunks give them.

    Nothing for a source that can't be read from any of its bytes on: one that is compressed, framed
    by more than newlines, no file, or so small that its head shows all.
    """
    size = source.size
    if size is None or size <= HEAD_BYTES or source.is_object:
        return b""
    try:
        with closing(DecompressedSource(source)) as stored:
            if not _has_plain_lines(stored):
                return b""
            parts = []
            for offset in later_offsets(HEAD_BYTES, size):
                stored.seek(offset - 1)
                parts.append(_whole_lines(stored.read(_LATER_BYTES + 1)))
    except (SourceError, StreamDamage):
        return b""
    return b"".join(parts).replace(b"\r\n", b"\n")


def later_offsets(start: int, end: int) -> list[int]:
    """Return where to look at a file behind `start`: evenly spread, and last at its end."""
    last = max(end - _LATER_BYTES, start)
    places = min(_LATER_PLACES, 1 + (last - start) // _LATER_BYTES)
    return [
        last - (last - start) * place // max(places - 1, 1) for place in reversed(range(places))
    ]


def take_later_lines(data: bytes) -> bytes:
    """Return whole lines of what is there behind the head, as of a file."""
    if len(data) <= HEAD_BYTES:
        return b""
    return b"".join(
        _whole_lines(data[offset - 1 : offset + _LATER_BYTES])
        for offset in later_offsets(HEAD_BYTES, len(data))
    )


def _whole_lines(block: bytes) -> bytes:
    """Return the lines of a block that begin and end in it."""
    return block[block.find(b"\n") + 1 : block.rfind(b"\n") + 1]


@dataclass(frozen=True, slots=True)
class PlainLines:
    """A file or an object can be read from any of its lines on: its lines are its own bytes."""

    version: str | None
    """The version of an object that was looked at, see `SourceReader.version`."""


def find_plain_lines(source: LogSource) -> PlainLines | None:
    """Return whether a source can be read from any of its lines on, None if not.

    An event may still go over several of them. Raises SourceError.
    """
    if source.size is None:
        return None
    with closing(DecompressedSource(source)) as stored:
        try:
            return PlainLines(stored.version) if _has_plain_lines(stored) else None
        except StreamDamage:
            return None


def _has_plain_lines(stored: DecompressedSource) -> bool:
    if not (stored.seekable and stored.is_plain):
        return False
    head = b""
    # The first bytes come alone: by them it was told what it is compressed with.
    while len(head) < SHAPE_BYTES and (block := stored.read(SHAPE_BYTES - len(head))):
        head += block
    return not (is_utf16(head) or changes_framing(head.removeprefix(BOM_UTF8)))

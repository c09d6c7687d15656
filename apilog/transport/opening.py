"""Inputs opened: from the name of a source to chunks of lines, one event per line.

An input that ends badly gives everything before the damage, and then raises.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from apilog.sources.byte_streams import as_utf8
from apilog.sources.compression import refuse_archive
from apilog.sources.decompressed import DecompressedSource
from apilog.sources.line_chunks import LineChunk, cut_into_chunks, raise_damage_at_end
from apilog.sources.source import DamagedSource, LogSource
from apilog.transport.framing import frame_stream

CHUNK_BYTES = 16 << 20
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 256 << 10


def open_chunks(
    source: LogSource, *, chunk_bytes: int = CHUNK_BYTES, max_line_bytes: int = MAX_LINE_BYTES
) -> Generator[LineChunk]:
    """Yield the lines of a source in numbered chunks of about `chunk_bytes` (decompressed).

    The first bytes identify the compression (gzip, bzip2, xz, zstd; also one within another).
    A stream that is not framed by lines is framed anew (see `framing`).
    CRLF becomes LF, a byte order mark is dropped, UTF-16 with one becomes UTF-8, and a missing
    last newline is added. An empty source gives no chunk. Memory is bounded by `chunk_bytes`
    and `max_line_bytes`, whatever the input.

    Raises SourceError at the first step if the source can't be opened, and DamagedSource after
    the last chunk if it could not be read to its end.
    """
    with closing(DecompressedSource(source)) as stored:
        stream = as_utf8(refuse_archive(stored, source.path))
        chunks = cut_into_chunks(
            frame_stream(stream, max_line_bytes),
            lambda: stored.position,
            chunk_bytes=chunk_bytes,
            max_line_bytes=max_line_bytes,
        )
        yield from raise_damage_at_end(chunks, source.path)


def read_head(source: LogSource, size: int = HEAD_BYTES) -> bytes:
    """Return the first lines of a source, about `size` bytes of them, as chunks give them.

    Damage is ignored. A pipe is waited for; what was read of it is gone.
    """
    with closing(open_chunks(source, chunk_bytes=size)) as chunks:
        try:
            return next((chunk.data for chunk in chunks if chunk.data), b"")
        except DamagedSource:
            return b""

"""An input from its name to its chunks.

An input that ends badly gives everything before the damage, and then raises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from apilog.sources.byte_streams import ByteStream, StreamDamage, as_utf8
from apilog.sources.compression import detect_archive
from apilog.sources.decompressed import DecompressedSource
from apilog.sources.line_chunks import LineChunk, cut_into_chunks
from apilog.sources.source import DamagedSource, LogSource, SourceError
from apilog.transport.framing import frame_stream

CHUNK_BYTES = 16 << 20
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 256 << 10


def open_chunks(
    source: LogSource, *, chunk_bytes: int = CHUNK_BYTES, max_line_bytes: int = MAX_LINE_BYTES
) -> Generator[LineChunk]:
    """The lines of a source in numbered chunks of about `chunk_bytes` (decompressed).

    Compression is told by the first bytes (gzip, bzip2, xz, zstd; also one within another).
    JSON that is not one object a line is made so (see `framing`): then a line is an event.
    CRLF becomes LF, a byte order mark is dropped, UTF-16 with one becomes UTF-8, and a missing
    last newline is added. An empty source gives no chunk. Memory is bounded by `chunk_bytes`
    and `max_line_bytes`, whatever the input.

    Raises SourceError at the first step if the source can't be opened, and DamagedSource after
    the last chunk if it could not be read to its end.
    """
    with closing(DecompressedSource(source)) as stored:
        reader = refuse_archive(stored, source.path)
        yield from raise_damage_at_end(
            cut_into_chunks(
                frame_stream(as_utf8(reader), max_line_bytes),
                lambda: stored.position,
                chunk_bytes=chunk_bytes,
                max_line_bytes=max_line_bytes,
            ),
            source.path,
        )


def read_head(source: LogSource, size: int = HEAD_BYTES) -> bytes:
    """The first lines of a source, about `size` bytes of them, as chunks give them.

    Damage is ignored. Of a pipe as much is waited for; what was read of it is gone.
    """
    with closing(open_chunks(source, chunk_bytes=size)) as chunks:
        try:
            return next((chunk.data for chunk in chunks if chunk.data), b"")
        except DamagedSource:
            return b""


def refuse_archive(reader: ByteStream, path: str) -> ByteStream:
    """The whole stream again; raises SourceError if it is an archive that has to be unpacked."""
    what, whole = detect_archive(reader)
    if what is not None:
        raise SourceError(path, f"is {what[0]}", f"unpack it first: `{what[1]}`")
    return whole


def raise_damage_at_end(chunks: Iterable[LineChunk], path: str) -> Iterator[LineChunk]:
    """The chunks, and then DamagedSource if their stream ended badly."""
    try:
        yield from chunks
    except StreamDamage as damage:
        hint = "what could be read of it is included; copy it again from where it came"
        raise DamagedSource(path, str(damage), hint) from damage

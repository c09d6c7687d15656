"""Stretches of plain files and objects, each read alone: the lines that begin between two bytes.

Where a stretch begins and ends follows from the file alone, so that whoever reads the stretches
beside it agrees without being asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from apilog.formats.contract import PAIR_BYTES
from apilog.formats.parse_plan import ParsePlan
from apilog.sources import DamagedSource, LineChunk, LogSource, SourceError
from apilog.sources.byte_streams import ByteStream, StreamDamage, as_utf8
from apilog.sources.decompressed import DecompressedSource
from apilog.sources.line_chunks import cut_into_chunks, raise_damage_at_end, renumber_chunks
from apilog.text.counting import count_byte
from apilog.transport.opening import MAX_LINE_BYTES

_STEP_BYTES = 64 << 10
_COUNTED_BYTES = 2 << 20


@dataclass(slots=True)
class FileRange:
    """The lines of a plain file that begin in `[start, stop)`, and how they are parsed."""

    source: LogSource
    start: int
    stop: int | None
    """None for the end of the file, wherever it is by then."""
    plan: ParsePlan
    """That of the whole file."""
    version: str | None = None
    """The version of an object that all its stretches are of."""
    lines: int = 0
    """How many lines were read so far."""
    before: bytes = b""
    """What stands before the first line, in which a request may have begun that ends behind it;
    known with the first chunk."""
    lines_before: int = 0
    """How many lines of the file stand before it, from which its own are numbered on."""
    ends_exactly: bool = False
    """Whether `stop` ends the last line, wherever a newline is."""

    @property
    def path(self) -> str:
        """The file as users see it."""
        return self.source.path

    @property
    def size(self) -> int | None:
        """How many bytes are to be read."""
        stop = self.source.size if self.stop is None else self.stop
        return None if stop is None else max(0, stop - self.start)

    def describe(self) -> str:
        """Return the file and the bytes, for people."""
        stop = "its end" if self.stop is None else f"{self.stop:,}"
        return f"{self.path}, bytes {self.start:,} to {stop}"

    @property
    def records_before(self) -> int:
        """See `RunInput`: a range counts its own records."""
        return 0

    def read_head(self) -> bytes:
        """See `RunInput`: the plan is known."""
        return b""

    def read_lines_before(self) -> bytes:
        """Return what stands before the first chunk, in which a request may have begun."""
        return self.before

    def chunks(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """Yield the lines; raises SourceError."""
        with closing(DecompressedSource(self.source)) as file:
            if self.version != file.version:
                raise SourceError(self.path, "was replaced while it was read", "run it again")
            start = _line_start(file, self.start)
            stop = self.stop
            if stop is not None and not self.ends_exactly:
                stop = _line_start(file, stop)
            self.before = self._read_before(file, start)
            file.seek(start)
            stream = _LimitedStream(file, None if stop is None else stop - start)
            chunks = cut_into_chunks(
                stream if start else as_utf8(stream),
                lambda: file.position - self.start,
                chunk_bytes=chunk_bytes,
                max_line_bytes=MAX_LINE_BYTES,
            )
            numbered = renumber_chunks(chunks, self.lines_before)
            for chunk in raise_damage_at_end(numbered, self.source.path):
                self.lines = chunk.first_line + chunk.lines - 1 - self.lines_before
                yield replace(chunk, position=max(0, chunk.position))

    def _read_before(self, file: DecompressedSource, start: int) -> bytes:
        if not (start and self.plan.pairs_lines):
            return b""
        first = max(0, start - PAIR_BYTES)
        file.seek(first)
        return _read_all(file, start - first).replace(b"\r\n", b"\n")


def count_newlines(source: LogSource, start: int, stop: int) -> int:
    """Return how many newlines a plain file has between two bytes; raises SourceError."""
    count = 0
    with closing(DecompressedSource(source)) as file:
        file.seek(start)
        left = stop - start
        try:
            while left > 0 and (block := file.read(min(left, _COUNTED_BYTES))):
                count += count_byte(block, ord("\n"))
                left -= len(block)
        except StreamDamage as damage:
            raise DamagedSource(source.path, str(damage)) from damage
    return count


def _line_start(file: DecompressedSource, offset: int) -> int:
    """Return where the first line begins that does not begin before `offset`."""
    if offset == 0:
        return 0
    position = offset - 1
    file.seek(position)
    while block := file.read(_STEP_BYTES):
        newline = block.find(b"\n")
        if newline >= 0:
            return position + newline + 1
        position += len(block)
    return position


def _read_all(file: ByteStream, size: int) -> bytes:
    blocks = []
    while size > 0 and (block := file.read(size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


class _LimitedStream:
    """The first bytes of a stream; all of it without a limit."""

    def __init__(self, stream: ByteStream, size: int | None) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int) -> bytes:
        if self._left is None:
            return self._stream.read(size)
        block = self._stream.read(min(size, self._left)) if self._left else b""
        self._left -= len(block)
        return block

"""A stream of bytes cut into chunks of whole lines, numbered.

Inside a chunk, line `i` (from 0) is line `first_line + i` of the source: lines that are too long
stand before a chunk's data, never within it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from apilog.sources.byte_streams import ByteStream, StreamDamage
from apilog.sources.source import DamagedSource
from apilog.text.counting import count_byte

HEAD_BYTES = 200
"""How much of a line that is too long is kept."""
MAX_OVERSIZE_PER_CHUNK = 1000
MAX_LINES_PER_CHUNK = 1 << 18
"""However short they are: what is made of a line takes far more memory than a few bytes."""
USUAL_LINE_BYTES = 256
MOST_GROWTH = 3
"""Where lines are longer than usual, chunks grow with them, up to so many times their size."""
_SMALL_BYTES = 1 << 14
"""What a small file needs: to clear more for each of many takes longer than to read them."""
READ_BYTES = 1 << 19
"""How much is read at once: what fits a processor cache is copied faster."""
_LF = ord("\n")


@dataclass(frozen=True, slots=True)
class OversizeLine:
    """A line that is counted but not read: it is longer than the limit, or its end is missing."""

    line_number: int
    """Counted from 1."""
    head: bytes
    """Its first 200 bytes, or all that is there of a line that is cut off."""
    is_cut_off: bool = False
    """Whether the stream broke off within it. It may still look whole, with other values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChunk:
    """Some lines of a source, in its order."""

    data: bytes
    """Lines, each ended by a single LF; may be empty if there are oversize lines."""
    first_line: int
    """Number of the first line of `data`, counted from 1."""
    lines: int
    """How many lines `data` holds."""
    position: int
    """Bytes on disk read so far, for progress."""
    oversize: tuple[OversizeLine, ...] = ()
    """The lines just before `data` that are not read."""
    last_line_open: bool = False
    """Whether this ends the source and its last line had no newline of its own."""


def cut_into_chunks(
    stream: ByteStream, position: Callable[[], int], *, chunk_bytes: int, max_line_bytes: int
) -> Iterator[LineChunk]:
    """Yield the chunks of a stream, of about `chunk_bytes` each, or up to three times as many where
    lines are long.

    Raises the StreamDamage that ended the stream, if any, after the last chunk. A line that it
    ended in is not read.
    """
    cutter = LineCutter(chunk_bytes, max_line_bytes)
    try:
        while not cutter.fill_buffer(stream):
            yield from cutter.cut_chunks(position())
    except StreamDamage:
        yield from cutter.cut_last_chunks(position(), breaks_off=True)
        raise
    yield from cutter.cut_last_chunks(position())


def raise_damage_at_end(chunks: Iterable[LineChunk], path: str) -> Iterator[LineChunk]:
    """Yield the chunks, then raise DamagedSource if their stream ended badly."""
    try:
        yield from chunks
    except StreamDamage as damage:
        hint = "what could be read is included; copy the file again from where it came"
        raise DamagedSource(path, str(damage), hint) from damage


def renumber_chunks(chunks: Iterable[LineChunk], before: int) -> Iterator[LineChunk]:
    """Number the lines of chunks on from those that were read before."""
    for chunk in chunks:
        oversize = tuple(
            replace(line, line_number=line.line_number + before) for line in chunk.oversize
        )
        yield replace(chunk, first_line=chunk.first_line + before, oversize=oversize)


class LineCutter:
    """Cuts the blocks of one stream into chunks.

    A line is too long if it has more than `max_line_bytes` before its LF.
    """

    def __init__(self, chunk_bytes: int, max_line_bytes: int) -> None:
        self._chunk_bytes = self._usual_bytes = chunk_bytes
        self._limit = max_line_bytes
        self._head = min(HEAD_BYTES, max_line_bytes)
        self._buffer = bytearray(min(chunk_bytes, _SMALL_BYTES))
        self._filled = 0
        self._skipping: bytes | None = None
        self._next_line = 1
        self._oversize: list[OversizeLine] = []

    # One buffer for all chunks: to join blocks and to keep the rest of a line would copy each byte
    # twice more, and Python's allocator gives large blocks back to the system every time.

    def fill_buffer(self, stream: ByteStream) -> bool:
        """Read as much as makes a chunk; return whether the stream ended. Raises StreamDamage."""
        wanted = self._filled + self._chunk_bytes
        while self._filled < wanted:
            block = stream.read(min(READ_BYTES, wanted - self._filled))
            if not block:
                return True
            end = self._filled + len(block)
            if end > len(self._buffer):
                missing = self._chunk_bytes + self._limit - len(self._buffer)
                self._buffer.extend(bytes(max(len(block), min(len(self._buffer), missing))))
            self._buffer[self._filled : end] = block
            self._filled = end
        return False

    def cut_chunks(self, position: int) -> list[LineChunk]:
        """Return the chunks of the whole lines read."""
        chunks = self._make_chunks(self._take_whole_lines(), position)
        self._fit_size(chunks)
        return chunks

    def _fit_size(self, chunks: Sequence[LineChunk]) -> None:
        """Have the next chunk hold about as many lines as usual, if those of these are long."""
        # What is done once a chunk, however few its lines are, costs as much as thousands of lines.
        lines = sum(chunk.lines for chunk in chunks) or 1
        line_bytes = sum(len(chunk.data) for chunk in chunks) // lines
        growth = min(max(line_bytes / USUAL_LINE_BYTES, 1), MOST_GROWTH)
        self._chunk_bytes = int(self._usual_bytes * growth)

    def cut_last_chunks(self, position: int, *, breaks_off: bool = False) -> list[LineChunk]:
        """Return the last chunks, with the last line, whether or not it ended.

        Where the stream `breaks_off`, a line that has not ended is not read.
        """
        text = self._take_whole_lines()
        left_open = self._filled > 0 or self._skipping is not None
        rest = bytes(self._buffer[: self._filled])
        if rest and not breaks_off:
            text += rest + b"\n"
        chunks = self._make_chunks(text, position)
        if rest and breaks_off:
            self._count_oversize(rest, is_cut_off=True)
        if self._skipping is not None:
            self._count_oversize(self._skipping)
        if self._oversize:
            chunks.append(self._make_chunk(b"", 0, position))
        if left_open:
            chunks[-1] = replace(chunks[-1], last_line_open=True)
        return chunks

    def _take_whole_lines(self) -> bytes:
        """Take the lines out of the buffer that ended, and what is known to be too long."""
        end = self._buffer.rfind(b"\n", 0, self._filled) + 1
        start = 0
        if self._skipping is not None:
            start = self._buffer.find(b"\n", 0, end) + 1 if end else self._filled
            if end:
                self._count_oversize(self._skipping)
                self._skipping = None
        with memoryview(self._buffer) as view:  # slicing the bytearray itself would copy twice
            text = bytes(view[start:end])
        # The line that has not ended is kept; of one that is too long already, only its head.
        rest = self._buffer[max(start, end) : self._filled]
        if len(rest) > self._limit:
            self._skipping = bytes(rest[: self._head])
            rest.clear()
        self._buffer[: len(rest)] = rest
        self._filled = len(rest)
        return text

    def _make_chunks(self, text: bytes, position: int) -> list[LineChunk]:
        chunks: list[LineChunk] = []
        for start, stop, resume in _split_at_long_lines(text, self._limit):
            part = text if stop - start == len(text) else text[start:stop]
            if b"\r" in part:  # looking is far cheaper than replacing, and most logs have none
                part = part.replace(b"\r\n", b"\n")
            parts = _split_many_lines(part)
            chunks.extend(self._make_chunk(data, count, position) for data, count in parts)
            if resume > stop:
                self._count_oversize(text[stop : stop + self._head])
            if len(self._oversize) >= MAX_OVERSIZE_PER_CHUNK:
                chunks.append(self._make_chunk(b"", 0, position))
        return chunks

    def _make_chunk(self, data: bytes, lines: int, position: int) -> LineChunk:
        chunk = LineChunk(
            data=data,
            first_line=self._next_line,
            lines=lines,
            position=position,
            oversize=tuple(self._oversize),
        )
        self._next_line += chunk.lines
        self._oversize.clear()
        return chunk

    def _count_oversize(self, head: bytes, *, is_cut_off: bool = False) -> None:
        self._oversize.append(OversizeLine(self._next_line, head, is_cut_off))
        self._next_line += 1


def _split_many_lines(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield parts of some lines, in order, none with more than the most, and their counts."""
    count = count_byte(text, _LF)
    if count <= MAX_LINES_PER_CHUNK:
        if text:
            yield text, count
        return
    middle = text.rfind(b"\n", 0, len(text) // 2) + 1 or text.index(b"\n") + 1
    yield from _split_many_lines(text[:middle])
    yield from _split_many_lines(text[middle:])


def _split_at_long_lines(text: bytes, limit: int) -> Iterator[tuple[int, int, int]]:
    """Yield where lines within the limit start and stop, and where the long one after them ends.

    The text ends in a newline or is empty. It looks only at one newline in `limit` bytes: looking
    at each would cost as much as reading the lines.
    """
    start = stop = 0
    while stop < len(text):
        newline = text.rfind(b"\n", stop, stop + limit + 1)
        if newline >= 0:
            stop = newline + 1
            continue
        resume = text.find(b"\n", stop + limit) + 1
        yield start, stop, resume
        start = stop = resume
    yield start, stop, stop

"""Streams that count the bytes taken of them, and hold back lines that may still grow.

Every byte that they return is consumed: the next run goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from apilog.ingestion.fingerprint import TAIL_BYTES
from apilog.ingestion.rereadable import RereadableStream
from apilog.sources import LineChunk
from apilog.sources.byte_streams import StreamDamage
from apilog.transport.opening import MAX_LINE_BYTES
from apilog.transport.split_events import whole_events_size

_READ_BYTES = 512 << 10
_HELD_BYTES = 2 * MAX_LINE_BYTES


@dataclass(slots=True)
class CommitBudget:
    """The bytes that may be read before the next commit."""

    left: int

    @property
    def is_spent(self) -> bool:
        """Whether it is time to commit."""
        return self.left <= 0


class RawStream:
    """All bytes of a stream, as they are."""

    def __init__(self, content: RereadableStream, budget: CommitBudget) -> None:
        self._content = content
        self._budget = budget
        self.offset = 0
        """The bytes consumed, in earlier runs too."""
        self.tail = b""
        """The last bytes consumed, up to 4 KiB."""
        self.is_paused = False
        """Whether it ended only because the budget is spent."""
        self.is_damaged = False

    def read(self, size: int) -> bytes:
        try:
            block = self._content.read(size)
        except StreamDamage:
            self.is_damaged = True
            raise
        self._count_bytes(block)
        return block

    def _count_bytes(self, block: bytes) -> None:
        self.offset += len(block)
        self.tail = (self.tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        self._budget.left -= len(block)


class LineAlignedStream(RawStream):
    """The whole lines of a stream from a byte on.

    A line or event that may go on behind the end of the stream is held back.
    """

    def __init__(
        self,
        content: RereadableStream,
        budget: CommitBudget,
        offset: int,
        tail: bytes,
        *,
        final: bool,
    ) -> None:
        """Go on where the content is: behind `offset` bytes that end in `tail`, a whole line.

        With `final`, the last line is taken even if the content may go on.
        """
        super().__init__(content, budget)
        self.offset, self.tail = offset, tail
        self._final = final
        self._held = self._ready = b""
        self._ended = False
        self._damage: StreamDamage | None = None

    def read(self, size: int) -> bytes:
        """Return the next bytes; empty also where it pauses, which is never within a line."""
        self.is_paused = False
        while not self._ready and not self._ended:
            # An oversize line is returned in parts, none of which a commit may end with: the next
            # run could not tell that it begins within a line.
            self.is_paused = self._budget.is_spent and self.tail[-1:] in (b"", b"\n")
            if self.is_paused:
                break
            try:
                block = self._content.read(_READ_BYTES)
            except StreamDamage as damage:
                self._damage, self.is_damaged, block = damage, True, b""
            text = self._held + block
            if block:
                end = whole_events_size(text)
                # A line or event without an end must not be held back without an end.
                if len(text) - end > _HELD_BYTES:
                    end = len(text)
                self._ready, self._held = text[:end], text[end:]
            else:
                self._ended = True
                if self._final or (self._content.cannot_grow and not self._damage):
                    self._ready, self._held = text, b""
        if not self._ready and self._damage:
            raise self._damage
        block, self._ready = self._ready[:size], self._ready[size:]
        self._count_bytes(block)
        return block


def skip_lines(chunks: Iterable[LineChunk], taken: int) -> Iterator[LineChunk]:
    """Leave the first lines of a stream out of its chunks."""
    for chunk in chunks:
        skipped = min(max(taken + 1 - chunk.first_line, 0), chunk.lines)
        oversize = tuple(line for line in chunk.oversize if line.line_number > taken)
        rest = replace(
            chunk,
            data=chunk.data.split(b"\n", skipped)[skipped] if skipped else chunk.data,
            first_line=chunk.first_line + skipped,
            lines=chunk.lines - skipped,
            oversize=oversize,
        )
        if rest.lines or rest.oversize:
            yield rest


def without_open_line(chunk: LineChunk) -> LineChunk:
    """Leave the last line out of a chunk if the stream ended within it."""
    if not chunk.last_line_open:
        return chunk
    if not chunk.lines:
        return replace(chunk, oversize=chunk.oversize[:-1], last_line_open=False)
    end = chunk.data.rfind(b"\n", 0, -1) + 1
    return replace(chunk, data=chunk.data[:end], lines=chunk.lines - 1, last_line_open=False)

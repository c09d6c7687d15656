"""Streams that count what was taken of them, and leave what may still become more.

Every byte that one of them gives is consumed: the next run goes on behind it.
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
    """How many bytes may be taken before the next commit."""

    left: int

    @property
    def is_spent(self) -> bool:
        """Whether it is time to commit."""
        return self.left <= 0


class RawStream:
    """A stream as it is."""

    def __init__(self, content: RereadableStream, allowance: CommitBudget) -> None:
        self._content = content
        self._allowance = allowance
        self.offset = 0
        """Bytes given."""
        self.tail = b""
        """The last of them, up to 4 KiB."""
        self.is_paused = False
        """Whether it ended only because the allowance did."""
        self.is_damaged = False

    def read(self, size: int) -> bytes:
        """The next bytes."""
        try:
            block = self._content.read(size)
        except StreamDamage:
            self.is_damaged = True
            raise
        self._consume(block)
        return block

    def _consume(self, block: bytes) -> None:
        self.offset += len(block)
        self.tail = (self.tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        self._allowance.left -= len(block)


class LineAlignedStream(RawStream):
    """The lines of a stream from one on, and no line or event that goes on behind its end."""

    def __init__(
        self,
        content: RereadableStream,
        allowance: CommitBudget,
        offset: int,
        tail: bytes,
        *,
        final: bool,
    ) -> None:
        """`offset` and `tail` are of what was read before, which ended in a newline.

        `final` has the last line taken even if the content may go on.
        """
        super().__init__(content, allowance)
        self.offset, self.tail = offset, tail
        self._final = final
        self._held = self._ready = b""
        self._ended = False
        self._damage: StreamDamage | None = None

    def read(self, size: int) -> bytes:
        """The next bytes; empty also where it pauses, which is never within a line."""
        self.is_paused = False
        while not self._ready and not self._ended and not self.is_paused:
            # What is longer than a line may be is given in parts.
            self.is_paused = self._allowance.is_spent and self.tail[-1:] in (b"", b"\n")
            if not self.is_paused:
                self._advance()
        if not self._ready and self._damage:
            raise self._damage
        block, self._ready = self._ready[:size], self._ready[size:]
        self._consume(block)
        return block

    def _advance(self) -> None:
        try:
            block = self._content.read(_READ_BYTES)
        except StreamDamage as damage:
            self._damage, self.is_damaged, block = damage, True, b""
        if block:
            self._split(self._held + block)
            return
        self._ended = True
        if self._final or (self._content.cannot_grow and not self._damage):
            self._ready, self._held = self._held, b""

    def _split(self, text: bytes) -> None:
        end = whole_events_size(text)
        if len(text) - end > _HELD_BYTES:
            end = len(text)
        self._ready, self._held = text[:end], text[end:]


def renumber_chunks(chunks: Iterable[LineChunk], before: int) -> Iterator[LineChunk]:
    """The chunks of a stream that so many lines went before."""
    for chunk in chunks:
        oversize = tuple(
            replace(line, line_number=line.line_number + before) for line in chunk.oversize
        )
        yield replace(chunk, first_line=chunk.first_line + before, oversize=oversize)


def skip_lines(chunks: Iterable[LineChunk], taken: int) -> Iterator[LineChunk]:
    """The chunks of a whole stream without its first lines."""
    for chunk in chunks:
        gone = min(max(taken + 1 - chunk.first_line, 0), chunk.lines)
        oversize = tuple(line for line in chunk.oversize if line.line_number > taken)
        left = replace(
            chunk,
            data=chunk.data.split(b"\n", gone)[gone] if gone else chunk.data,
            first_line=chunk.first_line + gone,
            lines=chunk.lines - gone,
            oversize=oversize,
        )
        if left.lines or left.oversize:
            yield left


def without_open_line(chunk: LineChunk) -> LineChunk:
    """A chunk without its last line, if the stream ended within it."""
    if not chunk.last_line_open:
        return chunk
    if not chunk.lines:
        return replace(chunk, oversize=chunk.oversize[:-1], last_line_open=False)
    end = chunk.data.rfind(b"\n", 0, -1) + 1
    return replace(chunk, data=chunk.data[:end], lines=chunk.lines - 1, last_line_open=False)

"""Streams that remember what was taken of them, and leave what may still become more.

Every byte that one of them gives is consumed: the next run goes on behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from apilog.formats.envelopes.pieces import unfinished
from apilog.ingest.content import Content
from apilog.ingest.identity import TAIL_BYTES
from apilog.sources import MAX_LINE_BYTES
from apilog.sources.framing.stamped import is_open_event
from apilog.sources.readers import StreamDamage

_READ_BYTES = 512 << 10
_HELD_BYTES = 2 * MAX_LINE_BYTES


@dataclass(slots=True)
class Allowance:
    """How many bytes may be taken before the next commit."""

    left: int

    @property
    def is_spent(self) -> bool:
        """Whether it is time to commit."""
        return self.left <= 0


class Everything:
    """A stream as it is."""

    def __init__(self, content: Content, allowance: Allowance) -> None:
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
        self._take(block)
        return block

    def _take(self, block: bytes) -> None:
        self.offset += len(block)
        self.tail = (self.tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        self._allowance.left -= len(block)


class WholeLines(Everything):
    """The lines of a stream from one on, and no line or event that goes on behind its end."""

    def __init__(
        self, content: Content, allowance: Allowance, offset: int, tail: bytes, *, final: bool
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
        self._take(block)
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
        if self._final or (self._content.ends and not self._damage):
            self._ready, self._held = self._held, b""

    def _split(self, text: bytes) -> None:
        end = text.rfind(b"\n") + 1
        while end and (size := unfinished(text[:end])):
            end -= size
        last = text.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if is_open_event(text[last:end]):
            end = last
        if len(text) - end > _HELD_BYTES:
            end = len(text)
        self._ready, self._held = text[:end], text[end:]

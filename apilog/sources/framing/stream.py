"""A stream framed anew: JSON of any layout as one event a line.

What is lines already passes through untouched.
"""

from __future__ import annotations

from apilog.sources.framing.head import Framing, Shape, shape_of
from apilog.sources.framing.payloads import Payloads
from apilog.sources.framing.split import Splitter
from apilog.sources.framing.stamped import Joined
from apilog.sources.readers import Reader, StreamDamage, peek

HEAD_BYTES = 64 << 10
"""How much is looked at first."""
MAX_HEAD_BYTES = 1 << 20
"""How much is looked at where a first object does not end before."""
WINDOW_BYTES = 512 << 10
"""How much is taken apart at once, after what was left over."""


def framed(reader: Reader, max_line_bytes: int) -> Reader:
    """The stream with one event a line, going by its head.

    An event of more than `max_line_bytes` is a line of more than that. A last event that is
    cut off is a last line without a newline.
    """
    shape, whole = _look(reader)
    if shape.framing is Framing.BASE64:
        shape, whole = _look(Payloads(whole))
    whole = _events(shape, whole, max_line_bytes)
    if shape.carries:
        shape, whole = _look(Payloads(whole))
        whole = _events(shape, whole, max_line_bytes)
    return whole


def is_framed_anew(head: bytes) -> bool:
    """Whether a stream that starts like this is not passed through as it is."""
    shape = shape_of(head, complete=len(head) < HEAD_BYTES)
    return not shape or shape.framing is not Framing.LINES or shape.carries or bool(shape.begins)


def _events(shape: Shape, whole: Reader, max_line_bytes: int) -> Reader:
    if shape.framing is Framing.JSON:
        return _Events(whole, Splitter(max_line_bytes, unwrap=shape.unwrap))
    return Joined(whole, shape.begins, max_line_bytes) if shape.begins else whole


def _look(reader: Reader) -> tuple[Shape, Reader]:
    """The shape of a stream, and the whole stream again."""
    size = HEAD_BYTES
    head, whole = peek(reader, size)
    while (shape := shape_of(head, complete=len(head) < size)) is None:
        if size >= MAX_HEAD_BYTES:
            return Shape(Framing.JSON), whole
        size *= 4
        head, whole = peek(whole, size)
    return shape, whole


class _Events:
    """The lines that a splitter makes of a stream.

    Windows are cut at the same places however much the stream gives at once.
    """

    def __init__(self, reader: Reader, splitter: Splitter) -> None:
        self._reader = reader
        self._splitter = splitter
        self._left = b""
        self._ready = memoryview(b"")
        self._ended = False
        self._damage: StreamDamage | None = None

    def read(self, size: int) -> bytes:
        """The next bytes."""
        while not self._ready:
            if self._damage is not None:
                raise self._damage
            if self._ended:
                return b""
            self._advance()
        block, self._ready = self._ready[:size], self._ready[size:]
        return bytes(block)

    def _advance(self) -> None:
        window = b"".join([self._left, *self._blocks()])
        lines, taken = self._splitter.take(window, final=self._ended)
        self._left = window[taken:]
        self._ready = memoryview(b"".join(lines))

    def _blocks(self) -> list[bytes]:
        """The next bytes to take apart; fewer only at the end."""
        blocks, wanted = [], WINDOW_BYTES
        try:
            while wanted > 0 and (block := self._reader.read(wanted)):
                blocks.append(block)
                wanted -= len(block)
        except StreamDamage as damage:
            self._damage = damage
        self._ended = wanted > 0
        return blocks

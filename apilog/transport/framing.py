"""A stream framed anew: JSON of any layout as one event a line.

What is lines already passes through untouched.
"""

from __future__ import annotations

from apilog.sources.byte_streams import ByteStream, StreamDamage, peek_head
from apilog.transport.base64_payloads import PayloadStream
from apilog.transport.cloudwatch import JoinedEventsStream
from apilog.transport.json_splitter import JsonSplitter
from apilog.transport.stream_shape import Framing, StreamShape, detect_shape

SHAPE_BYTES = 64 << 10
"""How much is looked at first."""
MAX_SHAPE_BYTES = 1 << 20
"""How much is looked at where a first object does not end before."""
WINDOW_BYTES = 512 << 10
"""How much is taken apart at once, after what was left over."""


def frame_stream(reader: ByteStream, max_line_bytes: int) -> ByteStream:
    """The stream with one event a line, going by its head.

    An event of more than `max_line_bytes` is a line of more than that. A last event that is
    cut off is a last line without a newline.
    """
    shape, whole = _peek_shape(reader)
    if shape.framing is Framing.BASE64:
        shape, whole = _peek_shape(PayloadStream(whole))
    whole = _split_events(shape, whole, max_line_bytes)
    if shape.carries_base64:
        shape, whole = _peek_shape(PayloadStream(whole))
        whole = _split_events(shape, whole, max_line_bytes)
    return whole


def changes_framing(head: bytes) -> bool:
    """Whether a stream that starts like this is not passed through as it is."""
    shape = detect_shape(head, complete=len(head) < SHAPE_BYTES)
    return (
        not shape
        or shape.framing is not Framing.LINES
        or shape.carries_base64
        or bool(shape.event_start)
    )


def _split_events(shape: StreamShape, whole: ByteStream, max_line_bytes: int) -> ByteStream:
    if shape.framing is Framing.JSON:
        return _SplitStream(whole, JsonSplitter(max_line_bytes, unwrap=shape.unwraps))
    return (
        JoinedEventsStream(whole, shape.event_start, max_line_bytes) if shape.event_start else whole
    )


def _peek_shape(reader: ByteStream) -> tuple[StreamShape, ByteStream]:
    """The shape of a stream, and the whole stream again."""
    size = SHAPE_BYTES
    head, whole = peek_head(reader, size)
    while (shape := detect_shape(head, complete=len(head) < size)) is None:
        if size >= MAX_SHAPE_BYTES:
            return StreamShape(Framing.JSON), whole
        size *= 4
        head, whole = peek_head(whole, size)
    return shape, whole


class _SplitStream:
    """The lines that a splitter makes of a stream.

    Windows are cut at the same places however much the stream gives at once.
    """

    def __init__(self, reader: ByteStream, splitter: JsonSplitter) -> None:
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
        lines, taken = self._splitter.split_window(window, final=self._ended)
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

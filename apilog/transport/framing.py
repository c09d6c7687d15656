"""Framing: JSON of any layout, base64 and events of several lines become one event per line.

The head of a stream shows how it is framed. Unless it is certainly framed in another way than by
newlines, a stream is plain lines and passes through untouched. What comes out of all others, in
their order:

- objects, however laid out, separated by nothing, blanks or commas: each on one line;
- the objects of arrays and of containers (see `event_wrappers`), without the wrapper;
- the rows of tables (see `event_wrappers`) as objects;
- `TIME {…}` and a line that is only a time, perhaps with a stream's name, before an object:
  time and object on one line, as other log tools write it;
- other lines and texts between objects: lines of their own;
- an object that is broken: a line of its own, up to where the next valid object starts;
- records of Avro files, see `avro`: the body of a captured event, or its fields as JSON;
- rows of the W3C extended format, see `w3c_fields`: objects;
- rows of Parquet files, see `parquet_rows`: objects;
- batches of OpenTelemetry's protocol, see `otlp`: what they hold;
- lines of base64 over gzip or JSON, wrapped or not, and records of Kinesis, Firehose and
  subscriptions that hold it: what they hold, framed in turn;
- events of CloudWatch Logs over several lines: each on one line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from apilog.sources.byte_streams import ByteStream, PeekableStream, StreamDamage
from apilog.transport.avro import AVRO_MAGIC, read_avro
from apilog.transport.base64_payloads import find_carried_base64, is_base64_payload, read_payloads
from apilog.transport.cloudwatch import JoinedEventsStream, find_event_start
from apilog.transport.json_scan import OPENS_OBJECT, STAMP, ScanEnd, scan_object
from apilog.transport.otlp import is_otlp, read_otlp
from apilog.transport.parquet_rows import PARQUET_MAGIC, read_parquet
from apilog.transport.w3c_fields import has_fields_directive, read_w3c

# What reads objects has many expressions, which take long to compile: it is imported where a
# stream has any.
if TYPE_CHECKING:
    from apilog.transport.json_splitter import JsonSplitter

SHAPE_BYTES = 64 << 10
"""How much of a head is looked at first."""
MAX_SHAPE_BYTES = 1 << 20
"""How much is looked at where a first object does not end before."""
WINDOW_BYTES = 512 << 10
"""How much is taken apart at once, after what was left over."""

_PRETTY_OBJECT = re.compile(rb"^(?:" + STAMP + rb')?+\{[ \t\r]*+\n\s*+"', re.MULTILINE)
_SEAM = re.compile(rb'\}\s*+\{\s*+"')
_OPENS_ARRAY = re.compile(rb"\[\s*+(?:\{\s*+[\"}]|\]\s*+\Z|\Z)")
_GOES_ON_AS_JSON = re.compile(
    rb'[ \t\r,]*+(?:\{\s*+["}]|\n|\Z)|[^\n}]*+(?:\}(?!\s*+\{\s*+")[^\n}]*+)*+\}\s*+\{'
)
_CARRIER_BYTES = 4 << 10


class Framing(Enum):
    """What separates the events of a stream."""

    LINES = "newlines"
    JSON = "the syntax of JSON"
    BASE64 = "newlines, each line being base64"
    AVRO = "the blocks of Avro"
    W3C = "newlines, each line being a row of named fields"
    PARQUET = "the pages of Parquet"
    OTLP = "the batches of OpenTelemetry's protocol"


@dataclass(frozen=True, slots=True)
class StreamShape:
    """How a stream is to be read."""

    framing: Framing
    unwraps: bool = True
    """Whether objects that look like containers are."""
    carries_base64: bool = False
    """Whether each event holds others, in base64."""
    event_start: re.Pattern[bytes] | None = None
    """How an event starts, if events of several lines begin with a time."""


_PLAIN_LINES = StreamShape(Framing.LINES)


def frame_stream(stream: ByteStream, max_line_bytes: int, path: str = "") -> ByteStream:
    """Return the stream of this name with one event per line, going by its head.

    An event of more than `max_line_bytes` is a line of more than that. A last event that is
    cut off is a last line without a newline.
    """
    stream = PeekableStream.over(stream)
    shape = _peek_shape(stream)
    if shape.framing is Framing.AVRO:
        stream = PeekableStream(read_avro(stream))
        shape = _peek_shape(stream)
    if shape.framing is Framing.W3C:
        return read_w3c(stream, max_line_bytes)
    if shape.framing is Framing.PARQUET:
        return read_parquet(stream, path)
    if shape.framing is Framing.OTLP:
        return read_otlp(stream)
    if shape.framing is Framing.BASE64:
        stream = PeekableStream(read_payloads(stream))
        shape = _peek_shape(stream)
    events = _split_events(shape, stream, max_line_bytes)
    if shape.carries_base64:
        stream = PeekableStream(read_payloads(events))
        events = _split_events(_peek_shape(stream), stream, max_line_bytes)
    return events


def changes_framing(head: bytes) -> bool:
    """Return whether a stream that starts like this is not passed through as it is."""
    return detect_shape(head, complete=len(head) < SHAPE_BYTES) != _PLAIN_LINES


def _peek_shape(stream: PeekableStream) -> StreamShape:
    size = SHAPE_BYTES
    while True:
        head = stream.peek(size)
        if (shape := detect_shape(head, complete=len(head) < size)) is not None:
            return shape
        if size >= MAX_SHAPE_BYTES:
            return StreamShape(Framing.JSON)
        size *= 4


def _split_events(shape: StreamShape, stream: ByteStream, max_line_bytes: int) -> ByteStream:
    if shape.framing is Framing.JSON:
        from apilog.transport.json_splitter import JsonSplitter

        return _SplitStream(stream, JsonSplitter(max_line_bytes, unwrap=shape.unwraps))
    if shape.event_start:
        return JoinedEventsStream(stream, shape.event_start, max_line_bytes)
    return stream


class _SplitStream:
    """The lines that a splitter makes of a stream.

    Windows are cut at the same places however much the stream gives at once.
    """

    def __init__(self, stream: ByteStream, splitter: JsonSplitter) -> None:
        self._stream = stream
        self._splitter = splitter
        self._left = b""
        self._lines = memoryview(b"")
        self._ended = False
        self._damage: StreamDamage | None = None

    def read(self, size: int) -> bytes:
        while not self._lines:
            if self._damage is not None:
                raise self._damage
            if self._ended:
                return b""
            blocks, missing = [self._left], WINDOW_BYTES
            try:
                while missing > 0 and (block := self._stream.read(missing)):
                    blocks.append(block)
                    missing -= len(block)
            except StreamDamage as damage:
                self._damage = damage
            self._ended = missing > 0
            window = b"".join(blocks)
            lines, taken = self._splitter.split_window(window, final=self._ended)
            self._left = window[taken:]
            self._lines = memoryview(b"".join(lines))
        ready, self._lines = self._lines[:size], self._lines[size:]
        return bytes(ready)


def detect_shape(head: bytes, *, complete: bool) -> StreamShape | None:
    """Return the shape of a stream that starts like this; None if more of it has to be seen.

    `complete` says that there is no more to see.
    """
    if head.startswith(AVRO_MAGIC):
        return StreamShape(Framing.AVRO)
    if head.startswith(PARQUET_MAGIC):
        return StreamShape(Framing.PARQUET)
    if has_fields_directive(head):
        return StreamShape(Framing.W3C)
    if is_otlp(head):
        return StreamShape(Framing.OTLP)
    text = head.lstrip()
    if event_start := find_event_start(text):
        return StreamShape(Framing.LINES, event_start=event_start)
    shape: StreamShape | None = _PLAIN_LINES
    if OPENS_OBJECT.match(text):
        shape = _detect_shape_of_objects(text, complete=complete)
    elif _OPENS_ARRAY.match(text) or _PRETTY_OBJECT.search(text):
        shape = StreamShape(Framing.JSON)
    elif is_base64_payload(text.partition(b"\n")[0].rstrip()):
        shape = StreamShape(Framing.BASE64)
    elif not complete and b"\n" not in text and _SEAM.search(text):
        shape = StreamShape(Framing.JSON)  # objects that are glued, behind one that is cut
    may_carry = shape and text.startswith((b"{", b"["))
    if shape and may_carry and find_carried_base64(text[:_CARRIER_BYTES], whole=False):
        return replace(shape, carries_base64=True)
    return shape


def _detect_shape_of_objects(text: bytes, *, complete: bool) -> StreamShape | None:
    from apilog.transport.event_containers import is_whole_container, starts_like_container
    from apilog.transport.event_wrappers import open_table

    if open_table(text, 0):
        return StreamShape(Framing.JSON)
    stop, end = scan_object(text, 0)
    unwrap = True
    if starts_like_container(text, 0):
        unwrap = stop is not ScanEnd.END or is_whole_container(text[:end])
        if unwrap:
            return StreamShape(Framing.JSON)
    if stop is ScanEnd.OPEN and b"\n" not in text and not complete:
        return None
    if _PRETTY_OBJECT.search(text):
        return StreamShape(Framing.JSON, unwrap)
    if stop is ScanEnd.END and text[end:].partition(b"\n")[0].strip():
        is_lines = not _GOES_ON_AS_JSON.match(text, end)
    else:
        # One object on a line is NDJSON only if most lines are: the last counts if it is complete.
        lines = text.split(b"\n")
        if not complete and len(lines) > 1:
            lines.pop()
        lines = [line.strip() for line in lines if not line.isspace() and line]
        is_lines = 2 * sum(map(_is_one_object, lines)) > len(lines)
    return _PLAIN_LINES if is_lines else StreamShape(Framing.JSON, unwrap)


def _is_one_object(line: bytes) -> bool:
    """Return whether a line is one object, or would be one without a quote too many."""
    if not line.startswith(b"{"):
        return False
    stop, end = scan_object(line, 0)
    return end == len(line) if stop is ScanEnd.END else stop is ScanEnd.OPEN and line.endswith(b"}")

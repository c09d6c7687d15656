"""How a stream is framed, told by its head.

Whatever is not certainly a JSON stream with another framing than lines is plain lines.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, replace
from enum import Enum

from apilog.transport.cloudwatch import find_event_start
from apilog.transport.event_wrappers import is_whole_container, open_table, starts_like_container
from apilog.transport.json_scan import OPENS_OBJECT, ScanEnd, scan_object
from apilog.transport.json_splitter import STAMP

_PRETTY_OBJECT = re.compile(rb"^(?:" + STAMP + rb')?+\{[ \t\r]*+\n\s*+"', re.MULTILINE)
_SEAM = re.compile(rb'\}\s*+\{\s*+"')
_OPENS_ARRAY = re.compile(rb"\[\s*+(?:\{\s*+[\"}]|\]\s*+\Z|\Z)")
_GOES_ON_AS_JSON = re.compile(
    rb'[ \t\r,]*+(?:\{\s*+["}]|\n|\Z)|[^\n}]*+(?:\}(?!\s*+\{\s*+")[^\n}]*+)*+\}\s*+\{'
)
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{16,}+={0,2}+")
_MORE_BASE64 = re.compile(rb"[A-Za-z0-9+/]++={0,2}+")
_CARRIED = re.compile(
    rb'"(?:awslogs|kinesis|recordId|SequenceNumber)"\s*+:[^\]}]*?"[dD]ata"\s*+:\s*+'
    rb'"((?:[A-Za-z0-9+/=]|\\/|\\[rn])++)'
)
_JSON_ESCAPE = re.compile(rb"\\(?:(/)|[rn])")
_CARRIER_BYTES = 4 << 10
_TEXT = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), *b"\t\r\n"})
_GZIP = b"\x1f\x8b\x08"
_JSON_START = re.compile(rb'\s*+(?:\[\s*+)?+\{\s*+"')


class Framing(Enum):
    """What separates the events of a stream."""

    LINES = "newlines"
    JSON = "the syntax of JSON"
    BASE64 = "newlines, each line being base64"


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


_LINES = StreamShape(Framing.LINES)


def detect_shape(head: bytes, *, complete: bool) -> StreamShape | None:
    """The shape of a stream that starts like this; None if more of it has to be seen.

    `complete` says that there is no more to see.
    """
    text = head.lstrip()
    if begins := find_event_start(text):
        return StreamShape(Framing.LINES, event_start=begins)
    shape = _detect_framing(text, complete=complete)
    if (
        shape
        and text.startswith((b"{", b"["))
        and find_carried_base64(text[:_CARRIER_BYTES], whole=False)
    ):
        return replace(shape, carries_base64=True)
    return shape


def find_carried_base64(record: bytes, *, whole: bool = True) -> bytes | None:
    """The base64 that a record of Kinesis, Firehose or a subscription holds; None without.

    `whole` says that these bytes go on to its end.
    """
    found = _CARRIED.search(record)
    if found is None or (whole and record[found.end() : found.end() + 1] != b'"'):
        return None
    base64 = _JSON_ESCAPE.sub(rb"\1", found[1])
    return base64 if _is_text_or_packed(base64) else None


def _detect_framing(text: bytes, *, complete: bool) -> StreamShape | None:
    if OPENS_OBJECT.match(text):
        return _shape_of_objects(text, complete=complete)
    if _OPENS_ARRAY.match(text) or _PRETTY_OBJECT.search(text):
        return StreamShape(Framing.JSON)
    if is_base64_payload(text.partition(b"\n")[0].rstrip()):
        return StreamShape(Framing.BASE64)
    cut_objects = not complete and b"\n" not in text and _SEAM.search(text)
    return StreamShape(Framing.JSON) if cut_objects else _LINES


def is_base64_payload(line: bytes) -> bool:
    """Whether a line is base64 of something compressed with gzip, or of JSON."""
    if not _BASE64_LINE.fullmatch(line):
        return False
    start = _decoded_start(line)
    return start.startswith(_GZIP) or _JSON_START.match(start) is not None


def continues_base64(line: bytes) -> bool:
    """Whether a line may be more of the base64 that the line before it is of."""
    return _MORE_BASE64.fullmatch(line) is not None


def _is_text_or_packed(base64: bytes) -> bool:
    start = _decoded_start(base64)
    return start.startswith(_GZIP) or not start.translate(None, _TEXT)


def _decoded_start(base64: bytes) -> bytes:
    return b64decode(base64[:32][: len(base64[:32]) // 4 * 4])


def _shape_of_objects(text: bytes, *, complete: bool) -> StreamShape | None:
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
        is_lines = _is_mostly_objects(text, complete=complete)
    return _LINES if is_lines else StreamShape(Framing.JSON, unwrap)


def _is_mostly_objects(text: bytes, *, complete: bool) -> bool:
    """Whether most lines are one object each; the last one counts only if it is complete."""
    lines = text.split(b"\n")
    if not complete and len(lines) > 1:
        lines.pop()
    lines = [line.strip() for line in lines if not line.isspace() and line]
    return 2 * sum(map(_is_one_object, lines)) > len(lines)


def _is_one_object(line: bytes) -> bool:
    """Whether a line is one object, or would be one without a quote too many."""
    if not line.startswith(b"{"):
        return False
    stop, end = scan_object(line, 0)
    return end == len(line) if stop is ScanEnd.END else stop is ScanEnd.OPEN and line.endswith(b"}")

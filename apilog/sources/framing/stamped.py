"""Events of CloudWatch Logs that are several lines, as one line each.

Told by its head, a stream of events that begin with a time has the lines that begin with
none put behind the event that they go on with; blank lines end nothing and stay.
"""

from __future__ import annotations

import re

from apilog.sources.framing.scan import Stop, scan_object
from apilog.sources.readers import Reader, StreamDamage

STEP_BYTES = 256 << 10

_SECOND = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_BEGINNINGS = tuple(
    re.compile(pattern)
    for pattern in (
        # An export, the console; aws logs tail, also with --format short.
        _SECOND + rb"(?:\.\d{3}(?:Z|[+-]\d\d:\d\d)|\.\d{6}\+00:00|(?= ))(?:[ \t]|\r?\n)",
        rb"EVENTS\t(?:\d{50,60}\t)?\d{13}\t",  # --output text
        rb'"?(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|\d{13})"?,',  # Logs Insights as CSV
    )
)
_MESSAGE_GOES_ON = re.compile(rb'[ \t]+["{}\[\]<]|["}\]]')
"""How a line begins that can only go on with an event."""
_BESIDE = rb"[ \t\r]*(?:\n|\Z)|Permission Check Successful|SEARCHEDLOGSTREAMS|NEXTTOKEN|[bf]/\d{50}"
_END = re.compile(rb"\r?\n[ \t\r]*\Z")
_ELEMENT = re.compile(rb"<([A-Za-z][\w.-]*)[^>]*(?<!/)>")
_HEADER = re.compile(rb'"?(?:@|timestamp"?,)')


def beginning_of(head: bytes) -> re.Pattern[bytes] | None:
    """How events begin in a stream of several lines an event; None for any other stream."""
    lines = [line + b"\n" for line in head.split(b"\n")[:-1] if line.strip()]
    if lines and _HEADER.match(lines[0]):
        del lines[0]
    if not lines:
        return None
    begins = next((pattern for pattern in _BEGINNINGS if pattern.match(lines[0])), None)
    if begins is None or not any(
        _MESSAGE_GOES_ON.match(line) and not begins.match(line) for line in lines
    ):
        return None
    return begins


def is_open_event(line: bytes) -> bool:
    """Whether a line is the beginning of an event that surely goes on in the next line."""
    found = next((m for pattern in _BEGINNINGS if (m := pattern.match(line))), None)
    if found is None:
        return False
    message = line[found.end() :].lstrip()
    if message.startswith(b'"'):
        return message.count(b'"') % 2 == 1
    if element := _ELEMENT.match(message):
        return b"</" + element[1] + b">" not in message
    return message.startswith(b"{") and scan_object(message, 0)[0] is Stop.OPEN


class Joined:
    """The stream with one event a line. An event longer than `limit` is left in parts, one that
    is cut off at the end is a last line without a newline."""

    def __init__(self, reader: Reader, begins: re.Pattern[bytes], limit: int) -> None:
        self._reader = reader
        self._within = re.compile(rb"\r?\n(?!" + begins.pattern + rb"|" + _BESIDE + rb")[ \t]*")
        self._begins = begins
        self._limit = limit
        self._held = b""
        self._ready = b""
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
        return block

    def _advance(self) -> None:
        """Take whole events, but for the last, which may go on."""
        try:
            block = self._reader.read(STEP_BYTES)
        except StreamDamage as damage:
            self._damage, block = damage, b""
        self._ended = not block
        data = self._held + block
        is_all = self._ended or len(data) > self._limit + STEP_BYTES
        end = len(data) if is_all else _last_start(self._begins, data)
        self._ready, self._held = self._within.sub(_blank, data[:end]), data[end:]
        if self._ended:
            told = _END.sub(b"", self._ready)
            self._ready = told if is_open_event(told[told.rfind(b"\n") + 1 :]) else self._ready


def _blank(found: re.Match[bytes]) -> bytes:
    """What stands for a newline within an event: a blank, if there is none before it."""
    return b"" if found.string[found.start() - 1 : found.start()] in (b" ", b"\t") else b" "


def _last_start(begins: re.Pattern[bytes], data: bytes) -> int:
    """Where the last event starts; 0 if none starts behind the first byte."""
    end = len(data)
    while (newline := data.rfind(b"\n", 0, end)) >= 0:
        if begins.match(data, newline + 1):
            return newline + 1
        end = newline
    return 0

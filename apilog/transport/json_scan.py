"""Where JSON objects end in bytes, found by quotes and braces alone.

Values are not looked at, so that what is nearly JSON is taken apart like JSON; bytes that are no
UTF-8 are harmless. Nothing here recurses, however deep the nesting. An object is taken to be broken
only if a valid one starts within it, or if it holds what no JSON holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""A pattern; needs DOTALL."""
OPENS_OBJECT = re.compile(rb'\{\s*+(?:["}]|\Z)')
"""What an object starts with; at the end of the bytes, what may become one."""

STAMP = (
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d++)?+(?:Z|[+-]\d\d:?\d\d)?+"
    rb"(?:[ \t]++[^\s{]\S*+)?+[ \t]*+(?:\r?\n)?+[ \t]*+"
)
"""What log tools put before an object: a time, perhaps a stream, perhaps on its own line."""

# Possessive quantifiers keep the patterns linear on hostile text. They nest to `_LEVELS` only: what
# is deeper is left to `BraceScan`, which is slower.
_STRING_ON_LINE = rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"'
_AFTER_OPENER = rb"(?:(?<=[:,\[])|(?<=[:,\[]\s))"
_LEVELS = 4
_QUOTE, _CLOSER = b'"}'
_BLANKS, _BEFORE_OBJECT = b" \t\r\n", b":,["


def _outside_braces(string: bytes) -> bytes:
    """Return the pattern of what stands between braces, strings included."""
    return rb'[^"{}]*+(?:' + string + rb'[^"{}]*+)*+'


def _nested_object(levels: int) -> bytes:
    outside = _outside_braces(_STRING_ON_LINE)
    pattern = rb"\{" + outside + rb"\}"
    for _ in range(levels):
        pattern = rb"\{" + outside + rb"(?:" + _AFTER_OPENER + pattern + outside + rb")*+\}"
    return pattern


PLAIN_OBJECT = _nested_object(_LEVELS)
"""The pattern of an object of few levels none of whose strings is broken over lines."""

_PLAIN_OBJECT = re.compile(PLAIN_OBJECT)
_OUTSIDE_STRINGS = re.compile(_outside_braces(STRING), re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_OPENS_MEMBERS = re.compile(rb'\{\s*+"')
_SEAM = re.compile(rb'\}\s*+\{\s*+"')
_SEAM_AT_LINE = re.compile(rb'\n[ \t\r]*+\{\s*+"')
_decode_json = json.JSONDecoder(strict=False, parse_int=str, parse_float=str).decode


class ScanEnd(Enum):
    """Why a scan stopped."""

    END = "the object ended"
    OPEN = "the bytes ended before the object"
    ASTRAY = "an object starts where none can be"


@dataclass(slots=True)
class BraceScan:
    """A scan for the end of an object, which can be continued with the bytes that follow."""

    depth: int = 0
    quoted: bool = False

    def run(self, data: bytes, at: int) -> tuple[ScanEnd, int]:
        """Go on from here; return why it stopped, and where. After OPEN, it goes on from there."""
        while True:
            if self.quoted:
                at = match_end(_REST_OF_STRING, data, at)
                if data[at : at + 1] != b'"':
                    return ScanEnd.OPEN, at
                self.quoted = False
                at += 1
            at = match_end(_OUTSIDE_STRINGS, data, at)
            if at == len(data):
                return ScanEnd.OPEN, at
            if data[at] == _QUOTE:
                self.quoted = True
            elif data[at] == _CLOSER:
                self.depth -= 1
                if self.depth <= 0:
                    return ScanEnd.END, at + 1
            else:
                if self.depth and (last := _last_before(data, at, 0)) >= 0:
                    # An object with members that nothing before it leads up to.
                    is_expected = data[last] in _BEFORE_OBJECT
                    if not is_expected and _OPENS_MEMBERS.match(data, at):
                        return ScanEnd.ASTRAY, at
                self.depth += 1
            at += 1


def scan_object(data: bytes, start: int) -> tuple[ScanEnd, int]:
    """Return why and where the scan of the object that starts here stops."""
    if match := _PLAIN_OBJECT.match(data, start):
        return ScanEnd.END, match.end()
    return BraceScan().run(data, start)


def has_seams(data: bytes, start: int, end: int) -> bool:
    """Return whether there may be `seams`; False is certain, and quickly match."""
    if _SEAM.search(data, start, end):
        return True
    return data.find(b"\n", start, end) >= 0 and bool(_SEAM_AT_LINE.search(data, start, end))


def seams(data: bytes, start: int, end: int) -> Iterator[int]:
    """Yield where within these bytes an object may start that is no part of another.

    That is after a closing brace, or on a new line after anything but a comma, colon or
    bracket. Valid JSON has such a place only at the end of a string.
    """
    for match in _OPENS_MEMBERS.finditer(data, start, end):
        at = match.start()
        last = _last_before(data, at, start)
        if last < start or data[last] in _BEFORE_OBJECT:
            continue
        if data[last] == _CLOSER or data.find(b"\n", last, at) > 0:
            yield at


def is_sound(data: bytes, start: int) -> bool | None:
    """Return whether a valid JSON object starts here; None if the bytes end before it does."""
    stop, end = scan_object(data, start)
    if stop is ScanEnd.OPEN:
        return None
    if stop is ScanEnd.ASTRAY:
        return False
    try:
        _decode_json(data[start:end].decode("latin-1"))
    except (ValueError, RecursionError):
        return False
    return True


def _last_before(data: bytes, at: int, start: int) -> int:
    """Return where the last byte before this place stands that is no blank; < start if none."""
    last = at - 1
    while last >= start and data[last] in _BLANKS:
        last -= 1
    return last


def match_end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Return where the match of a pattern that matches everywhere ends."""
    match = pattern.match(data, at)
    return match.end() if match else at


_BREAK = re.compile(rb"\n\s*+")
_STRING_OR_BREAK = re.compile(STRING + rb"|\n\s*+", re.DOTALL)


def to_one_line(text: bytes) -> bytes:
    r"""Return JSON, whole or not, on one line; indentation goes.

    >>> to_one_line(b'{\n  "a": "x\ny"\n}')
    b'{ "a": "x\\ny" }'
    """
    if b"\n" not in text:
        return text
    return _STRING_OR_BREAK.sub(_replace_break, text.replace(b"\r\n", b"\n"))


def join_plain_lines(text: bytes) -> bytes:
    """Return `to_one_line` of text without newlines in strings, more quickly."""
    if b"\n" not in text:
        return text
    return _BREAK.sub(b" ", text.replace(b"\r\n", b"\n"))


def blank_newlines(text: bytes) -> bytes:
    """Return text of the same length without newlines."""
    return text.replace(b"\n", b" ")


def _replace_break(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return text.replace(b"\n", rb"\n") if text.startswith(b'"') else b" "


MAX_SEAMS = 8
"""How many places are tried where another object may start."""


def find_broken_end(data: bytes, start: int, stop: ScanEnd, end: int) -> int | None:
    """Return where to go on after a broken object; `start` if it is not broken.

    None if more bytes are needed to know. `stop` and `end` are what its scan gave.
    """
    candidates = list(islice(seams(data, start + 1, end), MAX_SEAMS))
    soundness = [is_sound(data, seam) for seam in candidates]
    if True in soundness or stop is ScanEnd.ASTRAY:
        return min([*candidates, end])
    return None if None in soundness else start


@dataclass(slots=True)
class EndlessObject:
    """An object that is longer than a line may be."""

    scan: BraceScan = field(default_factory=BraceScan)

    def run(self, data: bytes, at: int) -> tuple[int, bool]:
        """Return how far it goes, and whether it ends there."""
        stop, end = self.scan.run(data, at)
        for seam in islice(seams(data, at, end), MAX_SEAMS):
            if is_sound(data, seam):
                return seam, True
        return end, stop is not ScanEnd.OPEN


@dataclass(frozen=True, slots=True)
class EndlessText:
    """A text that is longer than a line may be, matched by a pattern."""

    pattern: re.Pattern[bytes]

    def run(self, data: bytes, at: int) -> tuple[int, bool]:
        """Return how far it goes, and whether it ends there."""
        end = match_end(self.pattern, data, at)
        return end, end < len(data)

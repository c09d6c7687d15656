"""A JSON stream taken apart into lines, window by window.

Every byte that is no blank, separator or syntax of a wrapper comes out in some line, in order.
Apart from what `take` leaves over, only the frames around the events are remembered.
"""

from __future__ import annotations

import re

from apilog.sources.framing.containers import container_end, opened_container, with_late_members
from apilog.sources.framing.frame import Frame
from apilog.sources.framing.objects import EndlessObject, EndlessText, broken_until
from apilog.sources.framing.oneline import one_line, unbroken
from apilog.sources.framing.runs import (
    SEPARATORS,
    STAMP,
    glued_objects,
    plain_objects,
    stamped,
)
from apilog.sources.framing.scan import OPENS_OBJECT, BraceScan, Stop, has_seams, scan_object
from apilog.sources.framing.tables import next_table, opened_table, row_as_object

MAX_FRAMES = 8
"""Arrays around arrays that are remembered; there are two where an array holds containers."""
MAX_PATIENCE = 16
"""How often the end of a container may be looked for in vain, beyond as often as it was found."""

_SEPARATORS = re.compile(SEPARATORS)
_STAMP = re.compile(STAMP)
_OPENS_ARRAY = re.compile(rb"\[\s*+(?:[{\]]|\Z)")
_LINE = re.compile(rb'[^\n}]*+(?:\}(?!\s*+\{\s*+")[^\n}]*+)*+\}?')
_BETWEEN_OBJECTS = re.compile(rb'[^\n{]*+(?:\{(?!\s*+")[^\n{]*+)*+')


class Splitter:
    """Makes a line of every event, and of every text between events.

    An object or a text that goes on for more than `limit` bytes comes in parts, unchanged but
    for its newlines.
    """

    def __init__(self, limit: int, *, unwrap: bool) -> None:
        self._limit = limit
        self._unwrap = unwrap
        self._frames: list[Frame] = []
        self._at_line_start = True
        self._patience = MAX_PATIENCE
        self._endless: EndlessObject | EndlessText | None = None
        self._out: list[bytes] = []
        self._final = False

    def take(self, data: bytes, *, final: bool) -> tuple[list[bytes], int]:
        """The lines, each with its newline, and how many of the bytes they are made of.

        What is left has to stand before the bytes that follow. With `final`, nothing is left,
        and a last event that was cut off has no newline.
        """
        self._out, self._final = [], final
        at = self._plain(data, self._glued(data))
        while (after := self._step(data, at)) is not None:
            at = self._plain(data, after)
        return self._out, at

    def _glued(self, data: bytes) -> int:
        if self._frames or self._endless is not None:
            return 0
        lines, at = glued_objects(data) or (b"", 0)
        self._out.append(lines)
        return at

    def _plain(self, data: bytes, at: int) -> int:
        if self._endless is not None:
            return at
        frame = self._frames[-1] if self._frames else None
        end = plain_objects(data, at, frame.dressed if frame and frame.kept else None, self._out)
        if end > at:
            self._at_line_start = False
        return end

    def _step(self, data: bytes, at: int) -> int | None:
        """Take the next thing; where it ends, or None if more has to be read before."""
        if self._endless is not None:
            return self._go_on(self._endless, data, at)
        start = _end(_SEPARATORS, data, at)
        if start > at and b"\n" in data[at:start]:
            self._at_line_start = True
        if start == len(data):
            return start if start > at else None
        match data[start : start + 1]:
            case b"{" if OPENS_OBJECT.match(data, start):
                return self._object(data, start, start)
            case b"[":
                return self._bracket(data, start)
            case b"]" if self._frames:
                return self._close(data, start)
            case first if first.isdigit() and self._at_line_start and not self._frames:
                return self._after_stamp(data, start)
        return self._text(data, start)

    def _can_wait(self, data: bytes, start: int) -> bool:
        """Whether to decide on what starts here when more of it is known."""
        return not self._final and len(data) - start <= self._limit

    def _put(self, line: bytes) -> None:
        self._out.append(one_line(line) + b"\n")
        self._at_line_start = False

    def _object(self, data: bytes, begin: int, start: int) -> int | None:
        """Take an object, or enter a container; before it may stand a stamp."""
        if self._unwrap:
            if (opened := opened_container(data, start)) is not None:
                return self._container(data, begin, start, opened)
            if (table := opened_table(data, start)) is not None:
                frame, at = table
                if frame is not None:
                    return self._container(data, begin, start, (frame, at))
                if self._can_wait(data, start):
                    return None
        stop, end = scan_object(data, start)
        if stop is Stop.END and not has_seams(data, start + 1, end):
            return self._put_object(data, begin, start, end)
        return self._doubtful(data, begin, start, (stop, end))

    def _put_object(self, data: bytes, begin: int, start: int, end: int) -> int:
        event = data[start:end]
        if self._frames and self._frames[-1].kept:
            event = self._frames[-1].dressed(event)
        self._put(stamped(data[begin:start], event))
        return end

    def _doubtful(
        self, data: bytes, begin: int, start: int, scanned: tuple[Stop, int]
    ) -> int | None:
        """Take an object that does not end, or within which another one seems to start."""
        stop, end = scanned
        after = broken_until(data, start, stop, end)
        if after is not None and after > start:
            self._put(data[begin:after].rstrip())
            return after
        if (after is None or stop is Stop.OPEN) and self._can_wait(data, start):
            return None
        if stop is Stop.END:
            return self._put_object(data, begin, start, end)
        if self._final:
            self._out.append(one_line(data[begin:].rstrip()))
            return len(data)
        scan = BraceScan()
        _, at = scan.run(data, start)
        self._out.append(unbroken(data[begin:at]))
        self._endless = EndlessObject(scan)
        return at

    def _go_on(self, endless: EndlessObject | EndlessText, data: bytes, at: int) -> int | None:
        """Put out more of what is longer than a line may be."""
        end, ended = endless.run(data, at)
        if self._final and not ended:
            end = len(data)
        self._out.append(unbroken(data[at:end]) + (b"\n" if ended else b""))
        if ended or self._final:
            self._endless = None
            self._at_line_start = False
        return end if ended or end > at else None

    def _container(
        self, data: bytes, begin: int, start: int, opened: tuple[Frame, int]
    ) -> int | None:
        """Enter a container. Members after its events count if it is no longer than a line."""
        frame, at = opened
        if frame.keeps and not frame.kept and self._patience:
            stop, end = scan_object(data, start)
            if stop is Stop.OPEN and self._can_wait(data, start):
                return None
            found = stop is Stop.END and end - start <= self._limit
            self._learn(found=found)
            if found:
                frame = with_late_members(frame, data[at:end])
        if start > begin:
            self._put(data[begin:start].rstrip())
        return self._enter(frame, at)

    def _learn(self, *, found: bool) -> None:
        """Look less for ends of containers where they are missing: it takes long each time."""
        self._patience = min(self._patience + 1, MAX_PATIENCE) if found else self._patience - 1

    def _enter(self, frame: Frame, at: int) -> int:
        """Go on within an array; a container whose end was missed is left for it."""
        if frame.braces and self._frames and self._frames[-1].braces:
            self._frames.pop()
        if len(self._frames) < MAX_FRAMES:
            self._frames.append(frame)
        self._at_line_start = False
        return at

    def _bracket(self, data: bytes, start: int) -> int | None:
        """Take a row of a table, or enter an array of objects."""
        if self._frames and (template := self._frames[-1].row) is not None:
            row = row_as_object(data, start, template)
            if row is not None:
                self._put(row[0])
                return row[1]
            return None if self._can_wait(data, start) else self._text(data, start)
        opening = _OPENS_ARRAY.match(data, start)
        if opening is None:
            return self._text(data, start)
        if opening.end() == len(data) and self._can_wait(data, start):
            return None
        return self._enter(Frame(), start + 1)

    def _close(self, data: bytes, start: int) -> int | None:
        """Leave an array, and the container around it."""
        frame = self._frames[-1]
        if frame.row is not None and (table := next_table(data, start)):
            following, at = table
            if following is not None:
                return self._enter(following, at)
            if self._can_wait(data, start):
                return None
        end = start + 1
        if frame.braces and self._patience:
            found = container_end(data, start, frame)
            if found is None and self._can_wait(data, start):
                return None
            self._learn(found=found is not None)
            end = found or end
            if found and not frame.means_nothing(tail := data[start + 1 : end]):
                self._put(b"{" + tail.lstrip(b" \t\r\n,"))
        self._frames.pop()
        return end

    def _after_stamp(self, data: bytes, start: int) -> int | None:
        """Take an object with the time before it, or else a text."""
        stamp = _STAMP.match(data, start)
        if stamp is not None:
            if stamp.end() == len(data) and self._can_wait(data, start):
                return None
            if stamp.end() < len(data) and OPENS_OBJECT.match(data, stamp.end()):
                return self._object(data, start, stamp.end())
        return self._text(data, start)

    def _text(self, data: bytes, start: int) -> int | None:
        """Take a line that is no JSON, or what stands between objects on a line."""
        whole_line = self._at_line_start and not self._frames
        pattern = _LINE if whole_line else _BETWEEN_OBJECTS
        end = _end(pattern, data, start)
        if end < len(data):
            self._put(data[start:end].rstrip())
        elif self._can_wait(data, start):
            return None
        else:
            self._out.append(data[start:end])
            self._endless = None if self._final else EndlessText(pattern)
        return end


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where the match of a pattern that matches everywhere ends."""
    found = pattern.match(data, at)
    return found.end() if found else at

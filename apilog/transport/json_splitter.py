"""JSON streams taken apart into lines, window by window.

Every byte that is no blank, separator or syntax of a wrapper comes out in some line, in order.
Apart from what `split_window` leaves over, only the frames around the events are remembered.
"""

from __future__ import annotations

import re

from apilog.transport.event_containers import (
    CONTAINER_START,
    add_late_members,
    find_container_end,
    open_container,
)
from apilog.transport.event_wrappers import (
    WrapperFrame,
    open_next_table,
    open_table,
    row_as_object,
)
from apilog.transport.json_scan import (
    OPENS_OBJECT,
    PLAIN_OBJECT,
    STAMP,
    BraceScan,
    EndlessObject,
    EndlessText,
    ScanEnd,
    blank_newlines,
    find_broken_end,
    has_seams,
    join_plain_lines,
    match_end,
    scan_object,
    to_one_line,
)
from apilog.transport.result_rows import SHALLOW_ROW

# Every pattern here is possessive: it never goes back on what it matched, so that no text of an
# attacker makes it take more than linear time. See
# https://docs.python.org/3/library/re.html#regular-expression-syntax

SEPARATORS = rb"[\s,]*+"
"""What may stand between objects and means nothing."""

MAX_FRAMES = 8
"""Arrays around arrays that are remembered; there are two where an array holds containers."""
MAX_PATIENCE = 16
"""How often the end of a container may be looked for in vain, beyond as often as it was found."""
MOST_BROKEN = 20_000
"""How many more events may be broken than whole before the rest is left as it is."""

_SEPARATORS = re.compile(SEPARATORS)
_STAMP = re.compile(STAMP)
_OPENS_ARRAY = re.compile(rb"\[\s*+(?:[{\]]|\Z)")
_LINE = re.compile(rb'[^\n}]*+(?:\}(?!\s*+\{\s*+")[^\n}]*+)*+\}?')
_BETWEEN_OBJECTS = re.compile(rb'[^\n{]*+(?:\{(?!\s*+")[^\n{]*+)*+')

_CONTAINER = re.compile(CONTAINER_START)
_PLAIN = re.compile(
    SEPARATORS
    + rb"((?:(?<=\n)" + STAMP + rb")?+)"
    + rb"((?!" + CONTAINER_START + rb')(?=\{\s*+["}])' + PLAIN_OBJECT + rb")"
)  # fmt: skip
_FLAT = (
    rb"(?!" + CONTAINER_START + rb")"
    rb'\{\s*+(?:"[^"\\\n{}]*+"[^"\n{}]*+)*+\}'
)  # fmt: skip
"""An object without objects in it, on one line, whose strings hold no braces and no escapes."""
_FLAT_RUN = re.compile(SEPARATORS + rb"(" + _FLAT + rb"(?:" + SEPARATORS + _FLAT + rb")*+)")
_BETWEEN_FLAT = re.compile(rb"\}" + SEPARATORS + rb"\{")
_NO_SYNTAX = bytes(set(range(256)) - set(b'"{}\n'))
_EVEN_QUOTES = re.compile(rb'(?:[^"\n]*+(?:"[^"\n]*+"[^"\n]*+)*+\n)*+')
_EMPTY_OBJECTS = (b'"}{}', b"}}{}", b"\n{}")


def split_glued_objects(data: bytes) -> tuple[bytes, int] | None:
    r"""Return the objects that surely end in these bytes, and where the next one starts.

    None if anything but `}{` and `}\n{` separates objects, if a string ends like an object,
    or if an object may be a container.

    >>> split_glued_objects(b'{"a":1}{"b":{"c":2}}\n{"d":')
    (b'{"a":1}\n{"b":{"c":2}}\n', 21)
    """
    if not data.startswith(b'{"') or b'}{"' not in data or _CONTAINER.search(data):
        return None
    lines = data.replace(b'}{"', b'}\n{"')
    # Looking at quotes, braces and newlines alone, by C code over the whole window, is several
    # times as fast as a scan of each object. It proves that all objects are whole or gives up.
    syntax = lines.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in lines else lines
    syntax = syntax.translate(None, _NO_SYNTAX)
    whole = syntax[: syntax.rfind(b"\n") + 1]
    # With an even number of quotes before it, the end of a line is outside of strings.
    if (
        b'}{"' in syntax
        or syntax.count(b"\n") != syntax.count(b'}\n{"')
        or any(empty in syntax for empty in _EMPTY_OBJECTS)
        or whole.count(b"{") != whole.count(b"}")
        or match_end(_EVEN_QUOTES, syntax, 0) < len(whole)
    ):
        return None
    end = lines.rfind(b"\n") + 1
    return lines[:end], len(data) - (len(lines) - end)


def prepend_stamp(stamp: bytes, event: bytes) -> bytes:
    """Return an object after the stamp that was found before it, which may be empty."""
    return stamp.rstrip() + b" " + event if stamp else event


class JsonSplitter:
    """Makes a line of every event, and of every text between events.

    It tries three ways, from fast to careful: a whole window of glued objects by replacing bytes,
    one object after another by a pattern, and whatever these are not certain of by a scan that
    counts braces and knows wrappers, broken objects and texts.

    An object or a text that goes on for more than `limit` bytes comes in parts, unchanged but
    for its newlines.

    Broken events cost a hundred times what lines do. Where there is little but them, a stream is
    no JSON, and its rest is lines as they stand.
    """

    def __init__(self, limit: int, *, unwrap: bool) -> None:
        self._limit = limit
        self._unwrap = unwrap
        self._frames: list[WrapperFrame] = []
        self._at_line_start = True
        self._patience = MAX_PATIENCE
        self._broken = 0
        self._endless: EndlessObject | EndlessText | None = None
        self._out: list[bytes] = []
        self._final = False

    def split_window(self, data: bytes, *, final: bool) -> tuple[list[bytes], int]:
        """Return the lines, each with its newline, and how many of the bytes they are made of.

        What is left has to stand before the bytes that follow. With `final`, nothing is left,
        and a last event that was cut off has no newline.
        """
        self._out, self._final = [], final
        at = 0
        if self._has_given_up:
            return [data], len(data)
        if not self._frames and self._endless is None:
            lines, at = split_glued_objects(data) or (b"", 0)
            self._out.append(lines)
        at = self._take_plain(data, at)
        while (after := self._take_next(data, at)) is not None:
            at = self._take_plain(data, after)
            if self._has_given_up:
                self._out.append(data[at:])
                return self._out, len(data)
        return self._out, at

    @property
    def _has_given_up(self) -> bool:
        return self._broken > MOST_BROKEN and self._endless is None

    def _take_plain(self, data: bytes, at: int) -> int:
        """Take objects from here on as long as they are plain; return where they end.

        Not plain is what is broken or may be, what is nested deep, and what may be a container.
        """
        if self._endless is not None:
            return at
        frame = self._frames[-1] if self._frames else None
        dress = frame.add_common_members if frame and frame.common_members else None
        match, out, begin, before = _PLAIN.match, self._out, at, len(self._out)
        flat = 0
        while True:
            # Many tiny objects at once: one by one each would cost as much as a long line.
            if dress is None and (run := _FLAT_RUN.match(data, at)):
                out.append(_BETWEEN_FLAT.sub(b"}\n{", run[1]))
                out.append(b"\n")
                flat += run[1].count(b"{") - 1
                at = run.end()
            if not (plain := match(data, at)):
                break
            start, end = plain.span(2)
            if has_seams(data, start + 1, end):
                break
            stamp, event = plain.groups()
            event = join_plain_lines(event)
            if dress is not None:
                event = dress(event)
            if stamp:
                event = prepend_stamp(stamp, event)
            out.append(event)
            out.append(b"\n")
            at = end
        if at > begin:
            self._at_line_start = False
            # An event and its newline; once given up, there is no way back.
            self._broken = max(self._broken - flat - (len(out) - before) // 2, 0)
        return at

    def _take_next(self, data: bytes, at: int) -> int | None:
        """Take what comes next; return where it ends, or None if more has to be read before."""
        if self._endless is not None:  # more of what is longer than a line may be
            end, ended = self._endless.run(data, at)
            if self._final and not ended:
                end = len(data)
            self._out.append(blank_newlines(data[at:end]) + (b"\n" if ended else b""))
            if ended or self._final:
                self._endless = None
                self._at_line_start = False
            return end if ended or end > at else None
        start = match_end(_SEPARATORS, data, at)
        if start > at and b"\n" in data[at:start]:
            self._at_line_start = True
        if start == len(data):
            return start if start > at else None
        match data[start : start + 1]:
            case b"{" if OPENS_OBJECT.match(data, start):
                return self._take_object(data, start, start)
            case b"[":
                return self._take_bracket(data, start)
            case b"]" if self._frames:
                return self._leave_array(data, start)
            case first if first.isdigit() and self._at_line_start and not self._frames:
                # Perhaps an object with the time before it, or else a text.
                end = match_end(_STAMP, data, start)
                if end > start and end == len(data) and self._can_wait(data, start):
                    return None
                if end > start and end < len(data) and OPENS_OBJECT.match(data, end):
                    return self._take_object(data, start, end)
        return self._take_text(data, start)

    def _can_wait(self, data: bytes, start: int) -> bool:
        """Return whether to decide on what starts here when more of it is known."""
        return not self._final and len(data) - start <= self._limit

    def _emit_line(self, line: bytes) -> None:
        self._out.append(to_one_line(line) + b"\n")
        self._at_line_start = False

    def _take_object(self, data: bytes, begin: int, start: int) -> int | None:
        """Take an object, or enter a container; before it may stand a stamp."""
        if self._unwrap:
            if (opened := open_container(data, start)) is not None:
                return self._enter_container(data, begin, start, opened)
            if (table := open_table(data, start)) is not None:
                frame, at = table
                if frame is not None:
                    return self._enter_container(data, begin, start, (frame, at))
                if self._can_wait(data, start):
                    return None
        stop, end = scan_object(data, start)
        if stop is ScanEnd.END and not has_seams(data, start + 1, end):
            return self._emit_object(data, begin, start, end)
        # It does not end, or another one seems to start within it.
        after = find_broken_end(data, start, stop, end)
        if after is not None and after > start:
            self._broken += 1
            self._emit_line(data[begin:after].rstrip())
            return after
        if (after is None or stop is ScanEnd.OPEN) and self._can_wait(data, start):
            return None
        if stop is ScanEnd.END:
            return self._emit_object(data, begin, start, end)
        if self._final:
            self._out.append(to_one_line(data[begin:].rstrip()))
            return len(data)
        # More than a line may hold, and it does not end: it is given on in parts, and counted as
        # one line that is too long.
        scan = BraceScan()
        _, at = scan.run(data, start)
        self._out.append(blank_newlines(data[begin:at]))
        self._endless = EndlessObject(scan)
        return at

    def _emit_object(self, data: bytes, begin: int, start: int, end: int) -> int:
        event = data[start:end]
        self._broken = max(self._broken - 1, 0)
        if self._frames and self._frames[-1].common_members:
            event = self._frames[-1].add_common_members(event)
        self._emit_line(prepend_stamp(data[begin:start], event))
        return end

    def _enter_container(
        self, data: bytes, begin: int, start: int, opened: tuple[WrapperFrame, int]
    ) -> int | None:
        """Enter a container. Members after its events count if it is no longer than a line."""
        frame, at = opened
        if frame.common_names and not frame.common_members and self._patience:
            stop, end = scan_object(data, start)
            if stop is ScanEnd.OPEN and self._can_wait(data, start):
                return None
            is_whole = stop is ScanEnd.END and end - start <= self._limit
            self._adjust_patience(found=is_whole)
            if is_whole:
                frame = add_late_members(frame, data[at:end])
        if start > begin:
            self._emit_line(data[begin:start].rstrip())
        return self._enter_frame(frame, at)

    def _adjust_patience(self, *, found: bool) -> None:
        # To look for the end of a container costs a scan of all that follows: with a stream of
        # broken ones that would be quadratic.
        self._patience = min(self._patience + 1, MAX_PATIENCE) if found else self._patience - 1

    def _enter_frame(self, frame: WrapperFrame, at: int) -> int:
        """Go on within an array; a container whose end was missed is left for it."""
        outer = self._frames[-1] if self._frames else None
        if frame.closers and outer and outer.closers and not outer.holds_containers:
            self._frames.pop()
        if len(self._frames) < MAX_FRAMES:
            self._frames.append(frame)
        self._at_line_start = False
        return at

    def _take_bracket(self, data: bytes, start: int) -> int | None:
        """Take a row of a table, or enter an array of objects."""
        if self._frames and (template := self._frames[-1].row_template) is not None:
            row = row_as_object(data, start, template)
            if row is not None:
                self._emit_line(row[0])
                return row[1]
            return None if self._can_wait(data, start) else self._take_text(data, start)
        if self._frames and (row_object := self._frames[-1].row_object) is not None:
            match = SHALLOW_ROW.match(data, start)
            if match is None and self._can_wait(data, start):
                return None
            if match is not None:
                self._emit_line(row_object(match[0]) or match[0])
                return match.end()
            return self._take_text(data, start)
        opening = _OPENS_ARRAY.match(data, start)
        if opening is None:
            return self._take_text(data, start)
        if opening.end() == len(data) and self._can_wait(data, start):
            return None
        return self._enter_frame(WrapperFrame(), start + 1)

    def _leave_array(self, data: bytes, start: int) -> int | None:
        """Leave an array, and the container around it."""
        frame = self._frames[-1]
        if frame.row_template is not None and (table := open_next_table(data, start)):
            following, at = table
            if following is not None:
                return self._enter_frame(following, at)
            if self._can_wait(data, start):
                return None
        end = start + 1
        if frame.closers and self._patience:
            container_end = find_container_end(data, start, frame)
            if container_end is None and self._can_wait(data, start):
                return None
            self._adjust_patience(found=container_end is not None)
            end = container_end or end
            if container_end and not frame.is_bare_tail(tail := data[start + 1 : end]):
                self._emit_line(b"{" + tail.lstrip(b" \t\r\n,"))
        self._frames.pop()
        return end

    def _take_text(self, data: bytes, start: int) -> int | None:
        """Take a line that is not JSON, or the text between objects on a line."""
        whole_line = self._at_line_start and not self._frames
        pattern = _LINE if whole_line else _BETWEEN_OBJECTS
        end = match_end(pattern, data, start)
        if end < len(data):
            self._broken += not whole_line
            self._emit_line(data[start:end].rstrip())
        elif self._can_wait(data, start):
            return None
        else:
            self._out.append(data[start:end])
            self._endless = None if self._final else EndlessText(pattern)
        return end

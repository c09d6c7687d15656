"""Events that log drivers cut into several lines, and chunks cut anew so that each stands in one.

Only whole lines move from the end of a chunk to the beginning of the next: their numbers stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from apilog.sources import DamagedSource, LineChunk

_MARKS = (b" stdout P", b" stderr P", b'"stream":')
_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ (stdout|stderr) ([FP])(?:[: ]|$)")
_TAIL_BYTES = 1 << 20
_TAIL_LINES = 200
"""How far an event is looked for its beginning; pieces are of 16 KiB."""
_PROBED_BYTES = 1 << 16
"""Where a file has to show that it has events in pieces."""


def unfinished_size(data: bytes) -> int:
    """How many bytes these lines have from an event on that goes on behind them; 0: none does."""
    end = data[-_PROBED_BYTES:]
    if not any(mark in end for mark in _MARKS):
        return 0
    tail = data[-_TAIL_BYTES:]
    lines = tail.split(b"\n")[:-1][-_TAIL_LINES:]
    left = sum(map(len, lines)) + len(lines)
    begun: dict[tuple[str, str], int] = {}
    ended: set[str] = set()
    for line in lines:
        if piece := _parse_cri(line) or _parse_docker(line):
            driver, stream, is_last = piece
            if is_last:
                begun.pop((driver, stream), None)
                ended.add(driver)
            else:
                begun.setdefault((driver, stream), left)
        left -= len(line) + 1
    # Where no text of Docker's ends in a newline, all of them are whole.
    return max((at for (driver, _), at in begun.items() if driver in {"cri", *ended}), default=0)


_DriverPiece = tuple[str, str, bool]
"""Driver, stream, and whether it is the last of its event."""


def _parse_cri(line: bytes) -> _DriverPiece | None:
    found = _CRI.match(line)
    return ("cri", found[1].decode(), found[2] == b"F") if found else None


def _parse_docker(line: bytes) -> _DriverPiece | None:
    if not (line.startswith(b"{") and b'"stream":' in line):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    text, stream = value.get("log"), value.get("stream")
    if not (isinstance(text, str) and isinstance(stream, str)):
        return None
    return "docker", stream, text.endswith("\n")


def with_whole_events(chunks: Iterable[LineChunk]) -> Iterator[LineChunk]:
    """The chunks of one source, none of which ends within an event that the next one goes on with.

    What the chunks raise as damage is raised after all of them.
    """
    waiting: LineChunk | None = None
    try:
        for chunk in chunks:
            if waiting is None:
                joined = chunk
            elif chunk.oversize:  # a line that is not read stands between
                yield waiting
                joined = chunk
            else:
                first, joined = _move_unfinished(waiting, chunk)
                if first.lines or first.oversize:
                    yield first
            waiting = joined if unfinished_size(joined.data) else None
            if waiting is None:
                yield joined
    except DamagedSource:
        if waiting is not None:
            yield waiting
        raise
    if waiting is not None:
        yield waiting


def split_unfinished(chunk: LineChunk) -> tuple[LineChunk, LineChunk | None]:
    """The chunk without the events that go on behind it, and these; None if there are none."""
    kept = chunk.data
    while size := unfinished_size(kept):  # an event within may end only in what was moved
        kept = kept[:-size]
    moved = chunk.data[len(kept) :]
    if not moved:
        return chunk, None
    count = moved.count(b"\n")
    lines = chunk.lines - count
    rest = replace(chunk, data=moved, first_line=chunk.first_line + lines, lines=count, oversize=())
    return replace(chunk, data=kept, lines=lines), rest


def join_chunks(first: LineChunk, following: LineChunk) -> LineChunk:
    """Two chunks that stand together as one; the second has no line that is too long."""
    return replace(
        following,
        data=first.data + following.data,
        first_line=first.first_line,
        lines=first.lines + following.lines,
        oversize=first.oversize,
    )


def _move_unfinished(chunk: LineChunk, following: LineChunk) -> tuple[LineChunk, LineChunk]:
    """The two with the events that the first does not end in the second."""
    first, rest = split_unfinished(chunk)
    return first, join_chunks(rest, following) if rest else following

"""Events that log drivers cut into several lines, and chunks that hold each event whole.

Only whole lines move from the end of a chunk to the beginning of the next: their numbers stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from apilog.sources import DamagedSource, LineChunk
from apilog.transport.cloudwatch import is_open_event

# Container runtimes cut what a program writes into pieces of 16 KiB. CRI marks a piece that goes
# on with the tag `P`, and the last one with `F`; Docker leaves out the newline at its end. See
# https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
# and https://github.com/moby/moby/blob/master/daemon/logger/copier.go
_MARKS = (b" stdout P", b" stderr P", b'"stream":')
_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ (stdout|stderr) ([FP])(?:[: ]|$)")
_TAIL_BYTES = 1 << 20
_TAIL_LINES = 200
"""How far back the beginning of an event is looked for."""
_PROBED_BYTES = 1 << 16
"""Where a file has to show that it has events in pieces."""


def unfinished_size(data: bytes) -> int:
    """Return how many bytes these lines have from an event on that goes on behind them."""
    probe = data[-_PROBED_BYTES:]
    if not any(mark in probe for mark in _MARKS):
        return 0
    tail = data[-_TAIL_BYTES:]
    lines = tail.split(b"\n")[:-1][-_TAIL_LINES:]
    bytes_left = sum(map(len, lines)) + len(lines)
    begun: dict[tuple[str, str], int] = {}
    drivers_with_ends: set[str] = set()
    for line in lines:
        if piece := _parse_piece(line):
            driver, stream, is_last = piece
            if is_last:
                begun.pop((driver, stream), None)
                drivers_with_ends.add(driver)
            else:
                begun.setdefault((driver, stream), bytes_left)
        bytes_left -= len(line) + 1
    # Where no text of Docker's ends in a newline, all of them are whole.
    cutting = {"cri", *drivers_with_ends}
    return max((size for (driver, _), size in begun.items() if driver in cutting), default=0)


def _parse_piece(line: bytes) -> tuple[str, str, bool] | None:
    """Return the driver, the stream, and whether the piece is the last of its event."""
    if match := _CRI.match(line):
        return "cri", match[1].decode(), match[2] == b"F"
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


def finished_size(data: bytes) -> int:
    """Return how many bytes of some whole lines stand before all events that go on behind them."""
    end = len(data)
    # An event before the unfinished one may end only within it: then both are unfinished.
    while end and (size := unfinished_size(data[:end])):
        end -= size
    return end


def whole_events_size(text: bytes) -> int:
    """Return how many bytes of a text that may be cut anywhere are lines and events that ended."""
    end = finished_size(text[: text.rfind(b"\n") + 1])
    last_line = text.rfind(b"\n", 0, max(end - 1, 0)) + 1
    return last_line if is_open_event(text[last_line:end]) else end


def with_whole_events(chunks: Iterable[LineChunk]) -> Iterator[LineChunk]:
    """Yield the chunks of one source, cut anew so that no event goes on in the next one.

    What the chunks raise as damage is raised after all of them.
    """
    held: LineChunk | None = None
    try:
        for chunk in chunks:
            joined = chunk
            if held is not None:
                first, rest = held, None
                if not chunk.oversize:  # else a line that is not read stands between
                    first, rest = split_unfinished(held)
                    joined = join_chunks(rest, chunk) if rest else chunk
                if first.lines or first.oversize:
                    yield first
            held = joined if unfinished_size(joined.data) else None
            if held is None:
                yield joined
    except DamagedSource:
        if held is not None:
            yield held
        raise
    if held is not None:
        yield held


def split_unfinished(chunk: LineChunk) -> tuple[LineChunk, LineChunk | None]:
    """Return the chunk without the events that go on behind it, and these, if there are any."""
    end = finished_size(chunk.data)
    moved = chunk.data[end:]
    if not moved:
        return chunk, None
    count = moved.count(b"\n")
    lines = chunk.lines - count
    rest = replace(chunk, data=moved, first_line=chunk.first_line + lines, lines=count, oversize=())
    return replace(chunk, data=chunk.data[:end], lines=lines), rest


def join_chunks(first: LineChunk, following: LineChunk) -> LineChunk:
    """Return two chunks that stand together as one; the second has no line that is too long."""
    return replace(
        following,
        data=first.data + following.data,
        first_line=first.first_line,
        lines=first.lines + following.lines,
        oversize=first.oversize,
    )

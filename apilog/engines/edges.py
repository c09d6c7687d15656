"""Chunks cut anew, so that the pieces of one event stand in one chunk.

Only whole lines move from the end of a chunk to the beginning of the next: their numbers stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from apilog.formats.envelopes.pieces import unfinished
from apilog.sources import Chunk, DamagedSource


def with_whole_events(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks of one source, none of which ends within an event that the next one goes on with.

    What the chunks raise as damage is raised after all of them.
    """
    waiting: Chunk | None = None
    try:
        for chunk in chunks:
            if waiting is None:
                joined = chunk
            elif chunk.oversize:  # a line that is not read stands between
                yield waiting
                joined = chunk
            else:
                first, joined = _moved(waiting, chunk)
                if first.lines or first.oversize:
                    yield first
            waiting = joined if unfinished(joined.data) else None
            if waiting is None:
                yield joined
    except DamagedSource:
        if waiting is not None:
            yield waiting
        raise
    if waiting is not None:
        yield waiting


def split_unfinished(chunk: Chunk) -> tuple[Chunk, Chunk | None]:
    """The chunk without the events that go on behind it, and these; None if there are none."""
    kept = chunk.data
    while size := unfinished(kept):  # an event within may end only in what was moved
        kept = kept[:-size]
    moved = chunk.data[len(kept) :]
    if not moved:
        return chunk, None
    count = moved.count(b"\n")
    lines = chunk.lines - count
    rest = replace(chunk, data=moved, first_line=chunk.first_line + lines, lines=count, oversize=())
    return replace(chunk, data=kept, lines=lines), rest


def as_one(first: Chunk, following: Chunk) -> Chunk:
    """Two chunks that stand together as one; the second has no line that is too long."""
    return replace(
        following,
        data=first.data + following.data,
        first_line=first.first_line,
        lines=first.lines + following.lines,
        oversize=first.oversize,
    )


def _moved(chunk: Chunk, following: Chunk) -> tuple[Chunk, Chunk]:
    """The two with the events that the first does not end in the second."""
    first, rest = split_unfinished(chunk)
    return first, as_one(rest, following) if rest else following

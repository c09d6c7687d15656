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


def _moved(chunk: Chunk, following: Chunk) -> tuple[Chunk, Chunk]:
    """The two with the events that the first does not end in the second."""
    kept = chunk.data
    while size := unfinished(kept):  # an event within may end only in what was moved
        kept = kept[:-size]
    moved = chunk.data[len(kept) :]
    count = moved.count(b"\n")
    return (
        replace(chunk, data=kept, lines=chunk.lines - count),
        replace(
            following,
            data=moved + following.data,
            first_line=following.first_line - count,
            lines=following.lines + count,
        ),
    )

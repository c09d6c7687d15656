"""Chunks without the lines that were taken before, or that have not ended yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from apilog.sources import Chunk


def numbered(chunks: Iterable[Chunk], before: int) -> Iterator[Chunk]:
    """The chunks of a stream that so many lines went before."""
    for chunk in chunks:
        oversize = tuple(
            replace(line, line_number=line.line_number + before) for line in chunk.oversize
        )
        yield replace(chunk, first_line=chunk.first_line + before, oversize=oversize)


def after(chunks: Iterable[Chunk], taken: int) -> Iterator[Chunk]:
    """The chunks of a whole stream without its first lines."""
    for chunk in chunks:
        gone = min(max(taken + 1 - chunk.first_line, 0), chunk.lines)
        oversize = tuple(line for line in chunk.oversize if line.line_number > taken)
        left = replace(
            chunk,
            data=chunk.data.split(b"\n", gone)[gone] if gone else chunk.data,
            first_line=chunk.first_line + gone,
            lines=chunk.lines - gone,
            oversize=oversize,
        )
        if left.lines or left.oversize:
            yield left


def without_open_line(chunk: Chunk) -> Chunk:
    """A chunk without its last line, if the stream ended within it."""
    if not chunk.last_line_open:
        return chunk
    if not chunk.lines:
        return replace(chunk, oversize=chunk.oversize[:-1], last_line_open=False)
    end = chunk.data.rfind(b"\n", 0, -1) + 1
    return replace(chunk, data=chunk.data[:end], lines=chunk.lines - 1, last_line_open=False)

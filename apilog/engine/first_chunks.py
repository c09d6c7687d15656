"""The first chunks of a source, held back until enough of it is there to tell its format.

How a source is parsed must not depend on where its bytes were cut: whatever the size of the chunks,
as many lines are looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from apilog.formats.file_plan import FileSample
from apilog.sources import DamagedSource, LineChunk, LogSource, SourceError
from apilog.transport.opening import HEAD_BYTES, open_chunks, read_later_lines


class FirstChunks:
    """The chunks of one source, in order, once; the first of them are there from the beginning."""

    def __init__(
        self, chunks: Iterator[LineChunk], ask_lines_before: Callable[[], bytes] = bytes
    ) -> None:
        """Read the first chunks; raises SourceError if there are none because of an error.

        `ask_lines_before` gives lines of the source that stand before its first chunk; it is asked
        once that chunk is there, as a source may be closed when its last one is.
        """
        self._chunks = chunks
        self._lines_before = b""
        self._held: deque[LineChunk] = deque()
        self._error: SourceError | None = None
        self._is_whole = False
        size = 0
        while size < HEAD_BYTES and not self._is_whole:
            try:
                chunk = next(chunks, None)
            except SourceError as error:
                if not self._held:
                    raise
                self._error, chunk = error, None
            if chunk is None:
                self._is_whole = True
            else:
                if not self._held:
                    self._lines_before = ask_lines_before()
                self._held.append(chunk)
                size += len(chunk.data)

    def make_sample(self) -> FileSample:
        """Return what is there as the sample of a file; call it before the first chunk is taken."""
        parts = [self._lines_before, *(chunk.data for chunk in self._held)]
        return FileSample(
            # One chunk is not copied.
            first=b"".join(parts) if sum(map(bool, parts)) > 1 else next(filter(None, parts), b""),
            is_whole=self._is_whole,
            is_open=bool(self._held) and self._held[-1].last_line_open,
        )

    def __bool__(self) -> bool:
        return bool(self._held)

    def __iter__(self) -> Iterator[LineChunk]:
        while self._held:
            yield self._held.popleft()
        if self._error:
            raise self._error
        if not self._is_whole:
            yield from self._chunks


def read_sample(source: LogSource) -> FileSample:
    """Return the sample of a source alone. Damage is ignored; what was read of a pipe is gone."""
    with closing(open_chunks(source, chunk_bytes=HEAD_BYTES)) as chunks:
        try:
            sample = FirstChunks(chunks).make_sample()
        except DamagedSource:
            return FileSample(first=b"")
    return with_later_lines(sample, source)


def with_later_lines(sample: FileSample, source: LogSource) -> FileSample:
    """Return the sample with lines from all over its source, where that can be read anywhere.

    They are the file's, however much of it the sample holds already.
    """
    if len(sample.first) < HEAD_BYTES:
        return sample
    return replace(sample, later=read_later_lines(source))

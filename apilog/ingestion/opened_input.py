"""An input opened where reading it was left, if it was.

Lines that pass through as they are go on at a byte. What is framed anew, such as indented JSON,
is read from its beginning again, without the events that were taken.
"""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO

from apilog.ingestion.fingerprint import (
    HEAD_BYTES,
    Fingerprint,
    FingerprintIndex,
    KnownEntry,
    match_candidates,
)
from apilog.ingestion.line_aligned import (
    CommitBudget,
    LineAlignedStream,
    RawStream,
    renumber_chunks,
    skip_lines,
    without_open_line,
)
from apilog.ingestion.rereadable import is_beginning_of, open_stream, read_exactly, tail_before
from apilog.sources import LineChunk, LogSource
from apilog.sources.byte_streams import ByteStream, StreamDamage, as_utf8, is_utf16
from apilog.sources.find import may_be_copies_of
from apilog.sources.line_chunks import cut_into_chunks, raise_damage_at_end
from apilog.sources.source import display_path
from apilog.transport.framing import changes_framing, frame_stream
from apilog.transport.opening import HEAD_BYTES as FORMAT_HEAD_BYTES
from apilog.transport.opening import MAX_LINE_BYTES

_BEGINNING_BYTES = 4 << 10
"""Differ where another log is."""


class OpenedInput:
    """An input while it is read."""

    def __init__(
        self,
        source: LogSource,
        index: FingerprintIndex,
        allowance: CommitBudget,
        *,
        final: bool,
        others: Collection[str] = (),
    ) -> None:
        """Open it and find what it continues; raises SourceError if it can't be read.

        `others` are all files that the run reads.
        """
        self.copy_of: str | None = None
        """A file that it holds nothing beyond, perhaps as a copy that is still being made."""
        self._originals = [file for file in may_be_copies_of(source.file) if file in others]
        self._path = source.path
        self._allowance = allowance
        self._content = open_stream(source)
        self._final = final
        self._is_doubtful = self._is_sure = False
        self.base: KnownEntry | None = None
        """What it continues."""
        self.lines = 0
        """All that were taken, in earlier runs too."""
        self.has_more = False
        """Whether there is anything that was not taken."""
        with ExitStack() as undo:
            undo.callback(self._content.close)
            self._begin(index)
            undo.pop_all()

    def _begin(self, index: FingerprintIndex) -> None:
        content = self._content
        self._packed_as = content.compressed_fingerprint()
        if self._packed_as and (same := index.find_compressed(self._packed_as)):
            self._is_just(same)
            return
        self._compare(index)
        if self.has_more and self._originals and not self.copy_of:
            original = next((f for f in self._originals if is_beginning_of(content, f)), None)
            self._compare(index)  # an original is gone only when its copy is complete
            self.copy_of = display_path(original) if original else self.copy_of
        if self.copy_of:
            self._leave_out()
            return
        if self.has_more and not content.cannot_grow:
            content.seek(0)
            self._head = read_exactly(content, FORMAT_HEAD_BYTES)
        self._reader = self._reader_from_here()
        content.release_earlier()

    def _compare(self, index: FingerprintIndex) -> None:
        """Find what it continues, and whether it goes on."""
        content = self._content
        content.seek(0)
        self._head = read_exactly(content, FORMAT_HEAD_BYTES if content.cannot_grow else HEAD_BYTES)
        self._beginning = self._head[:_BEGINNING_BYTES]
        candidates = index.find_candidates(self._head[:HEAD_BYTES])
        found = match_candidates(candidates, lambda at: tail_before(content, at))
        self.base = found.continues
        self.lines = self.base.known.lines if self.base else 0
        self._is_framed = _is_framed(self._head[:HEAD_BYTES])
        self.has_more = self._looks_further()
        self.copy_of = found.copies.known.path if self.has_more and found.copies else None

    def _is_just(self, same: KnownEntry) -> None:
        """Take it for known without decompressing it."""
        self.base, self.lines = same, same.known.lines
        self._leave_out()

    def _leave_out(self) -> None:
        self.has_more = False
        self._head, self._reader = b"", RawStream(self._content, self._allowance)

    def _looks_further(self) -> bool:
        """Whether there is anything that was not taken."""
        if self.base is None:
            return True
        self._content.seek(self.base.known.offset)
        known = self.base.known
        may_wait = self._is_framed and self._takes_open_line and not known.complete
        try:
            return may_wait or bool(self._content.read(1))
        except StreamDamage:
            self._is_doubtful = True
            return False

    def _reader_from_here(self) -> RawStream:
        content, offset, tail = self._content, 0, b""
        if self.base and not self._is_framed:
            offset = self.base.known.offset
            tail = tail_before(content, offset) or b""
        # Where a line was taken before it ended, only counting tells where the next one begins.
        is_within_line = bool(tail) and not tail.endswith(b"\n")
        self._is_counted = self._is_framed or is_within_line
        if is_within_line:
            offset, tail = 0, b""
        content.seek(offset)
        if self._is_framed:
            return RawStream(content, self._allowance)
        allowance = CommitBudget(sys.maxsize) if is_within_line else self._allowance
        return LineAlignedStream(content, allowance, offset, tail, final=self._final)

    @property
    def _takes_open_line(self) -> bool:
        return self._final or self._content.cannot_grow

    @property
    def is_paused(self) -> bool:
        """Whether there is more to be read once there is an allowance again."""
        return self._reader.is_paused

    @property
    def is_complete(self) -> bool:
        """Whether nothing waits at its end for what may still be written."""
        return self._takes_open_line and not self._reader.is_damaged

    @property
    def compressed_fingerprints(self) -> tuple[str, ...]:
        """What a compressed file of nothing but what is known now is known by, if it is one."""
        is_whole = self.is_complete and not self.is_paused and not self._is_doubtful
        return (self._packed_as,) if self._packed_as and is_whole else ()

    @property
    def offset(self) -> int:
        """Bytes taken, in earlier runs too."""
        return self._reader.offset

    def fingerprint(self) -> Fingerprint | None:
        """What it is known by now; None while there is nothing new to know."""
        known = self.base.known if self.base else None
        if not self.has_more or not self.offset:
            return None
        # Of a line that was taken before it ended, there may be more that has not ended either.
        if known and self.offset <= known.offset and self.lines == known.lines:
            return None
        return Fingerprint.from_content(self._head[:HEAD_BYTES], self.offset, self._reader.tail)

    def first_lines(self) -> bytes:
        """Its first lines, by which its format is told."""
        reader = frame_stream(as_utf8(BytesIO(self._head)), MAX_LINE_BYTES)
        return b"".join(without_open_line(c).data for c in _cut(reader, int, FORMAT_HEAD_BYTES))

    def chunks(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """The lines that were not taken, as far as the allowance goes.

        Raises DamagedSource after them, if it ended badly.
        """
        if not self.has_more:
            return
        start = self._content.position
        cut = self._counted(chunk_bytes) if self._is_counted else self._next(chunk_bytes)
        for chunk in raise_damage_at_end(cut, self._path):
            if not self._is_sure and not self._content.still_begins(self._beginning):
                # Truncated since it was compared: what it holds now is left to the next run.
                self.has_more = False
                return
            self._is_sure = True
            last = chunk.first_line + chunk.lines - 1
            self.lines = max(self.lines, last, *(line.line_number for line in chunk.oversize))
            yield replace(chunk, position=chunk.position - start)

    def close(self) -> None:
        """Close the file, and let go of its head."""
        self._content.close()
        self._head = b""

    def _next(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """The lines from where the reader is."""
        reader = self._reader if self.offset else as_utf8(self._reader)
        yield from renumber_chunks(self._cut(reader, chunk_bytes), self.lines)

    def _counted(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """The lines of the whole stream without as many as were taken."""
        reader: ByteStream = as_utf8(self._reader)
        if self._is_framed:
            reader = frame_stream(reader, MAX_LINE_BYTES)
        yield from skip_lines(self._closed(self._cut(reader, chunk_bytes)), self.lines)

    def _closed(self, chunks: Iterable[LineChunk]) -> Iterator[LineChunk]:
        for chunk in chunks:
            takes_all = self._final or self.is_complete or not self._is_framed
            yield chunk if takes_all else without_open_line(chunk)

    def _cut(self, reader: ByteStream, chunk_bytes: int) -> Iterator[LineChunk]:
        content = self._content
        return _cut(reader, lambda: content.position, chunk_bytes)


def _cut(reader: ByteStream, position: Callable[[], int], chunk_bytes: int) -> Iterator[LineChunk]:
    return cut_into_chunks(reader, position, chunk_bytes=chunk_bytes, max_line_bytes=MAX_LINE_BYTES)


def _is_framed(head: bytes) -> bool:
    """Whether the lines of a stream that starts like this are not its own bytes."""
    return is_utf16(head) or changes_framing(head.removeprefix(BOM_UTF8))

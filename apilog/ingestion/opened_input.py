"""An input opened where reading it stopped, if it is known.

Lines that pass through as they are go on at a byte. Lines that are framed anew, such as those of
indented JSON, are read from the beginning again, and the events that were taken are skipped.
"""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum
from io import BytesIO

from apilog.formats.contract import PAIR_BYTES
from apilog.ingestion.fingerprint import (
    HEAD_BYTES,
    TAIL_BYTES,
    Fingerprint,
    FingerprintIndex,
    KnownEntry,
    match_candidates,
)
from apilog.ingestion.line_aligned import (
    CommitBudget,
    LineAlignedStream,
    RawStream,
    skip_lines,
    without_open_line,
)
from apilog.ingestion.rereadable import (
    RereadableStream,
    is_beginning_of,
    open_stream,
    read_before,
    read_exactly,
    tail_before,
)
from apilog.sources import LineChunk, LogSource
from apilog.sources.byte_streams import ByteStream, StreamDamage, as_utf8, is_utf16
from apilog.sources.find import may_be_copies_of
from apilog.sources.line_chunks import cut_into_chunks, raise_damage_at_end, renumber_chunks
from apilog.sources.source import display_path
from apilog.transport.framing import changes_framing, frame_stream
from apilog.transport.opening import HEAD_BYTES as FORMAT_HEAD_BYTES
from apilog.transport.opening import MAX_LINE_BYTES
from apilog.transport.parquet_rows import PARQUET_MAGIC
from apilog.transport.split_events import whole_events_size

_BEGINNING_BYTES = 4 << 10
"""The first bytes differ from this length on if a file holds another log than before."""
_END_BYTES = 2 * MAX_LINE_BYTES
"""Where the last line of a file is looked for that has ended."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An input compared with everything that is known."""

    base: KnownEntry | None = None
    """The known input that it goes on from, or is."""
    copy_of: str | None = None
    """A file that holds all that this one does; it may be a copy that is still being made."""
    has_more: bool = False
    """Whether there is anything to read behind the base."""
    head: bytes = b""
    is_framed: bool = False
    """Whether its lines are not its own bytes."""
    ends_in_damage: bool = False
    """Whether damage behind the base hides what is there."""


def compare_content(
    content: RereadableStream,
    index: FingerprintIndex,
    originals: Iterable[str] = (),
    *,
    final: bool = False,
) -> Comparison:
    """Find what a stream continues, and whether it goes on.

    `originals` are the files that it may be a copy of by its name, as rotation names copies.
    """
    comparison = _compare_with_known(content, index, final=final)
    if not comparison.has_more or comparison.copy_of or not originals:
        return comparison
    # A log that is being copied or compressed can't be told from a new one by its bytes: it has no
    # fingerprint yet, and reading it would take lines of the original twice. An original is gone
    # only once its copy is complete. So the originals come first, and what may have grown while
    # they were looked at is compared again.
    original = next((file for file in originals if is_beginning_of(content, file)), None)
    comparison = _compare_with_known(content, index, final=final)
    return replace(comparison, copy_of=display_path(original)) if original else comparison


def _compare_with_known(
    content: RereadableStream, index: FingerprintIndex, *, final: bool
) -> Comparison:
    content.seek(0)
    # A pipe or compressed file is read only once: what tells its format is read along.
    head = read_exactly(content, FORMAT_HEAD_BYTES if content.cannot_grow else HEAD_BYTES)
    first = head[:HEAD_BYTES]
    candidates = index.find_candidates(first)
    match = match_candidates(candidates, lambda offset: tail_before(content, offset))
    is_framed = is_utf16(first) or changes_framing(first.removeprefix(BOM_UTF8))
    has_more, ends_in_damage = True, False
    if match.continues:
        known = match.continues.checkpoint
        content.seek(known.offset)
        # An event that was held back, because it might still grow, is among the bytes consumed.
        is_held_back = is_framed and (final or content.cannot_grow) and not known.complete
        try:
            has_more = is_held_back or bool(content.read(1))
        except StreamDamage:
            has_more, ends_in_damage = False, True
    return Comparison(
        base=match.continues,
        copy_of=match.copies.checkpoint.path if has_more and match.copies else None,
        has_more=has_more,
        head=head,
        is_framed=is_framed,
        ends_in_damage=ends_in_damage,
    )


class ReadMethod(Enum):
    """How the lines that are not known yet are reached."""

    SKIPPED = "there are none"
    FROM_BYTE = "the stream goes on at the byte where reading stopped"
    BY_COUNT = "the stream is read from its beginning, and the lines that were taken are skipped"
    REFRAMED = "the same with lines that are framed anew"


class OpenedInput:
    """An input while it is read."""

    def __init__(
        self,
        source: LogSource,
        index: FingerprintIndex,
        budget: CommitBudget,
        *,
        final: bool,
        others: Collection[str] = (),
    ) -> None:
        """Open a source and find what it continues; raises SourceError if it can't be read.

        `others` are all files that the run reads.
        """
        self._path = source.path
        self._final = final
        self._content = open_stream(source)
        with ExitStack() as undo:
            undo.callback(self._content.close)
            self._compressed = self._content.compressed_fingerprint()
            if self._compressed and (entry := index.find_compressed(self._compressed)):
                # Its stored bytes are known: there is no need to decompress them.
                self._comparison = Comparison(entry)
            else:
                originals = [file for file in may_be_copies_of(source.file) if file in others]
                self._comparison = compare_content(self._content, index, originals, final=final)
            self.lines = self.base.checkpoint.lines if self.base else 0
            """All lines that were taken, in earlier runs too."""
            self._last_lines = self.lines_before = b""
            """Lines right before those that `chunks` gives, where they are at hand: requests may
            have begun in them."""
            self._method, self._stream = self._position_stream(budget)
            undo.pop_all()

    def _position_stream(self, budget: CommitBudget) -> tuple[ReadMethod, RawStream]:
        """Put the content where reading goes on."""
        content, comparison = self._content, self._comparison
        if not comparison.has_more or comparison.copy_of:
            return ReadMethod.SKIPPED, RawStream(content, budget)
        if not content.cannot_grow:
            content.seek(0)
            head = read_exactly(content, FORMAT_HEAD_BYTES)
            self._comparison = replace(comparison, head=head)
        offset, tail = 0, b""
        if comparison.base and not comparison.is_framed:
            offset = comparison.base.checkpoint.offset
            last = read_before(content, offset, PAIR_BYTES) or b""
            tail = last[-TAIL_BYTES:]
            self._last_lines = last[last.find(b"\n") + 1 :] if len(last) < offset else last
        # A last line may have been taken before it ended, by `final` or of a compressed file that
        # has grown. Its rest belongs to that line, so only counting tells where the next begins.
        # This can't pause: the next stretch would count from the beginning again.
        is_within_line = bool(tail) and not tail.endswith(b"\n")
        if is_within_line:
            offset, tail, budget = 0, b"", CommitBudget(sys.maxsize)
            self._last_lines = b""
        content.seek(offset)
        # It was compared a moment ago, and a stretch may take minutes. If the log is truncated
        # meanwhile, its bytes belong to another log, which is left to the next run.
        content.release_earlier(self.beginning)
        if comparison.is_framed:
            return ReadMethod.REFRAMED, RawStream(content, budget)
        method = ReadMethod.BY_COUNT if is_within_line else ReadMethod.FROM_BYTE
        return method, LineAlignedStream(content, budget, offset, tail, final=self._final)

    @property
    def base(self) -> KnownEntry | None:
        """The known input that it goes on from, or is."""
        return self._comparison.base

    @property
    def copy_of(self) -> str | None:
        """A file that holds all that this one does."""
        return self._comparison.copy_of

    @property
    def is_paused(self) -> bool:
        """Whether there is more to be read with the next budget."""
        return self._method is not ReadMethod.SKIPPED and self._stream.is_paused

    @property
    def is_complete(self) -> bool:
        """Whether nothing at its end waits for what may still be written."""
        return (self._final or self._content.cannot_grow) and not self._stream.is_damaged

    @property
    def compressed_fingerprints(self) -> tuple[str, ...]:
        """The fingerprint of its stored bytes, if they hold just what is known now."""
        is_doubtful = self.is_paused or self._comparison.ends_in_damage or not self.is_complete
        return (self._compressed,) if self._compressed and not is_doubtful else ()

    def fingerprint(self) -> Fingerprint | None:
        """Return the fingerprint of what was read; None while nothing new was."""
        known = self.base.checkpoint if self.base else None
        offset = self._stream.offset
        if self._method is ReadMethod.SKIPPED or not offset:
            return None
        # A line that was taken before it ended may have grown and still not have ended.
        if known and offset <= known.offset and self.lines == known.lines:
            return None
        head = self._comparison.head[:HEAD_BYTES]
        return Fingerprint.from_content(head, offset, self._stream.tail)

    @property
    def starts_at(self) -> int | None:
        """The byte from which on each line can be read by itself; None if that can't be done."""
        is_plain = self._method is ReadMethod.FROM_BYTE and not self._content.cannot_grow
        return self._stream.offset if is_plain else None

    def find_end(self, size: int, start: int) -> Fingerprint | None:
        """Return the fingerprint of what its first `size` bytes hold of whole lines.

        None if that is nothing behind `start`, or if the last line is too long to tell. Nothing
        can be read on afterwards.
        """
        content = self._content
        held = b""
        if not self._final:
            last = read_before(content, size, min(size - start, _END_BYTES)) or b""
            held = last[whole_events_size(last) :]
        offset = size - len(held)
        tail = tail_before(content, offset)
        if tail is None or len(held) > MAX_LINE_BYTES or offset <= start:
            return None
        return Fingerprint.from_content(self._comparison.head[:HEAD_BYTES], offset, tail)

    @property
    def beginning(self) -> bytes:
        """Its first bytes, which are others once it holds another log."""
        return self._comparison.head[:_BEGINNING_BYTES]

    def first_lines(self) -> bytes:
        """Return its first lines, by which its format is found."""
        if self._comparison.head.startswith(PARQUET_MAGIC):
            return self._first_rows()
        reader = frame_stream(as_utf8(BytesIO(self._comparison.head)), MAX_LINE_BYTES)
        chunks = _cut(reader, int, FORMAT_HEAD_BYTES)
        return b"".join(without_open_line(chunk).data for chunk in chunks)

    def _first_rows(self) -> bytes:
        """Return the first rows of a Parquet file, which only the whole of it tells."""
        position = self._content.position
        self._content.seek(0)
        try:
            chunks = _cut(frame_stream(self._content, MAX_LINE_BYTES), int, FORMAT_HEAD_BYTES)
            return next((chunk.data for chunk in chunks if chunk.data), b"")
        except StreamDamage:
            return b""
        finally:
            self._content.seek(position)

    def chunks(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """Read the lines that were not taken, as far as the budget goes.

        Raises DamagedSource after them, if it ended badly.
        """
        stream, content = self._stream, self._content
        start = content.position
        self.lines_before = self._last_lines

        def cut(reader: ByteStream) -> Iterator[LineChunk]:
            return _cut(reader, lambda: content.position, chunk_bytes)

        unread: Iterable[LineChunk]
        match self._method:
            case ReadMethod.SKIPPED:
                unread = ()
            case ReadMethod.FROM_BYTE:
                # Only the beginning can have a byte order mark.
                chunks = cut(stream if stream.offset else as_utf8(stream))
                unread = renumber_chunks(chunks, self.lines)
            case ReadMethod.BY_COUNT:
                unread = skip_lines(cut(as_utf8(stream)), self.lines)
            case ReadMethod.REFRAMED:
                # A generator, so that each chunk asks anew: damage is known only once it was met.
                ended = (
                    chunk if self._final or self.is_complete else without_open_line(chunk)
                    for chunk in cut(frame_stream(as_utf8(stream), MAX_LINE_BYTES))
                )
                unread = skip_lines(ended, self.lines)
        for chunk in raise_damage_at_end(unread, self._path):
            last = chunk.first_line + chunk.lines - 1
            self.lines = max(self.lines, last, *(line.line_number for line in chunk.oversize))
            self._last_lines = (self._last_lines + chunk.data)[-PAIR_BYTES:]
            yield replace(chunk, position=chunk.position - start)

    def close(self) -> None:
        self._content.close()
        self._comparison = replace(self._comparison, head=b"")


def _cut(reader: ByteStream, position: Callable[[], int], chunk_bytes: int) -> Iterator[LineChunk]:
    return cut_into_chunks(reader, position, chunk_bytes=chunk_bytes, max_line_bytes=MAX_LINE_BYTES)

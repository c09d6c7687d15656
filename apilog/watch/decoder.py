"""Decoding followed lines into records, with an account of every line.

Formats and envelopes are detected in the first lines of a file, as in a report, and an event that
is split over several lines waits for its last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.engine.parse_chunks import FileAccount, FileChunk, ReadSpec, parse_chunks
from apilog.formats.detect import detect_plan
from apilog.formats.file_plan import FormatChoice, UnrecognisedFormat, plan_file
from apilog.formats.parse_plan import ParsePlan
from apilog.sources import LineChunk
from apilog.transport.split_events import join_chunks, split_unfinished
from apilog.watch.follow import Arrival
from apilog.watch.tail import FileTail, PipeTail

_LONGEST_EVENT_BYTES = 1 << 20
"""Longer events are read as they are."""
_NO_PLAN = ParsePlan(())
_KEPT = 1_000
"""Files whose format is remembered for whoever takes their names."""

GrowingStream = FileTail | PipeTail
NoteSink = Callable[[str], None]


@dataclass(slots=True)
class DecodedCounts:
    """What became of the lines: each a record, a reject or skipped."""

    records: int = 0
    rejects: int = 0
    skipped: int = 0

    @property
    def lines(self) -> int:
        """All of them."""
        return self.records + self.rejects + self.skipped


@dataclass(frozen=True, slots=True)
class _PlannedPiece:
    piece: FileChunk
    plan: ParsePlan


class Decoder:
    """Reads what a follower gives."""

    def __init__(self, wanted: ReadSpec, choice: FormatChoice | None, tell: NoteSink) -> None:
        self._wanted = wanted
        self._choice = choice
        self._detector = None if choice else detect_plan
        self._tell = tell
        self._readings: dict[GrowingStream, ParsePlan] = {}
        self._by_path: dict[str, ParsePlan] = {}
        self._told: set[str] = set()
        self._waiting: dict[GrowingStream, LineChunk] = {}
        self.counts = DecodedCounts()

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats found, each once."""
        return tuple(dict.fromkeys(n for r in self._by_path.values() if (n := r.name)))

    def decode(self, arrivals: Sequence[Arrival]) -> Iterator[pl.DataFrame]:
        """The records of these lines; those of one file in order."""
        parts = [part for arrival in arrivals for part in self._plan_chunks(arrival)]
        for reading, pieces in _group_by_plan(parts):
            for read in parse_chunks(pieces, reading, self._wanted, self._detector):
                for account in read.accounts:
                    self.counts.records += account.records
                    self.counts.rejects += account.rejects
                    self.counts.skipped += account.skipped
                yield read.value

    def _plan_chunks(self, arrival: Arrival) -> Iterator[_PlannedPiece]:
        stream = arrival.stream
        for chunk in self._whole_events(arrival):
            reading = self._readings.get(stream) or self._find_plan(stream, chunk)
            yield _PlannedPiece(FileChunk(FileAccount(stream.path), chunk), reading)
        if arrival.is_last:
            self._readings.pop(stream, None)

    def _whole_events(self, arrival: Arrival) -> Iterator[LineChunk]:
        """The chunks of a stream with whole events; the one that isn't over waits."""
        for chunk in arrival.chunks:
            waiting = self._waiting.pop(arrival.stream, None)
            if waiting and not chunk.oversize:
                chunk = join_chunks(waiting, chunk)
            elif waiting:
                yield waiting
            whole, rest = split_unfinished(chunk)
            if whole.lines or whole.oversize:
                yield whole
            if rest and len(rest.data) > _LONGEST_EVENT_BYTES:
                yield rest
            elif rest:
                self._waiting[arrival.stream] = rest
        if arrival.is_last and (waiting := self._waiting.pop(arrival.stream, None)):
            yield waiting

    def _find_plan(self, stream: GrowingStream, chunk: LineChunk) -> ParsePlan:
        """How a stream is read; what is not known is looked for in its next lines again."""
        try:
            reading = plan_file(stream.path, stream.first_lines() + chunk.data, self._choice)
        except UnrecognisedFormat as error:
            if stream.path in self._by_path:
                return self._by_path[stream.path]
            if stream.path not in self._told:
                self._told.add(stream.path)
                self._tell(f"{error}; {error.hint}" if error.hint else str(error))
            return _NO_PLAN
        if reading.name:
            self._readings[stream] = self._by_path[stream.path] = reading
            if len(self._by_path) > _KEPT:
                del self._by_path[next(iter(self._by_path))]
        return reading


def _group_by_plan(parts: Sequence[_PlannedPiece]) -> Iterator[tuple[ParsePlan, list[FileChunk]]]:
    """The pieces that are read in the same way, together."""
    groups: list[tuple[ParsePlan, list[FileChunk]]] = []
    for part in parts:
        known = next((pieces for reading, pieces in groups if reading == part.plan), None)
        if known is None:
            groups.append((part.plan, [part.piece]))
        else:
            known.append(part.piece)
    yield from groups


def record_times(path: str, head: bytes, lines: bytes, choice: FormatChoice | None) -> pl.Series:
    """The times of the records in whole lines of a file that begins with `head`."""
    try:
        reading = plan_file(path, head + lines, choice)
    except UnrecognisedFormat:
        return pl.Series(dtype=pl.Datetime("us", "UTC"))
    chunk = LineChunk(data=lines, first_line=1, lines=lines.count(b"\n"), position=0)
    read = parse_chunks(
        [FileChunk(FileAccount(path), chunk)], reading, ReadSpec(columns=frozenset()), None
    )
    return pl.concat([one.value["timestamp"] for one in read]).drop_nulls()

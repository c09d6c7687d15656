"""From the lines that came to records, with the account of all lines.

The same reading as in a report: formats and envelopes are found in the first lines of a file,
and what is cut into pieces waits for its last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.engines.chunk import Piece, Wanted, read_pieces
from apilog.engines.edges import as_one, split_unfinished
from apilog.engines.reading import Unrecognised, reading_of
from apilog.formats.choice import Choice
from apilog.formats.detect import detect
from apilog.formats.reading import Reading
from apilog.sources import Chunk
from apilog.watch.follow import Arrival
from apilog.watch.pipe import Pipe
from apilog.watch.tail import Tail

_WAITING_BYTES = 1 << 20
"""Longer events are read as they are."""
_UNKNOWN = Reading(())
_KEPT = 1_000
"""Files whose format is remembered for whoever takes their names."""

Stream = Tail | Pipe
Tell = Callable[[str], None]


@dataclass(slots=True)
class Counts:
    """What became of the lines: each a record, a reject or skipped."""

    records: int = 0
    rejects: int = 0
    skipped: int = 0

    @property
    def lines(self) -> int:
        """All of them."""
        return self.records + self.rejects + self.skipped


@dataclass(frozen=True, slots=True)
class _Part:
    piece: Piece
    reading: Reading


class Intake:
    """Reads what a follower gives."""

    def __init__(self, wanted: Wanted, choice: Choice | None, tell: Tell) -> None:
        self._wanted = wanted
        self._choice = choice
        self._detector = None if choice else detect
        self._tell = tell
        self._readings: dict[Stream, Reading] = {}
        self._by_path: dict[str, Reading] = {}
        self._told: set[str] = set()
        self._waiting: dict[Stream, Chunk] = {}
        self.counts = Counts()

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats found, each once."""
        return tuple(dict.fromkeys(n for r in self._by_path.values() if (n := r.name)))

    def take(self, arrivals: Sequence[Arrival]) -> Iterator[pl.DataFrame]:
        """The records of these lines; those of one file in order."""
        parts = [part for arrival in arrivals for part in self._parts(arrival)]
        for reading, pieces in _alike(parts):
            for read in read_pieces(pieces, reading, self._wanted, self._detector):
                for account in read.accounts:
                    self.counts.records += account.records
                    self.counts.rejects += account.rejects
                    self.counts.skipped += account.skipped
                yield read.records

    def _parts(self, arrival: Arrival) -> Iterator[_Part]:
        stream = arrival.stream
        for chunk in self._whole(arrival):
            reading = self._readings.get(stream) or self._found(stream, chunk)
            yield _Part(Piece(stream.path, chunk), reading)
        if arrival.is_last:
            self._readings.pop(stream, None)

    def _whole(self, arrival: Arrival) -> Iterator[Chunk]:
        """The chunks of a stream with whole events; the one that isn't over waits."""
        for chunk in arrival.chunks:
            waiting = self._waiting.pop(arrival.stream, None)
            if waiting and not chunk.oversize:
                chunk = as_one(waiting, chunk)
            elif waiting:
                yield waiting
            whole, rest = split_unfinished(chunk)
            if whole.lines or whole.oversize:
                yield whole
            if rest and len(rest.data) > _WAITING_BYTES:
                yield rest
            elif rest:
                self._waiting[arrival.stream] = rest
        if arrival.is_last and (waiting := self._waiting.pop(arrival.stream, None)):
            yield waiting

    def _found(self, stream: Stream, chunk: Chunk) -> Reading:
        """How a stream is read; what is not known is looked for in its next lines again."""
        try:
            reading = reading_of(stream.path, stream.first_lines() + chunk.data, self._choice)
        except Unrecognised as error:
            if stream.path in self._by_path:
                return self._by_path[stream.path]
            if stream.path not in self._told:
                self._told.add(stream.path)
                self._tell(f"{error}; {error.hint}" if error.hint else str(error))
            return _UNKNOWN
        if reading.name:
            self._readings[stream] = self._by_path[stream.path] = reading
            if len(self._by_path) > _KEPT:
                del self._by_path[next(iter(self._by_path))]
        return reading


def _alike(parts: Sequence[_Part]) -> Iterator[tuple[Reading, list[Piece]]]:
    """The pieces that are read in the same way, together."""
    groups: list[tuple[Reading, list[Piece]]] = []
    for part in parts:
        known = next((pieces for reading, pieces in groups if reading == part.reading), None)
        if known is None:
            groups.append((part.reading, [part.piece]))
        else:
            known.append(part.piece)
    yield from groups


def times_in(path: str, head: bytes, lines: bytes, choice: Choice | None) -> pl.Series:
    """The times of the records in whole lines of a file that begins with `head`."""
    try:
        reading = reading_of(path, head + lines, choice)
    except Unrecognised:
        return pl.Series(dtype=pl.Datetime("us", "UTC"))
    chunk = Chunk(data=lines, first_line=1, lines=lines.count(b"\n"), position=0)
    read = read_pieces([Piece(path, chunk)], reading, Wanted(columns=frozenset()), None)
    return pl.concat([one.records["timestamp"] for one in read]).drop_nulls()

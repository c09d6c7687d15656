"""Chunks of files from bytes to records: read, routed, selected.

Runs on any thread or worker; it touches nothing but its arguments. Every line of every
chunk is a record, a reject, skipped, or a further piece of an event that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import polars as pl

from apilog.engines.select import Where
from apilog.formats.base import Lines
from apilog.formats.reading import Detector, Outcome, Reading, read
from apilog.privacy import AS_LOGGED, Privacy
from apilog.routes import Rule, add_route
from apilog.sources import Chunk

REJECTS = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
}
"""Columns of rejects, as `--rejects` writes them."""

_POSITION = {"line_number", "source"}
TOO_LONG = "longer than 1 MiB"
"""The reason of a reject of which only the beginning is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be made of every chunk."""

    columns: frozenset[str]
    """Columns of the schema."""
    rules: tuple[Rule, ...] = ()
    """The user's routes."""
    where: Where | None = None
    keep_query: bool = False
    """Whether `path` keeps its query string, the values of secrets masked."""
    privacy: Privacy = AS_LOGGED
    """What is done to the records that `where`, which sees them as logged, has selected."""

    @property
    def made(self) -> frozenset[str]:
        """The columns that are needed on the way."""
        return self.columns | {"timestamp"} | (self.where.columns if self.where else frozenset())

    def of_formats(self) -> frozenset[str]:
        """The columns that formats have to give for it."""
        needed = self.made
        if "route" in needed:
            needed |= {"path"}
        if "path" in needed and self.keep_query:
            needed |= {"query"}
        if needed & _POSITION:
            needed = (needed - _POSITION) | {"row"}
        return needed

    def selected(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records for which `where` holds, with the columns wanted and `timestamp`."""
        if self.where:
            records = self.where.filter(records)
        columns = self.columns | {"timestamp"}
        wanted = records.select_seq(c for c in records.columns if c in columns)
        return self.privacy.applied(wanted) if self.privacy else wanted


@dataclass(slots=True)
class Piece:
    """A chunk of a file."""

    path: str
    """The file as users see it."""
    chunk: Chunk

    def release(self) -> None:
        """Let go of the lines themselves, which are most of the memory."""
        self.chunk = replace(self.chunk, data=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceAccount:
    """What became of the events of one piece; a line is one, unless an envelope has cut it."""

    records: int
    """Those that `where` leaves out included."""
    rejects: int
    skipped: int
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecesRead:
    """What pieces that were read together gave."""

    records: pl.DataFrame
    """The columns wanted and `timestamp`; text may be Categorical."""
    rejects: pl.DataFrame
    """Columns of `REJECTS`, in the order of the lines."""
    accounts: tuple[PieceAccount, ...]
    """One a piece."""


def read_pieces(
    pieces: Sequence[Piece], reading: Reading, wanted: Wanted, detector: Detector | None
) -> Iterator[PiecesRead]:
    """The records of pieces that are read in the same way, and the account of their lines.

    All in one go, which for many small files is far cheaper; piece by piece if events may go
    over several lines, or if a line needed a format that `detector` had to find.
    """
    if len(pieces) > 1 and reading.joins_lines:
        yield from _one_by_one(pieces, reading, wanted, detector)
        return
    numbering = _Numbering(pieces)
    lines = Lines(b"".join(piece.chunk.data for piece in pieces), numbering.count)
    columns = wanted.of_formats() | ({"row"} if len(pieces) > 1 else set())
    outcome = read(lines, reading, sorted(columns), detector)
    if outcome.found and len(pieces) > 1:
        yield from _one_by_one(pieces, reading, wanted, detector)
        return
    del lines
    for piece in pieces:
        piece.release()
    yield PiecesRead(
        records=_finished(outcome.records, numbering, wanted),
        rejects=_rejects(outcome.rejects, numbering, pieces),
        accounts=tuple(_accounts(outcome, numbering, pieces, reading)),
    )


def _one_by_one(
    pieces: Sequence[Piece], reading: Reading, wanted: Wanted, detector: Detector | None
) -> Iterator[PiecesRead]:
    for piece in pieces:
        yield from read_pieces([piece], reading, wanted, detector)


class _Numbering:
    """Which line of which piece a row of all their lines is."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        edges = [0, *accumulate(piece.chunk.lines for piece in pieces)]
        self.count = edges[-1]
        self._edges = pl.Series(edges, dtype=pl.UInt32)
        self._paths = pl.Series([piece.path for piece in pieces], dtype=pl.String)
        firsts = (p.chunk.first_line - start for p, start in zip(pieces, edges, strict=False))
        self._offsets = pl.Series(list(firsts), dtype=pl.Int64)

    def piece(self, rows: pl.Series) -> pl.Series:
        """The positions of the rows' pieces."""
        return (self._edges.search_sorted(rows, side="right") - 1).alias("piece")

    def source(self, rows: pl.Series) -> pl.Series:
        """The paths of the rows' files."""
        return self._paths.gather(self.piece(rows)).alias("source")

    def line_number(self, rows: pl.Series) -> pl.Series:
        """The numbers of the rows in their files."""
        offsets = self._offsets.gather(self.piece(rows))
        return (rows.cast(pl.Int64) + offsets).alias("line_number")

    def counts(self, frame: pl.DataFrame) -> list[int]:
        """How many of the frame's rows each piece has; they ascend."""
        if len(self._paths) == 1:
            return [frame.height]
        return frame["row"].search_sorted(self._edges).cast(pl.Int64).diff()[1:].to_list()


def _accounts(
    outcome: Outcome, numbering: _Numbering, pieces: Sequence[Piece], reading: Reading
) -> Iterator[PieceAccount]:
    formats = tuple(n for r in (reading, outcome.found) if r and (n := r.name))
    records, rejects = numbering.counts(outcome.records), numbering.counts(outcome.rejects)
    for piece, read_, rejected in zip(pieces, records, rejects, strict=True):
        # One piece may have more lines than events, several have as many.
        alone = len(pieces) == 1
        yield PieceAccount(
            records=read_,
            rejects=rejected + len(piece.chunk.oversize),
            skipped=outcome.skipped if alone else piece.chunk.lines - read_ - rejected,
            formats=formats,
        )


def _finished(records: pl.DataFrame, numbering: _Numbering, wanted: Wanted) -> pl.DataFrame:
    """Records with route, position and query, those that `where` selects."""
    if "route" in wanted.made:
        records = add_route(records, wanted.rules)
    if "query" in records.columns:
        records = _with_query(records)
    if "line_number" in wanted.made:
        records = records.with_columns(numbering.line_number(records["row"]))
    if "source" in wanted.made:
        records = records.with_columns(numbering.source(records["row"]))
    return wanted.selected(records)


def _with_query(records: pl.DataFrame) -> pl.DataFrame:
    query = pl.col("query").cast(pl.String)
    path = pl.col("path").cast(pl.String)
    return records.with_columns(
        path=pl.when(query.is_not_null()).then(path + "?" + query).otherwise(path)
    )


def _rejects(rejects: pl.DataFrame, numbering: _Numbering, pieces: Sequence[Piece]) -> pl.DataFrame:
    if not rejects.height and not any(piece.chunk.oversize for piece in pieces):
        return pl.DataFrame(schema=REJECTS)
    rows = rejects["row"]
    located = rejects.select(
        numbering.piece(rows),
        numbering.source(rows),
        numbering.line_number(rows),
        "line",
        "reason",
    )
    too_long = [
        (number, piece.path, line.line_number, line.head.decode("utf-8", "replace"), TOO_LONG)
        for number, piece in enumerate(pieces)
        for line in piece.chunk.oversize
    ]
    if too_long:
        more = pl.DataFrame(too_long, schema=located.schema, orient="row")
        located = pl.concat([located, more]).sort("piece", "line_number")
    return located.drop("piece")

"""Chunks of files from bytes to records: parsed, routed, selected; and the account of them.

Runs on any thread; it touches nothing but its arguments. Every line of every chunk is a record, a
reject, skipped, or a further piece of an event that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import polars as pl

from apilog.engine.where import RowFilter
from apilog.formats.parse_plan import ParsedLines, ParsePlan, PlanDetector, parse_lines
from apilog.privacy import AS_LOGGED, Privacy
from apilog.report_model import FileInput, InputSummary
from apilog.routes import RouteRule, add_route
from apilog.sources import DamagedSource, LineChunk, SourceError
from apilog.values.event_lines import EventLines

REJECTS_SCHEMA = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
}
"""Columns of rejects, as `--rejects` writes them."""

_POSITION_COLUMNS = {"line_number", "source"}
TOO_LONG_REASON = "longer than 1 MiB"
"""The reason of a reject of which only the beginning is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """What is to be made of every chunk."""

    columns: frozenset[str]
    """Columns of the schema."""
    rules: tuple[RouteRule, ...] = ()
    """The user's routes."""
    where: RowFilter | None = None
    keep_query: bool = False
    """Whether `path` keeps its query string, the values of secrets masked."""
    privacy: Privacy = AS_LOGGED
    """What is done to the records that `where`, which sees them as logged, has selected."""

    @property
    def needed_columns(self) -> frozenset[str]:
        """The columns that are needed on the way."""
        return self.columns | {"timestamp"} | (self.where.columns if self.where else frozenset())

    def format_columns(self) -> frozenset[str]:
        """The columns that formats have to give for it."""
        needed = self.needed_columns
        if "route" in needed:
            needed |= {"path"}
        if "path" in needed and self.keep_query:
            needed |= {"query"}
        if needed & _POSITION_COLUMNS:
            needed = (needed - _POSITION_COLUMNS) | {"row"}
        return needed

    def select(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records for which `where` holds, with the columns wanted and `timestamp`."""
        if self.where:
            records = self.where.filter(records)
        columns = self.columns | {"timestamp"}
        wanted = records.select_seq(c for c in records.columns if c in columns)
        return self.privacy.apply(wanted) if self.privacy else wanted


@dataclass(slots=True)
class FileChunk:
    """A chunk of a file."""

    path: str
    """The file as users see it."""
    chunk: LineChunk

    def release(self) -> None:
        """Let go of the lines themselves, which are most of the memory."""
        self.chunk = replace(self.chunk, data=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkAccount:
    """What became of the events of one piece; a line is one, unless an envelope has cut it."""

    records: int
    """Those that `where` leaves out included."""
    rejects: int
    skipped: int
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFileChunks:
    """What pieces that were read together gave."""

    records: pl.DataFrame
    """The columns wanted and `timestamp`; text may be Categorical."""
    rejects: pl.DataFrame
    """Columns of `REJECTS`, in the order of the lines."""
    accounts: tuple[ChunkAccount, ...]
    """One a piece."""


def parse_chunks(
    pieces: Sequence[FileChunk], reading: ParsePlan, wanted: ReadSpec, detector: PlanDetector | None
) -> Iterator[ParsedFileChunks]:
    """The records of pieces that are read in the same way, and the account of their lines.

    All in one go, which for many small files is far cheaper; piece by piece if events may go
    over several lines, or if a line needed a format that `detector` had to find.
    """
    if len(pieces) > 1 and reading.joins_lines:
        yield from _parse_singly(pieces, reading, wanted, detector)
        return
    numbering = _RowNumbering(pieces)
    lines = EventLines(b"".join(piece.chunk.data for piece in pieces), numbering.count)
    columns = wanted.format_columns() | ({"row"} if len(pieces) > 1 else set())
    outcome = parse_lines(lines, reading, sorted(columns), detector)
    if outcome.found_plan and len(pieces) > 1:
        yield from _parse_singly(pieces, reading, wanted, detector)
        return
    del lines
    for piece in pieces:
        piece.release()
    yield ParsedFileChunks(
        records=_finish_records(outcome.records, numbering, wanted),
        rejects=_locate_rejects(outcome.rejects, numbering, pieces),
        accounts=tuple(_make_accounts(outcome, numbering, pieces, reading)),
    )


def _parse_singly(
    pieces: Sequence[FileChunk], reading: ParsePlan, wanted: ReadSpec, detector: PlanDetector | None
) -> Iterator[ParsedFileChunks]:
    for piece in pieces:
        yield from parse_chunks([piece], reading, wanted, detector)


class _RowNumbering:
    """Which line of which piece a row of all their lines is."""

    def __init__(self, pieces: Sequence[FileChunk]) -> None:
        edges = [0, *accumulate(piece.chunk.lines for piece in pieces)]
        self.count = edges[-1]
        self._edges = pl.Series(edges, dtype=pl.UInt32)
        self._paths = pl.Series([piece.path for piece in pieces], dtype=pl.String)
        firsts = (p.chunk.first_line - start for p, start in zip(pieces, edges, strict=False))
        self._offsets = pl.Series(list(firsts), dtype=pl.Int64)

    def chunk_positions(self, rows: pl.Series) -> pl.Series:
        """The positions of the rows' pieces."""
        return (self._edges.search_sorted(rows, side="right") - 1).alias("piece")

    def source_paths(self, rows: pl.Series) -> pl.Series:
        """The paths of the rows' files."""
        return self._paths.gather(self.chunk_positions(rows)).alias("source")

    def line_numbers(self, rows: pl.Series) -> pl.Series:
        """The numbers of the rows in their files."""
        offsets = self._offsets.gather(self.chunk_positions(rows))
        return (rows.cast(pl.Int64) + offsets).alias("line_number")

    def count_by_chunk(self, frame: pl.DataFrame) -> list[int]:
        """How many of the frame's rows each piece has; they ascend."""
        if len(self._paths) == 1:
            return [frame.height]
        return frame["row"].search_sorted(self._edges).cast(pl.Int64).diff()[1:].to_list()


def _make_accounts(
    outcome: ParsedLines, numbering: _RowNumbering, pieces: Sequence[FileChunk], reading: ParsePlan
) -> Iterator[ChunkAccount]:
    formats = tuple(n for r in (reading, outcome.found_plan) if r and (n := r.name))
    records, rejects = (
        numbering.count_by_chunk(outcome.records),
        numbering.count_by_chunk(outcome.rejects),
    )
    for piece, read_, rejected in zip(pieces, records, rejects, strict=True):
        # One piece may have more lines than events, several have as many.
        alone = len(pieces) == 1
        yield ChunkAccount(
            records=read_,
            rejects=rejected + len(piece.chunk.oversize),
            skipped=outcome.skipped if alone else piece.chunk.lines - read_ - rejected,
            formats=formats,
        )


def _finish_records(
    records: pl.DataFrame, numbering: _RowNumbering, wanted: ReadSpec
) -> pl.DataFrame:
    """Records with route, position and query, those that `where` selects."""
    if "route" in wanted.needed_columns:
        records = add_route(records, wanted.rules)
    if "query" in records.columns:
        records = _append_query(records)
    if "line_number" in wanted.needed_columns:
        records = records.with_columns(numbering.line_numbers(records["row"]))
    if "source" in wanted.needed_columns:
        records = records.with_columns(numbering.source_paths(records["row"]))
    return wanted.select(records)


def _append_query(records: pl.DataFrame) -> pl.DataFrame:
    query = pl.col("query").cast(pl.String)
    path = pl.col("path").cast(pl.String)
    return records.with_columns(
        path=pl.when(query.is_not_null()).then(path + "?" + query).otherwise(path)
    )


def _locate_rejects(
    rejects: pl.DataFrame, numbering: _RowNumbering, pieces: Sequence[FileChunk]
) -> pl.DataFrame:
    if not rejects.height and not any(piece.chunk.oversize for piece in pieces):
        return pl.DataFrame(schema=REJECTS_SCHEMA)
    rows = rejects["row"]
    located = rejects.select(
        numbering.chunk_positions(rows),
        numbering.source_paths(rows),
        numbering.line_numbers(rows),
        "line",
        "reason",
    )
    too_long = [
        (
            number,
            piece.path,
            line.line_number,
            line.head.decode("utf-8", "replace"),
            TOO_LONG_REASON,
        )
        for number, piece in enumerate(pieces)
        for line in piece.chunk.oversize
    ]
    if too_long:
        more = pl.DataFrame(too_long, schema=located.schema, orient="row")
        located = pl.concat([located, more]).sort("piece", "line_number")
    return located.drop("piece")


@dataclass(slots=True)
class FileAccount:
    """What has been read of one input so far."""

    path: str
    records: int = 0
    rejects: int = 0
    skipped: int = 0
    formats: dict[str, None] = field(default_factory=dict)
    """Names in the order in which they were found."""
    error: SourceError | None = None

    def add(self, piece: ChunkAccount) -> None:
        """Count some of its lines."""
        self.records += piece.records
        self.rejects += piece.rejects
        self.skipped += piece.skipped
        self.formats |= dict.fromkeys(piece.formats)

    def fail(self, error: SourceError) -> None:
        """Keep the error; a file that can't be read at all is worse than a damaged end."""
        if self.error is None or isinstance(self.error, DamagedSource):
            self.error = error

    def to_file_input(self) -> FileInput:
        """The account as a report shows it."""
        return FileInput(
            path=self.path,
            format=" + ".join(self.formats) or None,
            lines=self.records + self.rejects + self.skipped,
            records=self.records,
            rejects=self.rejects,
            skipped=self.skipped,
            error=self.error.reason if self.error else None,
            hint=self.error.hint if self.error else "",
            is_damaged=isinstance(self.error, DamagedSource),
        )


def summarise_inputs(accounts: Sequence[FileAccount]) -> InputSummary:
    """All inputs together."""
    files = tuple(account.to_file_input() for account in accounts)
    return InputSummary(
        lines=sum(f.lines for f in files),
        records=sum(f.records for f in files),
        rejects=sum(f.rejects for f in files),
        skipped=sum(f.skipped for f in files),
        files=files,
    )

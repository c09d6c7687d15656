"""Chunks of files from bytes to records: parsed, routed, selected; and the account of them.

Runs on any thread; it touches nothing but its arguments. Every line of every chunk is a record, a
reject, skipped, or a further piece of an event that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Generic, TypeVar

import polars as pl

from apilog.engine.file_plans import FuturePlan
from apilog.engine.where import RowFilter
from apilog.formats.contract import ParsedRecords
from apilog.formats.file_plan import UnrecognisedFormat
from apilog.formats.parse_plan import ParsePlan, PlanDetector, parse_lines
from apilog.privacy import AS_LOGGED, Privacy
from apilog.report_model import FileInput, InputSummary
from apilog.routes import (
    NO_TEMPLATES,
    RouteRule,
    RouteTemplates,
    add_route,
    add_specified_route,
    specify_records,
)
from apilog.schema import GUESSED_ROUTE, SPECIFIED_COLUMNS
from apilog.sources import DamagedSource, LineChunk, SourceError
from apilog.specifications import OperationCatalogue
from apilog.text.counting import count_byte
from apilog.values.event_lines import EventLines

T = TypeVar("T")

REJECTS_SCHEMA = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
}
"""Columns of rejects, as `--rejects` writes them."""

_KEPT_REJECTS = 200
_POSITION_COLUMNS = {"line_number", "source"}
TOO_LONG_REASON = "longer than 1 MiB"
CUT_OFF_REASON = "cut off: the input broke off within it"
INCOMPLETE_REASONS = (TOO_LONG_REASON, CUT_OFF_REASON)
"""The reasons of rejects of which only the beginning is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """What is wanted of every chunk: columns, and which records."""

    columns: frozenset[str]
    """Columns of the schema, or of `READ_COLUMNS`."""
    rules: tuple[RouteRule, ...] = ()
    """The user's routes."""
    templates: RouteTemplates = NO_TEMPLATES
    """What is known of positions that hold values; the rules come first."""
    specifications: OperationCatalogue | None = None
    """The operations that specifications declare, and so routes."""
    where: RowFilter | None = None
    keep_query: bool = False
    """Whether `path` keeps its query string, the values of secrets masked."""
    privacy: Privacy = AS_LOGGED
    """What is done to the records that `where`, which sees them as logged, has selected."""

    @property
    def needed_columns(self) -> frozenset[str]:
        """The columns that are needed on the way, to decide on records among others."""
        return self.columns | {"timestamp"} | (self.where.columns if self.where else frozenset())

    def format_columns(self) -> frozenset[str]:
        """Return the columns that formats have to give."""
        needed = self.needed_columns - {GUESSED_ROUTE, *SPECIFIED_COLUMNS}
        if self.specifications and self.is_specified:
            needed |= self.specifications.columns
        if "route" in needed:
            needed |= {"path"}
        if "path" in needed and self.keep_query:
            needed |= {"query"}
        if needed & _POSITION_COLUMNS:
            needed = (needed - _POSITION_COLUMNS) | {"row"}
        return needed

    @property
    def is_specified(self) -> bool:
        """Whether what is wanted depends on specifications."""
        told = {"route", "operation", *SPECIFIED_COLUMNS}
        return self.specifications is not None and not told.isdisjoint(self.needed_columns)

    def add_routes(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records with `route` and what else tells operations, as far as wanted."""
        if self.specifications is not None and self.is_specified:
            return add_specified_route(records, self.specifications, self.rules, self.templates)
        if "route" in self.needed_columns:
            return add_route(records, self.rules, self.templates)
        return records

    def specify(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return records that have routes with those of the specifications."""
        if self.specifications is None or not self.is_specified:
            return records
        return specify_records(records, self.specifications, [rule.text for rule in self.rules])

    def select(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records for which `where` holds, with the columns wanted and `timestamp`."""
        if self.where:
            records = self.where.filter(records)
        columns = self.columns | {"timestamp"}
        # Nothing is computed here: select_seq spares waking the threads of Polars for it.
        selected = records.select_seq(c for c in records.columns if c in columns)
        return self.privacy.apply(selected) if self.privacy else selected


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkAccount:
    """What became of the events of one chunk; a line is one, unless an envelope has cut it."""

    records: int
    """Those that `where` leaves out included."""
    rejects: int
    skipped: int
    formats: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    """See `Format.doubts`."""
    error: SourceError | None = None
    """Why no line of its input can be a record."""


@dataclass(slots=True)
class FileAccount:
    """What has been read of one input so far: the account of its lines, and its error."""

    path: str
    records: int = 0
    rejects: int = 0
    skipped: int = 0
    formats: dict[str, None] = field(default_factory=dict)
    """Names in the order in which they were found."""
    doubts: dict[str, None] = field(default_factory=dict)
    """The doubts of these formats, each once."""
    error: SourceError | None = None
    unparsed_chunks: int = 0
    """How many chunks are on their way."""
    is_ended: bool = False
    """Whether there are no more chunks to come."""
    records_before: int = 0
    """How many records of the input were read in earlier runs."""
    is_searched: bool = False
    """See `LogSource`."""
    first_rejects: pl.Series | None = None
    """Some rejected lines of an input that has no record yet."""
    is_part: bool = False
    """Whether others read the rest of it, so that nothing is concluded from these lines."""

    @property
    def is_unreadable(self) -> bool:
        """Whether all of it was read and not one line became a record, though some should have."""
        is_done = self.is_ended and not self.unparsed_chunks and not self.is_part
        has_failed = self.error is not None and not isinstance(self.error, DamagedSource)
        none_read = not (self.records or self.records_before or has_failed)
        return is_done and none_read and self.rejects > 0

    @property
    def is_foreign(self) -> bool:
        """Whether it is of no known format and nobody named it."""
        return self.is_searched and isinstance(self.error, UnrecognisedFormat)

    def keep_first_rejects(self, rejects: pl.DataFrame) -> None:
        """Keep some of these rejects, columns of `REJECTS_SCHEMA`, that are of this input."""
        if self.first_rejects is None and not self.records and rejects.height:
            own = rejects.filter(pl.col("source") == self.path)
            self.first_rejects = own["line"].head(_KEPT_REJECTS) if own.height else None

    def add(self, chunk: ChunkAccount) -> None:
        """Count the lines of a chunk."""
        self.records += chunk.records
        self.rejects += chunk.rejects
        self.skipped += chunk.skipped
        self.formats |= dict.fromkeys(chunk.formats)
        self.doubts |= dict.fromkeys(chunk.doubts)

    def add_part(self, part: FileAccount) -> None:
        """Count what another pass has read of the same input, behind what is counted here."""
        if self.first_rejects is None and not self.records:
            self.first_rejects = part.first_rejects
        self.records += part.records
        self.rejects += part.rejects
        self.skipped += part.skipped
        self.formats |= part.formats
        self.doubts |= part.doubts
        if part.error:
            self.fail(part.error)

    def fail(self, error: SourceError) -> None:
        """Keep the error; a file that can't be read at all is worse than a damaged end."""
        if self.error is None or isinstance(self.error, DamagedSource):
            self.error = error

    def to_file_input(self) -> FileInput:
        """Return the account as a report shows it."""
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
            is_foreign=self.is_foreign,
            doubts=tuple(self.doubts),
        )


def summarise_inputs(accounts: Sequence[FileAccount]) -> InputSummary:
    """Return the account of all inputs together."""
    return InputSummary.of_files(account.to_file_input() for account in accounts)


@dataclass(slots=True)
class FileChunk:
    """A chunk of a file on its way to be parsed."""

    account: FileAccount
    chunk: LineChunk
    plan: FuturePlan | None = None
    """How its file is parsed."""
    stored_bytes: int = 0
    """How many bytes on disk it took."""
    before: bytes = b""
    """Lines before it, in which requests may have begun that end in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult(Generic[T]):
    """What chunks that were parsed together gave."""

    value: T
    """Their records, or what some work has made of these."""
    rejects: pl.DataFrame
    """Columns of `REJECTS_SCHEMA`, in the order of the lines."""
    accounts: tuple[ChunkAccount, ...]
    """One per chunk."""


def parse_chunks(
    chunks: Sequence[FileChunk], plan: ParsePlan, spec: ReadSpec, detector: PlanDetector | None
) -> Iterator[ChunkResult[pl.DataFrame]]:
    """Yield the records of chunks that are parsed in the same way, and the account of their lines.

    The records have the columns wanted and `timestamp`; text may be Categorical. Lines that the
    plan can't read are shown to `detector`, which may find a plan for them.
    """
    # Many small chunks are far cheaper in one go. That does not serve if an event may go over
    # several lines, or if lines of one chunk need a format that the detector has to find.
    if len(chunks) > 1 and (plan.joins_lines or plan.pairs_lines):
        yield from _parse_singly(chunks, plan, spec, detector)
        return
    blank = [_drop_blank_lines(chunk) for chunk in chunks]
    numbering = _RowNumbering(chunks)
    parsed = _parse_data(chunks, plan, spec, detector)
    if parsed.found_plan and len(chunks) > 1:
        yield from _parse_singly(chunks, plan, spec, detector)
        return
    for chunk in chunks:
        # Let go of the lines themselves, which are most of the memory.
        chunk.chunk = replace(chunk.chunk, data=b"")
    plans = [p for p in (plan, parsed.found_plan) if p]
    formats = tuple(name for p in plans if (name := p.name))
    doubts = tuple(doubt for p in plans for doubt in p.doubts)
    accounts = tuple(
        ChunkAccount(
            records=kept,
            rejects=rejects + len(chunk.chunk.oversize),
            # One chunk may have more lines than events, several have as many.
            skipped=skipped
            + (parsed.skipped if len(chunks) == 1 else chunk.chunk.lines - kept - rejects),
            formats=formats,
            doubts=doubts,
        )
        for chunk, skipped, kept, rejects in zip(
            chunks,
            blank,
            numbering.count_by_chunk(parsed.records),
            numbering.count_by_chunk(parsed.rejects),
            strict=True,
        )
    )
    records = parsed.records
    records = spec.add_routes(records)
    if "query" in records.columns:
        query = pl.col("query").cast(pl.String)
        path = pl.col("path").cast(pl.String)
        with_query = pl.when(query.is_not_null()).then(path + "?" + query).otherwise(path)
        records = records.with_columns(path=with_query)
    if "line_number" in spec.needed_columns:
        records = records.with_columns(numbering.line_numbers(records["row"]))
    if "source" in spec.needed_columns:
        records = records.with_columns(numbering.source_paths(records["row"]))
    records = spec.select(records)
    yield ChunkResult(
        value=records, rejects=_locate_rejects(parsed.rejects, numbering, chunks), accounts=accounts
    )


def _drop_blank_lines(chunk: FileChunk) -> int:
    """Empty a chunk of nothing but blank lines, and return how many they were."""
    # Millions of them compress to a few bytes, and each would cost as much as a short line.
    lines = chunk.chunk.lines
    if not lines or lines < len(chunk.chunk.data):
        return 0
    chunk.chunk = replace(chunk.chunk, data=b"", lines=0)
    return lines


def _parse_singly(
    chunks: Sequence[FileChunk], plan: ParsePlan, spec: ReadSpec, detector: PlanDetector | None
) -> Iterator[ChunkResult[pl.DataFrame]]:
    for chunk in chunks:
        yield from parse_chunks([chunk], plan, spec, detector)


def _parse_data(
    chunks: Sequence[FileChunk], plan: ParsePlan, spec: ReadSpec, detector: PlanDetector | None
) -> ParsedRecords:
    """Return what became of the lines of all chunks together."""
    before = chunks[0].before if plan.pairs_lines and not plan.joins_lines else b""
    seen_lines = count_byte(before, ord("\n"))
    count = sum(c.chunk.lines for c in chunks)
    parts = [data for data in (before, *(c.chunk.data for c in chunks)) if data]
    lines = EventLines(parts[0] if len(parts) == 1 else b"".join(parts), count + seen_lines)
    edges = accumulate((c.chunk.lines for c in chunks), initial=seen_lines)
    ends = zip(chunks, [*edges][1:], strict=True)
    lines.open_rows = frozenset(
        end - 1 for c, end in ends if c.chunk.last_line_open and c.chunk.lines
    )
    columns = spec.format_columns() | ({"row"} if len(chunks) > 1 or before else set())
    parsed = parse_lines(lines, plan, sorted(columns), detector)
    return _without_first_lines(parsed, seen_lines, count) if before else parsed


def _without_first_lines(parsed: ParsedRecords, count: int, left: int) -> ParsedRecords:
    """Return what became of the lines behind the first ones, which the chunk before has counted."""

    def drop(frame: pl.DataFrame) -> pl.DataFrame:
        kept = frame.filter(pl.col("row") >= count)
        return kept.with_columns((pl.col("row") - count).cast(pl.UInt32))

    records, rejects = drop(parsed.records), drop(parsed.rejects)
    skipped = left - records.height - rejects.height
    return replace(parsed, records=records, rejects=rejects, skipped=skipped)


class _RowNumbering:
    """Which line of which chunk a row of all their lines is."""

    def __init__(self, chunks: Sequence[FileChunk]) -> None:
        edges = [0, *accumulate(c.chunk.lines for c in chunks)]
        self.count = edges[-1]
        self._edges = pl.Series(edges, dtype=pl.UInt32)
        self._paths = pl.Series([c.account.path for c in chunks], dtype=pl.String)
        offsets = (c.chunk.first_line - start for c, start in zip(chunks, edges, strict=False))
        self._offsets = pl.Series(list(offsets), dtype=pl.Int64)

    def chunk_positions(self, rows: pl.Series) -> pl.Series:
        """Return the positions of the rows' chunks."""
        return (self._edges.search_sorted(rows, side="right") - 1).alias("chunk")

    def source_paths(self, rows: pl.Series) -> pl.Series:
        """Return the paths of the rows' files."""
        return self._paths.gather(self.chunk_positions(rows)).alias("source")

    def line_numbers(self, rows: pl.Series) -> pl.Series:
        """Return the numbers of the rows in their files."""
        offsets = self._offsets.gather(self.chunk_positions(rows))
        return (rows.cast(pl.Int64) + offsets).alias("line_number")

    def count_by_chunk(self, frame: pl.DataFrame) -> list[int]:
        """Return how many of the frame's rows, which ascend, each chunk has."""
        if len(self._paths) == 1:
            return [frame.height]
        return frame["row"].search_sorted(self._edges).cast(pl.Int64).diff()[1:].to_list()


def _locate_rejects(
    rejects: pl.DataFrame, numbering: _RowNumbering, chunks: Sequence[FileChunk]
) -> pl.DataFrame:
    """Return the rejects and the lines that were not read, with their files and line numbers."""
    if not rejects.height and not any(c.chunk.oversize for c in chunks):
        return pl.DataFrame(schema=REJECTS_SCHEMA)
    rows = rejects["row"]
    located = rejects.select(
        numbering.chunk_positions(rows),
        numbering.source_paths(rows),
        numbering.line_numbers(rows),
        "line",
        "reason",
    )
    unread = [
        (
            *(i, c.account.path, line.line_number, line.head.decode("utf-8", "replace")),
            CUT_OFF_REASON if line.is_cut_off else TOO_LONG_REASON,
        )
        for i, c in enumerate(chunks)
        for line in c.chunk.oversize
    ]
    if unread:
        more = pl.DataFrame(unread, schema=located.schema, orient="row")
        located = pl.concat([located, more]).sort("chunk", "line_number")
    return located.drop("chunk")

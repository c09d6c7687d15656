"""One chunk of one file, from bytes to records: read, routed, selected.

Runs on any thread or worker; it touches nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import Lock

import polars as pl

from apilog.engines.select import Where
from apilog.errors import InputError
from apilog.formats.base import Lines
from apilog.formats.choice import Choice
from apilog.formats.detect import detect, mismatch
from apilog.formats.reading import Outcome, Reading, read
from apilog.routes import Rule, add_route
from apilog.sources import Chunk, OversizeLine

REJECTS = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
}
"""Columns of rejects, as `--rejects` writes them."""


class Unrecognised(InputError):
    """A file whose head no format reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be made of every chunk."""

    columns: frozenset[str]
    """Columns of the schema."""
    rules: tuple[Rule, ...]
    """The user's routes."""
    where: Where | None = None
    keep_query: bool = False
    """Whether `path` keeps its query string, the values of secrets masked."""

    def of_formats(self) -> list[str]:
        """The columns that formats have to give for it, in a fixed order."""
        needed = {*self.columns, "timestamp"} | (self.where.columns if self.where else set())
        if "route" in needed:
            needed |= {"path", "method", "gateway"}
        if "path" in needed and self.keep_query:
            needed.add("query")
        if needed & {"line_number", "source"}:
            needed = (needed - {"line_number", "source"}) | {"row"}
        return sorted(needed)


class SourceReading:
    """How a file is read: decided once, by whichever of its chunks comes first."""

    def __init__(self, path: str, choice: Choice | None = None) -> None:
        self.path = path
        self._choice = choice
        self._reading: Reading | None = None
        self._failure: Unrecognised | None = None
        self._lock = Lock()

    @property
    def is_chosen(self) -> bool:
        """Whether the user said which format it is."""
        return self._choice is not None

    def of(self, head: Callable[[], pl.Series]) -> Reading:
        """The reading; it is found from the head on the first call.

        Raises `Unrecognised` if the head can't be read.
        """
        with self._lock:
            if self._failure:
                raise self._failure
            if self._reading is None:
                self._reading = self._detected(head())
            return self._reading

    def _detected(self, head: pl.Series) -> Reading:
        found = self._choice.reading(head) if self._choice else detect(head)
        if found is None:
            self._failure = unrecognised(self.path, head)
            raise self._failure
        return found


def unrecognised(path: str, head: pl.Series) -> Unrecognised:
    """The error for a file that no format reads."""
    what = mismatch(head)
    line = what.line if len(what.line) <= 160 else what.line[:160] + "…"
    return Unrecognised(
        f"{path}: no known format: {line!r} stops being `{what.format}` at character "
        f"{what.stop.position + 1}, where {what.stop.expected} should be",
        "give the gateway's own format with --log-format or --nginx-conf; `apilog formats` lists "
        "the known ones",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkAccount:
    """What became of the lines of a chunk."""

    records: int
    """Those that `where` leaves out included."""
    rejects: pl.DataFrame
    """Columns of `REJECTS`."""
    skipped: int
    formats: tuple[str, ...]


def read_chunk(
    chunk: Chunk, path: str, reading: SourceReading, wanted: Wanted
) -> tuple[pl.DataFrame, ChunkAccount]:
    """The records of a chunk, and the account of all its lines.

    Raises `Unrecognised` if the file's format can't be found.
    """
    how = reading.of(lambda: _head(chunk.data))
    detector = None if reading.is_chosen else detect
    outcome = read(Lines(chunk.data, chunk.lines), how, wanted.of_formats(), detector)
    rejects = pl.concat([_located(outcome, chunk, path), _oversize(chunk.oversize, path)])
    account = ChunkAccount(
        records=outcome.records.height,
        rejects=rejects.sort("line_number"),
        skipped=outcome.skipped,
        formats=tuple(n for r in (how, outcome.found) if r and (n := r.name)),
    )
    return _finished(outcome.records, chunk.first_line, path, wanted), account


_HEAD_BYTES = 256 * 1024


def _head(data: bytes) -> pl.Series:
    end = len(data) if len(data) <= _HEAD_BYTES else data.rfind(b"\n", 0, _HEAD_BYTES) + 1
    return Lines(data[: end or _HEAD_BYTES]).series


def _finished(
    records: pl.DataFrame, first_line: int, path: str, wanted: Wanted
) -> pl.DataFrame:
    """Records with route, position and query, those that `where` selects."""
    columns = wanted.columns | (wanted.where.columns if wanted.where else frozenset())
    if "route" in columns:
        records = add_route(records, wanted.rules)
    if "query" in records.columns:
        records = _with_query(records)
    if "line_number" in columns:
        records = records.with_columns(line_number=pl.col("row").cast(pl.Int64) + first_line)
    if "source" in columns:
        records = records.with_columns(source=pl.lit(path))
    if wanted.where:
        records = wanted.where.filter(records)
    return records.select(c for c in records.columns if c in wanted.columns or c == "timestamp")


def _with_query(records: pl.DataFrame) -> pl.DataFrame:
    query = pl.col("query").cast(pl.String)
    path = pl.col("path").cast(pl.String)
    return records.with_columns(
        path=pl.when(query.is_not_null()).then(path + "?" + query).otherwise(path)
    )


def _located(outcome: Outcome, chunk: Chunk, path: str) -> pl.DataFrame:
    return outcome.rejects.select(
        pl.lit(path).alias("source"),
        (pl.col("row").cast(pl.Int64) + chunk.first_line).alias("line_number"),
        "line",
        "reason",
    )


def _oversize(lines: Collection[OversizeLine], path: str) -> pl.DataFrame:
    rows = [
        (path, line.line_number, line.head.decode("utf-8", "replace"), "longer than 1 MiB")
        for line in lines
    ]
    return pl.DataFrame(rows, schema=REJECTS, orient="row")

"""Logs and stores as a LazyFrame: only the columns that a query needs are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from polars.io.plugins import register_io_source

from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.source_pass import make_read_spec, parse_choice
from apilog.engine.store_parts import separate_stores
from apilog.errors import InputError
from apilog.formats.file_plan import FormatChoice
from apilog.options import Progress, RecordOptions, Source
from apilog.schema import SCHEMA, is_within
from apilog.sources import STDIN, DamagedSource, SourceError
from apilog.store import Store
from apilog.time import ALL_TIME, TimeWindow
from apilog.transport.opening import CHUNK_BYTES

_ALL_AS_LOGGED = ReadSpec(columns=frozenset())


@dataclass(slots=True)
class ScanStats:
    """One reading of the sources, and what came of it so far."""

    run: LocalRun[_SelectedRows]
    first: datetime | None = None
    """The time of the earliest record, also of one that the query left out."""
    last: datetime | None = None

    def add(self, picked: _SelectedRows) -> None:
        """Take the times of some records."""
        self.first = min((t for t in (self.first, picked.first) if t), default=None)
        self.last = max((t for t in (self.last, picked.last) if t), default=None)


def scan_sources(
    sources: Sequence[Source],
    options: RecordOptions,
    *,
    window: TimeWindow = ALL_TIME,
    strict: bool = False,
    passes: list[ScanStats] | None = None,
) -> tuple[pl.LazyFrame, list[Store]]:
    """Return the records of the sources in the window, and the stores that Polars reads itself.

    Those come first; see `scan_logs` for the rest. Stores are left to a run, like logs, where
    their routes have to be made anew. Raises UsageError for options that can't be understood.
    """
    choice, spec = parse_choice(options), make_read_spec(options)
    stores, logs = ([], list(sources)) if spec.rules else separate_stores(sources)
    frames = [
        spec.privacy.apply_lazily(store.scan_records(window.since, window.until))
        for store in stores
    ]
    if logs or not stores:
        rest = scan_logs(
            logs,
            spec,
            window=window,
            choice=choice,
            strict=strict,
            progress=options.progress,
            passes=passes,
        )
        frames.append(rest.filter(is_within(window)) if window.is_limited else rest)
    return pl.concat(frames), stores


def scan_logs(
    sources: Sequence[Source],
    spec: ReadSpec = _ALL_AS_LOGGED,
    *,
    window: TimeWindow = ALL_TIME,
    choice: FormatChoice | None = None,
    strict: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Progress | None = None,
    passes: list[ScanStats] | None = None,
) -> pl.LazyFrame:
    """Return the records of the sources, one row per request, in the order of the lines.

    Raises `InputError` on collection if a source can't be read, before anything is read if it
    can't be found; with `strict` also if a line is rejected or an input damaged. Where `passes`
    are given, each reading is added to them instead, with the errors in its account.
    """
    once = _StdinGuard(any(os.fspath(source) == STDIN for source in sources))

    def batches(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        once.take()
        shown = list(SCHEMA) if columns is None else columns
        tested = [] if predicate is None else predicate.meta.root_names()
        run = LocalRun(
            sources,
            replace(spec, columns=frozenset([*shown, *tested])),
            _make_selection(shown, predicate),
            choice=choice,
            chunk_bytes=chunk_bytes,
            progress=None if passes else progress,
            window=window,
        )
        reading = ScanStats(run)
        if passes is not None:
            passes.append(reading)
        yield pl.DataFrame(schema={name: SCHEMA[name] for name in shown})
        checked = (
            _checked_frames(run, strict=strict) if passes is None else _frames_with_stats(reading)
        )
        with closing(checked) as frames:
            yield from frames if n_rows is None else _first_rows(frames, n_rows)

    return register_io_source(batches, schema=SCHEMA, is_pure=True)


class _StdinGuard:
    """Raises when standard input, if it is a source, is to be read again."""

    def __init__(self, has_stdin: bool) -> None:
        self._has_stdin = has_stdin
        self._taken = False

    def take(self) -> None:
        if self._taken and self._has_stdin:
            hint = "collect the frame once, or save the input to a file"
            raise InputError("standard input was read already", hint)
        self._taken = True


@dataclass(frozen=True, slots=True)
class _SelectedRows:
    frame: pl.DataFrame
    first: datetime | None
    last: datetime | None


def _make_selection(
    columns: list[str], predicate: pl.Expr | None
) -> Callable[[pl.DataFrame], _SelectedRows]:
    """Return the work on each chunk: to pick the rows and columns that the query needs."""

    def pick(records: pl.DataFrame) -> _SelectedRows:
        plain = records.select(
            pl.col(name).cast(SCHEMA[name]) for name in SCHEMA if name in records.columns
        )
        kept = plain if predicate is None else plain.filter(predicate)
        first, last = records.select(
            first=pl.col("timestamp").min(), last=pl.col("timestamp").max()
        ).row(0)
        return _SelectedRows(kept.select(columns), first, last)

    return pick


def _frames_with_stats(reading: ScanStats) -> Generator[pl.DataFrame]:
    with closing(reading.run.results()) as results:
        for result in results:
            reading.add(result.value)
            yield result.value.frame


def _checked_frames(run: LocalRun[_SelectedRows], *, strict: bool) -> Generator[pl.DataFrame]:
    """Yield the frames; raises where an input can't be read, or with `strict` not whole."""
    _raise_errors(run.errors, strict=strict)
    with closing(run.results()) as results:
        for result in results:
            _raise_errors(run.errors, strict=strict)
            if strict:
                _raise_first_reject(result.rejects)
            yield result.value.frame
    _raise_errors(run.errors, strict=strict)


def _raise_errors(errors: Sequence[SourceError], *, strict: bool) -> None:
    for error in errors:
        if strict or not isinstance(error, DamagedSource):
            raise error


def _raise_first_reject(rejects: pl.DataFrame) -> None:
    if rejects.height:
        first = rejects.row(0, named=True)
        raise InputError(
            f"{first['source']}:{first['line_number']}: {first['reason']}",
            "without `strict` such lines are left out",
        )


def _first_rows(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Yield the first rows; no further frame is asked for once there are enough."""
    while rows > 0 and (frame := next(frames, None)) is not None:
        yield frame.head(rows)
        rows -= frame.height

"""Logs and stores as a LazyFrame, with projection and predicate pushdown.

Polars says which columns and rows a query needs; only these are made. See
https://docs.pola.rs/user-guide/plugins/io_plugins/.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from apilog.engine.engines import make_run, uses_cluster
from apilog.engine.learned_routes import can_read_again, with_learned_routes
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.source_pass import make_read_spec
from apilog.engine.store_parts import rename_stored, separate_stores, stored_templates
from apilog.errors import InputError
from apilog.formats.file_plan import FormatChoice, parse_choice
from apilog.options import EngineOptions, Source
from apilog.schema import SCHEMA, is_within
from apilog.sources import DamagedSource
from apilog.store import Store
from apilog.time import ALL_TIME, TimeWindow
from apilog.transport.opening import CHUNK_BYTES

if TYPE_CHECKING:
    from apilog.engine.cluster.run import ClusterRun

_ALL_AS_LOGGED = ReadSpec(columns=frozenset())
_NO_OPTIONS = EngineOptions()


@dataclass(slots=True)
class ScanStats:
    """One pass over the sources, and what came of it so far."""

    run: LocalRun[_SelectedRows] | ClusterRun[_SelectedRows]
    first: datetime | None = None
    """The time of the earliest record, also of one that the query left out."""
    last: datetime | None = None
    has_routes_by_look: bool = False
    """Whether routes were asked for that could not be learned first."""


def scan_sources(
    sources: Sequence[Source],
    options: EngineOptions,
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
    is_left_to_run = bool(spec.rules or spec.specifications) or uses_cluster(options)
    stores, logs = ([], list(sources)) if is_left_to_run else separate_stores(sources)
    templates = spec.templates.before(stored_templates(sources))
    frames = [
        spec.privacy.apply_lazily(
            store.scan_records(window.since, window.until).with_columns(rename_stored(templates))
        )
        for store in stores
    ]
    if logs or not stores:
        rest = scan_logs(
            logs,
            spec,
            options,
            window=window,
            choice=choice,
            strict=strict,
            passes=passes,
        )
        frames.append(rest.filter(is_within(window)) if window.is_limited else rest)
    return pl.concat(frames), stores


def scan_logs(
    sources: Sequence[Source],
    spec: ReadSpec = _ALL_AS_LOGGED,
    options: EngineOptions = _NO_OPTIONS,
    *,
    window: TimeWindow = ALL_TIME,
    choice: FormatChoice | None = None,
    strict: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    passes: list[ScanStats] | None = None,
) -> pl.LazyFrame:
    """Return the records of the sources, one row per request, in the order of the lines.

    Raises `InputError` on collection if a source can't be read, before anything is read if it
    can't be found; with `strict` also if a line is rejected or an input damaged. Where `passes`
    are given, each pass is added to them instead, with the errors in its account.
    """
    has_stdin = not can_read_again(sources)
    stdin_was_read = False

    def batches(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        nonlocal stdin_was_read
        if stdin_was_read:
            hint = "collect the frame once, or save the input to a file"
            raise InputError("standard input was read already", hint)
        stdin_was_read = has_stdin
        selected = list(SCHEMA) if columns is None else columns
        tested = [] if predicate is None else predicate.meta.root_names()
        needed = replace(spec, columns=frozenset([*selected, *tested]))
        make = partial(
            make_run,
            sources,
            work=partial(_select_rows, columns=selected, predicate=predicate),
            options=replace(options, progress=None) if passes else options,
            choice=choice,
            chunk_bytes=chunk_bytes,
            window=window,
        )
        run = make(spec=needed)
        # What can't be found is said before anything is read.
        if "route" in needed.columns and (passes is not None or not run.errors):
            run = make(
                spec=with_learned_routes(sources, needed, options, choice=choice, window=window)
            )
        stats = ScanStats(run, has_routes_by_look="route" in needed.columns and has_stdin)
        if passes is not None:
            passes.append(stats)
        # A first frame without rows tells Polars the schema even if no record follows.
        yield pl.DataFrame(schema={name: SCHEMA[name] for name in selected})
        with closing(_read_frames(stats, strict=None if passes is not None else strict)) as frames:
            yield from _first_rows(frames, n_rows)

    return register_io_source(batches, schema=SCHEMA, is_pure=True)


def _first_rows(frames: Iterator[pl.DataFrame], n_rows: int | None) -> Iterator[pl.DataFrame]:
    """Yield so many rows, or all; no further frame is asked for once there are enough."""
    rows_left = n_rows
    while rows_left is None or rows_left > 0:
        if (frame := next(frames, None)) is None:
            break
        yield frame.head(rows_left) if rows_left is not None else frame
        rows_left = None if rows_left is None else rows_left - frame.height


@dataclass(frozen=True, slots=True)
class _SelectedRows:
    """The rows of a chunk that a query selects, and the times of all its records."""

    frame: pl.DataFrame
    first: datetime | None
    last: datetime | None


def _select_rows(
    records: pl.DataFrame, columns: list[str], predicate: pl.Expr | None
) -> _SelectedRows:
    """Return the rows and columns of a chunk that the query needs."""
    in_schema = records.select(
        pl.col(name).cast(SCHEMA[name]) for name in SCHEMA if name in records.columns
    )
    kept = in_schema if predicate is None else in_schema.filter(predicate)
    first, last = records.select(
        first=pl.col("timestamp").min(), last=pl.col("timestamp").max()
    ).row(0)
    return _SelectedRows(kept.select(columns), first, last)


def _read_frames(stats: ScanStats, *, strict: bool | None) -> Generator[pl.DataFrame]:
    """Yield the frames of a pass; raises where an input can't be read, or with `strict` not whole.

    With None for `strict` nothing is raised: the errors are left to the account of the run.
    """
    run = stats.run

    def raise_errors() -> None:
        for error in run.errors if strict is not None else ():
            if strict or not isinstance(error, DamagedSource):
                raise error

    raise_errors()
    with closing(run.results()) as results:
        for result in results:
            raise_errors()
            if strict and result.rejects.height:
                first = result.rejects.row(0, named=True)
                raise InputError(
                    f"{first['source']}:{first['line_number']}: {first['reason']}",
                    "without `strict` such lines are left out",
                )
            rows = result.value
            stats.first = min((t for t in (stats.first, rows.first) if t), default=None)
            stats.last = max((t for t in (stats.last, rows.last) if t), default=None)
            yield rows.frame
    raise_errors()

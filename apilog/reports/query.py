"""`query`: one SELECT over the records of any sources, as a report of one table.

The sources and nothing else are read, and of them only the columns that the SELECT needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from apilog.engine.local import Progress
from apilog.engine.parse_chunks import summarise_inputs
from apilog.engine.scan import ScanStats, scan_sources
from apilog.engine.store_parts import STORE_FORMAT, count_records
from apilog.errors import UsageError
from apilog.formats.file_plan import FormatChoice, choose_format
from apilog.privacy import AS_LOGGED, Privacy
from apilog.report_model import FileInput, InputSummary, Report
from apilog.reports.sql import TABLE, check_statement, translate_polars_errors
from apilog.routes import RouteRule, parse_rules
from apilog.store import Store
from apilog.time import TimeLimit, TimeWindow, parse_window, parse_zone
from apilog.version import __version__


class RequestFrame:
    """The records of the sources within the limits, and the account of reading them."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        window: TimeWindow,
        *,
        choice: FormatChoice | None,
        rules: tuple[RouteRule, ...],
        keep_query: bool,
        privacy: Privacy,
        progress: Progress | None,
    ) -> None:
        self._window = window
        self._passes: list[ScanStats] = []
        frame, self._stores = scan_sources(
            sources,
            window=window,
            choice=choice,
            rules=rules,
            keep_query=keep_query,
            privacy=privacy,
            progress=progress,
            passes=self._passes,
        )
        self.frame: pl.LazyFrame = frame.with_columns(pl.col("gateway").cast(pl.String))
        """Text is String, as SQL compares it."""

    def summarize_input(self) -> InputSummary:
        """The stores with all of their records, and the logs as far as they were read."""
        # Joins read the logs more than once: the pass that read most tells.
        read = [summarise_inputs(reading.run.accounts) for reading in self._passes]
        logs = max(read, key=lambda one: one.lines, default=summarise_inputs(()))
        stores = tuple(_store_input(store) for store in self._stores)
        records = sum(store.records for store in stores)
        return InputSummary(
            lines=records + logs.lines,
            records=records + logs.records,
            rejects=logs.rejects,
            skipped=logs.skipped,
            files=stores + logs.files,
        )

    def time_range(self) -> TimeWindow:
        """The limits, else the times of the first and last record between them."""
        times = sorted(self._record_times())
        if not times or not self._window.overlaps(times[0], times[-1]):
            return self._window
        return self._window.with_defaults(times[0], times[-1])

    def _record_times(self) -> Iterator[datetime]:
        for reading in self._passes:
            yield from (time for time in (reading.first, reading.last) if time)
        for store in self._stores:
            for file in store.record_files(self._window.since, self._window.until):
                yield from (time for time in (file.first, file.last) if time)


def _store_input(store: Store) -> FileInput:
    records = count_records(store.record_files())
    return FileInput(
        path=str(store.folder),
        format=STORE_FORMAT,
        lines=records,
        records=records,
        rejects=0,
        skipped=0,
    )


RESULT = "result"
"""The table of a query's report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """How the sources are read; the defaults are the command's."""

    log_format: str | None = None
    nginx_conf: str | os.PathLike[str] | None = None
    since: TimeLimit = None
    """Inclusive."""
    until: TimeLimit = None
    """Exclusive."""
    tz: str = "UTC"
    routes: Sequence[str] = ()
    keep_query: bool = False
    privacy: Privacy = AS_LOGGED
    """What is done to the records before the SELECT sees them."""


def run_query(
    sql: str,
    sources: Sequence[str | os.PathLike[str]],
    options: QueryOptions,
    *,
    progress: Progress | None = None,
) -> Report:
    """The rows that a SELECT over the table `requests` gives, as the table `result`.

    An input that can't be read has its `error` in `input.files`; the query is about the others.
    What a LIMIT spared from being read is not counted in `input`. Raises `UsageError` for SQL
    that is no single SELECT or can't be understood, before reading, and for what fails on a
    value.
    """
    check_statement(sql)
    requests = RequestFrame(
        sources,
        parse_window(options.since, options.until, options.tz),
        choice=choose_format(options.log_format, options.nginx_conf),
        rules=parse_rules(options.routes),
        keep_query=options.keep_query,
        privacy=options.privacy,
        progress=progress,
    )
    result = _collect_sql(sql, requests.frame)
    read = requests.summarize_input()
    window = requests.time_range()
    return Report(
        version=__version__,
        command="query",
        since=window.since,
        until=window.until,
        input=read,
        tables={RESULT: result},
        timezone=parse_zone(options.tz).key,
        notes=_reject_notes(read),
    )


def _collect_sql(sql: str, requests: pl.LazyFrame) -> pl.DataFrame:
    with translate_polars_errors():
        frame = pl.SQLContext({TABLE: requests}).execute(sql)
        has_columns = bool(frame.collect_schema())
    if not has_columns:
        raise UsageError("the query selects no column", "SELECT * takes all of them")
    with translate_polars_errors(on_values=True):
        return frame.collect(engine="streaming")


def _reject_notes(read: InputSummary) -> tuple[str, ...]:
    if not read.rejects:
        return ()
    return (f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read",)

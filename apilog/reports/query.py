"""`query`: one SELECT over the records of any sources, as a report of one table.

The sources and nothing else are read, and of them only the columns that the SELECT needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.engine.learned_routes import ROUTES_BY_LOOK
from apilog.engine.parse_chunks import summarise_inputs
from apilog.engine.scan import ScanStats, scan_sources
from apilog.engine.source_pass import describe_doubts, describe_rejects, filters_of
from apilog.engine.sql_numbers import widen_columns
from apilog.engine.store_parts import STORE_FORMAT, count_records
from apilog.options import QueryOptions, Source
from apilog.report_model import FileInput, InputSummary, Report
from apilog.reports.sql import check_statement, collect_select
from apilog.time import TimeWindow, parse_window, parse_zone
from apilog.version import __version__

RESULT = "result"
"""The table of a query's report."""


class RequestFrame:
    """The records of the sources within the limits, and the account of reading them."""

    def __init__(self, sources: Sequence[Source], options: QueryOptions) -> None:
        self._window = parse_window(options.since, options.until, options.tz)
        self._passes: list[ScanStats] = []
        frame, self._stores = scan_sources(
            sources, options, window=self._window, passes=self._passes
        )
        self.frame: pl.LazyFrame = widen_columns(frame)
        """Text is String, as SQL compares it, whole numbers have 64 bits."""

    @property
    def limits(self) -> TimeWindow:
        """The time that was asked for."""
        return self._window

    @property
    def has_routes_by_look(self) -> bool:
        """Whether the query saw routes that could not be learned first."""
        return any(stats.has_routes_by_look for stats in self._passes)

    def summarize_input(self) -> InputSummary:
        """Return the account: stores with all their records, logs as far as they were read."""
        # Joins read the logs more than once: the pass that read most counts.
        accounts = [summarise_inputs(stats.run.accounts) for stats in self._passes]
        logs = max(accounts, key=lambda account: account.lines, default=summarise_inputs(()))
        stores = []
        for store in self._stores:
            count = count_records(store.record_files())
            stores.append(
                FileInput(
                    path=str(store.folder),
                    format=STORE_FORMAT,
                    lines=count,
                    records=count,
                    rejects=0,
                    skipped=0,
                )
            )
        return InputSummary.of_files((*stores, *logs.files))

    def time_range(self) -> TimeWindow:
        """Return the limits, else the times of the first and last record between them."""
        window = self._window
        files = [file for store in self._stores for file in store.record_files(window)]
        ranges = [
            *((stats.first, stats.last) for stats in self._passes),
            *((file.first, file.last) for file in files),
        ]
        times = [time for ends in ranges for time in ends if time]
        if not times or not window.overlaps(min(times), max(times)):
            return window
        return TimeWindow(since=window.since or min(times), until=window.until or max(times))


def run_query(sql: str, sources: Sequence[Source], options: QueryOptions) -> Report:
    """Return the rows that a SELECT over the table `requests` gives, as the table `result`.

    An input that can't be read has its `error` in `input.files`; the query is about the others.
    What a LIMIT spared from being read is not counted in `input`. Raises `UsageError` for SQL
    that is no single SELECT or can't be understood, before reading, and for what fails on a
    value.
    """
    check_statement(sql)
    requests = RequestFrame(sources, options)
    result = collect_select(sql, requests.frame)
    account, window = requests.summarize_input(), requests.time_range()
    return Report(
        version=__version__,
        command="query",
        since=window.since,
        until=window.until,
        input=account,
        tables={RESULT: result},
        timezone=parse_zone(options.tz).key,
        filters=filters_of(options, requests.limits),
        notes=(
            *describe_doubts(account),
            *describe_rejects(account, are_kept=True),
            *((ROUTES_BY_LOOK,) if requests.has_routes_by_look else ()),
        ),
    )

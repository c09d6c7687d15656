"""`query`: one SELECT over the records of any sources, as a report of one table.

It reads the sources and nothing else, and of them only the columns that the SELECT needs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from apilog.engines.local import Progress
from apilog.errors import UsageError
from apilog.formats.choice import choose
from apilog.model import InputSummary, Report
from apilog.privacy import AS_LOGGED, Privacy
from apilog.reports.options import Instant, limits
from apilog.reports.requests import Requests
from apilog.reports.sql import TABLE, check_statement, explained
from apilog.routes import parse_rules
from apilog.version import __version__
from apilog.window import zone

RESULT = "result"
"""The table of a query's report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """How the sources are read; the defaults are the command's."""

    log_format: str | None = None
    nginx_conf: str | os.PathLike[str] | None = None
    since: Instant = None
    """Inclusive."""
    until: Instant = None
    """Exclusive."""
    tz: str = "UTC"
    routes: Sequence[str] = ()
    keep_query: bool = False
    privacy: Privacy = AS_LOGGED
    """What is done to the records before the SELECT sees them."""


def query(
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
    requests = Requests(
        sources,
        limits(options.since, options.until, options.tz),
        choice=choose(options.log_format, options.nginx_conf),
        rules=parse_rules(options.routes),
        keep_query=options.keep_query,
        privacy=options.privacy,
        progress=progress,
    )
    result = _collected(sql, requests.frame)
    read = requests.account()
    since, until = requests.window()
    return Report(
        version=__version__,
        command="query",
        since=since,
        until=until,
        input=read,
        tables={RESULT: result},
        timezone=zone(options.tz).key,
        notes=_notes(read),
    )


def _collected(sql: str, requests: pl.LazyFrame) -> pl.DataFrame:
    with explained():
        frame = pl.SQLContext({TABLE: requests}).execute(sql)
        has_columns = bool(frame.collect_schema())
    if not has_columns:
        raise UsageError("the query selects no column", "SELECT * takes all of them")
    with explained(on_values=True):
        return frame.collect(engine="streaming")


def _notes(read: InputSummary) -> tuple[str, ...]:
    if not read.rejects:
        return ()
    return (f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read",)

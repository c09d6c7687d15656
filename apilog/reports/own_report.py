"""A report of one's own: tables as the configuration declares them, in their order.

Tables that group requests come out of one pass over the sources, those with a SELECT of one more
pass each. Tables that are about the same choice of requests share their sums.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from apilog.aggregate import FinishedTables, ReportPlan, finish, merge
from apilog.engine.estimate_notes import describe_estimates
from apilog.engine.source_pass import SourcePass, filters_of
from apilog.engine.time_notes import describe_emptiness, describe_strays
from apilog.errors import UsageError
from apilog.options import OwnReportOptions, QueryOptions, ReportOptions, Source
from apilog.own_metrics import own_definitions
from apilog.report_model import Report
from apilog.reports.build import make_plan
from apilog.reports.choices import choices_of, columns_of, names_routes
from apilog.reports.query import RequestFrame
from apilog.reports.report_layout import DeclaredReport, choose_report
from apilog.reports.sql import collect_select, execute_select
from apilog.sources import STDIN
from apilog.version import __version__


def plan_own_report(options: OwnReportOptions) -> DeclaredReport:
    """Return the report that the options name; raises UsageError for one that can't be.

    What a report of its own decides is refused beside it.
    """
    assert options.report is not None
    for option, value in (("--by", options.by), ("--metrics", options.metrics)):
        if value:
            raise UsageError(
                f"{option} does not go with --report",
                f"the tables of [reports.{options.report}] say what they have",
            )
    definitions = own_definitions(options.own_metrics, options.apdex, options.openapi)
    declared = choose_report(options.report, options.reports, definitions)
    names = [table.layout.name for table in declared.tables]
    for name in options.tables or ():
        if name not in names:
            raise UsageError(
                f"the report {declared.name!r} has no table {name!r}",
                f"its tables are {', '.join(names)}",
            )
    if options.tables is None:
        return declared
    kept = tuple(t for t in declared.tables if t.layout.name in options.tables)
    return replace(declared, tables=kept)


def build_own_report(sources: Sequence[Source], options: ReportOptions) -> Report:
    """Return the report that the options name, on these sources.

    An input that can't be read has its `error` in `report.input.files`. Raises `UsageError` for
    options that can't be understood, before reading, and for SQL that fails on a value.
    """
    declared = plan_own_report(options)
    check_sources(declared, sources)
    base = plan_choices(options)
    choices = choices_of(declared, base)
    source_pass = SourcePass(
        sources,
        options,
        columns_of(choices),
        lambda records: tuple(choice.partial(records) for choice in choices),
        window=base.window,
        learns_first=names_routes(choices),
    )
    states = source_pass.merge_results(
        lambda several: tuple(
            merge(choice.plan, [one[i] for one in several]) for i, choice in enumerate(choices)
        )
    )
    finished = [finish(c.plan, state) for c, state in zip(choices, states, strict=True)]
    tables = tables_in_order(declared, finished, sources, options)
    whole, estimates = finished[0], tuple(e for one in finished for e in one.estimates)
    return Report(
        version=__version__,
        command="report",
        since=whole.since,
        until=whole.until,
        input=source_pass.input,
        tables=tables,
        title=declared.title,
        layout=tuple(table.layout for table in declared.tables),
        metrics=base.definitions.describe(),
        bucket=whole.bucket,
        timezone=options.tz,
        filters=filters_of(options, base.window),
        strays=whole.strays.requests if whole.strays else 0,
        estimates=estimates,
        notes=(
            *source_pass.notes,
            *describe_estimates(estimates),
            *describe_strays([whole.strays], base.timezone),
            *describe_emptiness(base.window, states[0].times, source_pass.stored_times, options.tz),
        ),
    )


def check_sources(declared: DeclaredReport, sources: Sequence[Source]) -> None:
    """Raise UsageError where the sources can't be read as often as the report has to."""
    if any(t.sql for t in declared.tables) and STDIN in [os.fspath(source) for source in sources]:
        raise UsageError(
            "standard input can't be read twice, for tables and for a SELECT",
            "save the log to a file, or `apilog ingest` it",
        )


def plan_choices(options: OwnReportOptions, now: datetime | None = None) -> ReportPlan:
    """Return what the plans of all choices have in common; ages are counted from `now`."""
    # Tables of one's own have other keys than a page filters by.
    plain = replace(options, tables=[], report=None, for_page=False)
    return replace(
        make_plan(plain, now),
        definitions=own_definitions(options.own_metrics, options.apdex, options.openapi),
    )


def tables_in_order(
    declared: DeclaredReport,
    finished: Sequence[FinishedTables],
    sources: Sequence[Source],
    options: OwnReportOptions,
) -> dict[str, pl.DataFrame]:
    """Return the tables of the report, of which SELECTs read the sources; the others are given."""
    grouped = {name: table for each in finished for name, table in each.tables.items()}
    return {
        table.layout.name: _select(table.sql, sources, options)
        if table.sql
        else grouped[table.layout.name]
        for table in declared.tables
    }


def _select(sql: str, sources: Sequence[Source], options: OwnReportOptions) -> pl.DataFrame:
    """Return the rows of a SELECT over the requests that the options choose."""
    query = options.convert_to(QueryOptions, progress=None)
    frame = RequestFrame(sources, query).frame
    if options.where is not None:
        frame = execute_select(f"SELECT * FROM requests WHERE (\n{options.where}\n)", frame)
    return collect_select(sql, frame)

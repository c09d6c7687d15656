"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from apilog.aggregate import (
    TABLES,
    FinishedTables,
    PartialState,
    ReportPlan,
    finish,
    merge,
    select_tables,
    sum_chunk,
)
from apilog.aggregate.table_specs import COVERAGE, SPECIFIED_TABLES, objectives_table
from apilog.engine.estimate_notes import describe_estimates
from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import SourcePass, check_positive, filters_of
from apilog.engine.time_notes import describe_clock, describe_emptiness, describe_strays
from apilog.options import Source, TableOptions
from apilog.own_metrics import APDEX, own_definitions
from apilog.report_model import Report
from apilog.reports.earlier_window import EarlierState, EarlierSums
from apilog.specifications import load_specifications
from apilog.time import TimeWindow, parse_step, parse_window, parse_zone
from apilog.version import __version__

_BothStates = tuple[PartialState, EarlierState | None]


def make_plan(options: TableOptions, now: datetime | None = None) -> ReportPlan:
    """Return the tables to compute and their limits; ages are counted from `now`.

    Raises UsageError for options that can't be understood.
    """
    window = parse_window(options.since, options.until, options.tz, now)
    if options.bucket is not None:
        parse_step(options.bucket)
    check_positive("--top", options.top)
    check_positive("--max-routes", options.max_routes)
    definitions = own_definitions(options.own_metrics, options.apdex, options.openapi)
    metrics = (*options.metrics, *([APDEX] if options.apdex else []))
    specifications = load_specifications(options.openapi)
    names = options.tables
    if options.for_page and names is None:
        more = SPECIFIED_TABLES if specifications else ()
        names = [*TABLES, *objectives_table(definitions), *more, *_PICTURED]
    return ReportPlan(
        tables=select_tables(
            names,
            tuple(options.by),
            metrics,
            definitions,
            has_specifications=specifications is not None,
        ),
        definitions=definitions,
        bucket=options.bucket,
        timezone=parse_zone(options.tz).key,
        window=window,
        max_routes=options.max_routes,
        known_routes=declared_routes(options),
        top=options.top,
        specifications=specifications,
        is_filtered=options.for_page,
    )


_PICTURED = ("histogram", "heatmap")
"""Tables that a page shows as charts."""


def split_pictured(
    options: TableOptions, tables: Mapping[str, pl.DataFrame]
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """Return the tables of the report, and those that are there for the charts of a page alone."""
    if not options.for_page or options.tables is not None:
        return dict(tables), {}
    pictured = {name: tables[name] for name in _PICTURED}
    return {name: frame for name, frame in tables.items() if name not in pictured}, pictured


MOST_PAGE_ROWS = 1_000
"""Rows of a table that a page holds unless `top` says otherwise."""


def finish_for(options: TableOptions, plan: ReportPlan, state: PartialState) -> FinishedTables:
    """Return the finished tables; those of a page have no more rows than it can hold."""
    finished = finish(plan, state)
    capped = (t.name for t in plan.tables if t.is_capped)
    is_long = any(finished.tables[name].height > MOST_PAGE_ROWS + 1 for name in capped)
    if options.for_page and options.top is None and is_long:
        return finish(replace(plan, top=MOST_PAGE_ROWS), state)
    return finished


def describe_page_rows(options: TableOptions, finished: FinishedTables) -> tuple[str, ...]:
    """Say so where a page has fewer rows than the report."""
    if finished.sums is None or options.top or finished.sums.max_rows > MOST_PAGE_ROWS:
        return ()
    held = f"tables hold the {MOST_PAGE_ROWS:,} busiest rows, and the others in one"
    return (f"{held}; --top says how many, and `-f json` has all",)


def describe_unmatched(plan: ReportPlan, tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """Say so where not one call is of a specification: its base path may be another."""
    coverage = tables.get(COVERAGE)
    if plan.specifications is None or coverage is None or not coverage["requests"].sum():
        return
    if not coverage.filter(pl.col("state") == "used").height:
        routes = [o.routes[0].text for o in plan.specifications.operations[:1]]
        yield (
            f"no request is of an operation of {' and '.join(plan.specifications.files)}, whose "
            f"paths are such as {routes[0]}: `servers` says where they begin"
        )


def build_report(sources: Sequence[Source], options: TableOptions) -> Report:
    """Return the report on these sources.

    An input that can't be read has its `error` in `report.input.files`; the others are
    reported. Raises `UsageError` for options that can't be understood, before reading.
    """
    now = datetime.now(UTC)
    plan = make_plan(options, now)
    earlier = EarlierSums.before(plan, now)
    windows = [plan.window, *([earlier.plan.window] if earlier else [])]
    source_pass = SourcePass(
        sources,
        options,
        plan.columns,
        lambda records: (sum_chunk(plan, records), earlier.partial(records) if earlier else None),
        window=TimeWindow.enclosing(windows),
        learns_first=plan.names_routes,
    )

    def merge_both(states: Sequence[_BothStates]) -> _BothStates:
        before = [state for _, state in states if state]
        current = merge(plan, [state for state, _ in states])
        return current, earlier.merge(before) if earlier else None

    state, before = source_pass.merge_results(merge_both)
    finished = finish_for(options, plan, state)
    tables, pictured = split_pictured(options, finished.tables)
    previous = earlier.finish(before, source_pass.stored_spans) if earlier and before else None
    estimates = (*finished.estimates, *(previous.estimates if previous else ()))
    return Report(
        version=__version__,
        command="report",
        since=finished.since,
        until=finished.until,
        input=source_pass.input,
        tables=tables,
        pictured=pictured,
        metrics=plan.definitions.describe(),
        bucket=finished.bucket,
        timezone=options.tz,
        filters=filters_of(options, plan.window),
        strays=finished.strays.requests if finished.strays else 0,
        estimates=estimates,
        sums=finished.sums,
        previous=previous,
        notes=(
            *source_pass.notes,
            *describe_unmatched(plan, tables),
            *describe_page_rows(options, finished),
            *describe_estimates(estimates),
            *describe_strays([finished.strays], plan.timezone),
            *describe_clock(finished.clock, plan.timezone),
            *describe_emptiness(plan.window, state.times, source_pass.stored_times, options.tz),
        ),
    )

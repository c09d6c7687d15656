"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from apilog.aggregate import (
    FinishedTables,
    PartialState,
    ReportPlan,
    finish,
    merge,
    partial,
    select_tables,
)
from apilog.engine.source_pass import SourcePass, check_positive, filters_of
from apilog.options import ReportOptions, Source
from apilog.report_model import Report
from apilog.time import parse_step, parse_window, parse_zone
from apilog.version import __version__


def make_plan(options: ReportOptions, now: datetime | None = None) -> ReportPlan:
    """Return the tables to compute and their limits; ages are counted from `now`.

    Raises UsageError for options that can't be understood.
    """
    window = parse_window(options.since, options.until, options.tz, now)
    if options.bucket is not None:
        parse_step(options.bucket)
    check_positive("--top", options.top)
    check_positive("--max-routes", options.max_routes)
    return ReportPlan(
        tables=select_tables(options.tables, tuple(options.by)),
        bucket=options.bucket,
        timezone=parse_zone(options.tz).key,
        window=window,
        max_routes=options.max_routes,
        known_routes=frozenset(options.routes),
        top=options.top,
    )


def build_report(sources: Sequence[Source], options: ReportOptions) -> Report:
    """Return the report on these sources.

    An input that can't be read has its `error` in `report.input.files`; the others are
    reported. Raises `UsageError` for options that can't be understood, before reading.
    """
    plan = make_plan(options)
    source_pass = SourcePass(
        sources, options, plan.columns, lambda records: partial(plan, records), window=plan.window
    )
    state = source_pass.merge_results(lambda states: merge(plan, states))
    finished = finish(plan, state)
    return Report(
        version=__version__,
        command="report",
        since=finished.since,
        until=finished.until,
        input=source_pass.input,
        tables=finished.tables,
        bucket=finished.bucket,
        timezone=options.tz,
        filters=filters_of(options, plan.window),
        strays=finished.strays.requests if finished.strays else 0,
        notes=(
            *source_pass.notes,
            *_describe_strays(finished, plan.timezone),
            *_describe_emptiness(plan, state, () if options.where else source_pass.stored_times),
        ),
    )


def _describe_strays(finished: FinishedTables, timezone: str) -> Iterator[str]:
    """Say how many requests are at times that the window leaves out."""
    strays = finished.strays
    if strays is None:
        return
    first, last = (_format_time(at, timezone) for at in (strays.first, strays.last))
    many = strays.requests > 1
    yield (
        f"{strays.requests:,} request{'s' if many else ''} at {first}"
        f"{f' to {last}' if last != first else ''}, far from all others: counted, but the window "
        f"and the traffic leave {'them' if many else 'it'} out; --since and --until set a window"
    )


def _describe_emptiness(
    plan: ReportPlan, state: PartialState, stored: Sequence[datetime]
) -> Iterator[str]:
    """Say when requests were, if the limits leave out all of them."""
    times, window = state.times, plan.window
    known = [at for at in (times.oldest, times.newest, *stored) if at]
    if not times.cells.is_empty() or not window.is_limited or not known:
        return
    oldest, newest = min(known), max(known)
    ends = [("newest", newest)]
    if window.until is not None and newest >= window.until:
        ends = [("oldest", oldest)]
        if oldest < window.until:
            ends = [("oldest", oldest), ("newest", newest)]
    when = ", the ".join(f"{end} is of {_format_time(at, plan.timezone)}" for end, at in ends)
    yield f"no request lies within --since and --until; the {when}"


def _format_time(at: datetime, timezone: str) -> str:
    return at.astimezone(parse_zone(timezone)).isoformat(timespec="seconds").replace("+00:00", "Z")

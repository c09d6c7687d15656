"""Calls held against specifications: what needs a look, and who calls what is deprecated."""

from __future__ import annotations

import polars as pl

from apilog.render.sections.columns import MetricSpec, key_columns, metric_columns
from apilog.render.sections.report_view import (
    ReportView,
    column_total,
    describe_hidden_rows,
    ranking_section,
    split_other,
)
from apilog.render.sections.section import Column, Paragraph, Section, Table, TextColumn
from apilog.render.text.cell_text import NULL
from apilog.text.units import format_count

_HEADINGS = {
    "undocumented": ("called and in no specification", "red"),
    "unused": ("not called", "dim"),
    "used": ("answered with statuses that are not declared", "yellow"),
}
_METRICS = (
    MetricSpec("requests"),
    MetricSpec("errors", 4),
    MetricSpec("consumers", 3),
    MetricSpec("last_seen", 5),
)
_CALLER_METRICS = (MetricSpec("requests"), MetricSpec("errors", 3), MetricSpec("last_seen", 2))
_MOST_ROWS = 10
_OWN_COLUMNS = ("state", "tags", "deprecated", "sunset", "undeclared_statuses")


def coverage_section(view: ReportView) -> Section | None:
    """Count the operations by their state, and list what is not as the specification says."""
    frame = view.table("coverage")
    if "state" not in frame.columns:
        return None
    blocks: list[Paragraph | Table] = [Paragraph(text=_summary(frame))]
    odd = _odd_rows(frame)
    for state in _HEADINGS:
        rows = odd.filter(pl.col("state") == state)
        if rows.height:
            limit = view.row_limit(_MOST_ROWS, rows.height)
            title, style = _HEADINGS[state]
            blocks += [Paragraph(text=title, style=style), _state_table(view, rows, limit)]
    return Section(title="Specification", blocks=blocks)


def _summary(frame: pl.DataFrame) -> str:
    """Return how many operations are used, unused and so on, in a sentence."""
    is_declared = pl.col("operation").is_not_null() | (pl.col("deprecated").is_not_null())
    operations = frame.filter(is_declared).select("route", "operation", "state", "deprecated")
    used = operations.filter(pl.col("state") == "used").unique().height
    unused = operations.filter(pl.col("state") == "unused").height
    still = operations.filter(pl.col("state") == "used", pl.col("deprecated")).unique().height
    undocumented = frame.filter(pl.col("state") == "undocumented")
    calls = format_count(column_total(undocumented, "requests"))
    parts = [f"{format_count(used)} operations used", f"{format_count(unused)} unused"]
    if still:
        parts.append(f"{format_count(still)} deprecated and still called")
    parts.append(
        f"{format_count(undocumented.height)} undocumented, with {calls} requests"
        if undocumented.height
        else "nothing undocumented"
    )
    return ", ".join(parts)


def _odd_rows(frame: pl.DataFrame) -> pl.DataFrame:
    is_odd = pl.col("state").is_in(["undocumented", "unused"])
    return frame.filter(is_odd | pl.col("undeclared_statuses").is_not_null())


def _state_table(view: ReportView, rows: pl.DataFrame, limit: int) -> Table:
    shown = rows.head(limit)
    state = shown["state"][0]
    names = ["method", "route", *(["operation"] if state != "undocumented" else [])]
    own = {*names, "operation", "requests", "errors", "consumers", "last_seen", *_OWN_COLUMNS}
    more = [name for name in shown.columns if name not in own]
    columns: list[Column] = [
        *key_columns(shown, [*names, *more]),
    ]
    if state == "used":
        statuses = shown["undeclared_statuses"].fill_null(NULL).to_list()
        columns.append(TextColumn(title="not declared", cells=statuses, is_flexible=True))
    if state != "unused":
        columns += metric_columns(shown, _METRICS, view.report.timezone)
    return Table(
        columns=columns, height=shown.height, hidden=describe_hidden_rows(rows.slice(limit))
    )


def deprecated_section(view: ReportView) -> Section | None:
    """Rank who calls deprecated operations by their requests."""
    frame = view.table("deprecated")
    if not frame.height:
        return None

    def columns(shown: pl.DataFrame) -> list[Column]:
        names = ["method", "route", "consumer"]
        sunset = shown["sunset"].fill_null(NULL).to_list()
        is_known = shown["sunset"].is_not_null().any()
        ends: list[Column] = [TextColumn(title="sunset", cells=sunset, drop_order=1)]
        return [
            *key_columns(shown, names),
            *(ends if is_known else []),
            *metric_columns(shown, _CALLER_METRICS, view.report.timezone),
        ]

    count = split_other(frame)[0].height
    top = view.row_limit(_MOST_ROWS, count)
    subtitle = f"the {top} busiest callers of {count:,}" if count > top else "by whom"
    return ranking_section(frame, columns, top, title="Deprecated, called", subtitle=subtitle)

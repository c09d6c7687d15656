"""Thresholds and comparisons: each verdict, by how much, on how many requests, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from apilog.render.sections.report_view import ReportView, describe_hidden_rows
from apilog.render.sections.section import Column, RowGroup, Section, Table, TextColumn
from apilog.render.text.verdict_text import (
    CHECKS,
    COMPARISON,
    endpoint_names,
    format_difference,
    format_interval,
    format_metric,
    format_p_value,
    margin_to_limit,
    summary_sentence,
    verdict_key,
)
from apilog.report_model import CheckState
from apilog.text.units import format_count

_STATE_STYLES = {
    CheckState.FAIL: "bold red",
    CheckState.PASS: "green",
    CheckState.INCONCLUSIVE: "yellow",
}
_STATE_MARKS = {
    CheckState.FAIL: "FAIL",
    CheckState.PASS: "pass",
    CheckState.INCONCLUSIVE: "?",
}
_MOST_VALUES = 10
"""Rows of one `for each` that are shown."""
_MOST_WORST = 5
_LABEL_WIDTH = 28
"""Characters that tell most routes apart."""

VerdictRow = Mapping[str, Any]


def checks_section(view: ReportView) -> Section | None:
    """Show the thresholds in their order, with a row for each value."""
    if CHECKS not in view.tables:
        return None
    most = view.top or _MOST_VALUES
    frames = view.tables[CHECKS].partition_by("threshold", maintain_order=True)
    rows = [row for frame in frames for row in frame.head(most).iter_rows(named=True)]
    groups = [
        RowGroup(
            height=min(frame.height, most),
            heading=frame["threshold"][0],
            replaces_label=" for each " not in frame["threshold"][0],
            hidden=_describe_hidden_values(frame.slice(most)),
        )
        for frame in frames
    ]
    table = Table(
        columns=_check_columns(rows),
        height=len(rows),
        groups=groups,
        label_column=1,
        remarks={i: row["reason"] for i, row in enumerate(rows) if row["reason"]},
        indent=8,
    )
    return Section(title=summary_sentence(view.report).capitalize(), blocks=[table])


def worst_section(view: ReportView) -> Section | None:
    """Show the endpoints that did most for each threshold that failed."""
    frame = view.table("worst")
    if frame.is_empty():
        return None
    frames = [
        group.head(_MOST_WORST) for group in frame.partition_by("threshold", maintain_order=True)
    ]
    rows = pl.concat(frames)
    values = [format_metric(v, m) for v, m in rows.select("value", "metric").iter_rows()]
    columns: list[Column] = [
        TextColumn(
            title="endpoint",
            cells=[f"  {name}" for name in endpoint_names(rows)],
            is_flexible=True,
        ),
        TextColumn(title="value", cells=values, align_right=True),
        _requests_column(rows["requests"].to_list()),
    ]
    groups = [RowGroup(height=group.height, heading=group["threshold"][0]) for group in frames]
    table = Table(columns=columns, height=rows.height, groups=groups)
    return Section(title="Worst", subtitle="where it failed", blocks=[table])


def changed_section(view: ReportView) -> Section | None:
    """Show the endpoints that the baseline does not have, and those that are gone."""
    frame = view.table("changed")
    if frame.is_empty():
        return None
    most = view.row_limit(_MOST_VALUES, frame.height)
    rows = frame.head(most)
    columns: list[Column] = [
        TextColumn(title="change", cells=rows["change"].to_list(), styles="dim"),
        TextColumn(title="endpoint", cells=endpoint_names(rows), is_flexible=True),
        _requests_column(rows["requests"].to_list()),
    ]
    hidden = describe_hidden_rows(frame.slice(most), counted="")
    table = Table(columns=columns, height=rows.height, hidden=hidden)
    return Section(title="Changed", subtitle="endpoints of one side only", blocks=[table])


def _check_columns(rows: Sequence[VerdictRow]) -> list[Column]:
    labels = [f"  {verdict_key(row) or 'all'}" for row in rows]
    states = [CheckState(row["state"]) for row in rows]
    values = [format_metric(row["value"], row["metric"]) for row in rows]
    limits = [format_metric(row["limit"], row["metric"]) for row in rows]
    margins = [format_difference(margin_to_limit(row), row["metric"]) for row in rows]
    has_baseline = any(row["baseline"] is not None for row in rows)
    columns: list[Column] = [
        TextColumn(
            title="",
            cells=[_STATE_MARKS[s] for s in states],
            styles=[_STATE_STYLES[s] for s in states],
        ),
        TextColumn(title="threshold", cells=labels, is_flexible=True, min_width=_LABEL_WIDTH),
        TextColumn(title="value", cells=values, align_right=True, styles="bold"),
        # Without a baseline the threshold itself says the limit.
        TextColumn(
            title="limit", cells=limits, align_right=True, drop_order=3 if has_baseline else 5
        ),
        TextColumn(title="margin", cells=margins, align_right=True, drop_order=2),
        replace(_requests_column([row["requests"] for row in rows]), drop_order=1),
    ]
    # The others are for wide terminals.
    if has_baseline:
        texts = [format_metric(row["baseline"], row["metric"]) for row in rows]
        columns.append(TextColumn(title="baseline", cells=texts, align_right=True, drop_order=4))
    intervals = [
        format_interval(row["low"], row["high"], row["metric"], signed=row["baseline"] is not None)
        for row in rows
    ]
    columns.append(
        TextColumn(title="interval", cells=intervals, align_right=True, drop_order=7, styles="dim")
    )
    if any(row["p_value"] is not None for row in rows):
        texts = [format_p_value(row["p_value"]) for row in rows]
        columns.append(TextColumn(title="p", cells=texts, align_right=True, drop_order=6))
    return columns


def _describe_hidden_values(hidden: pl.DataFrame) -> str:
    """Say how many values of a `for each` are not shown, by state."""
    if hidden.is_empty():
        return ""
    counts = dict(hidden["state"].value_counts().iter_rows())
    states = ", ".join(
        f"{format_count(counts[s])} {_STATE_MARKS[s]}" for s in CheckState if s in counts
    )
    return f"… and {format_count(hidden.height)} more: {states}"


def _requests_column(counts: Sequence[int]) -> TextColumn:
    return TextColumn(title="requests", cells=[format_count(n) for n in counts], align_right=True)


_MOST_ENDPOINTS = 5
_VERDICT_STYLES = {
    "worse": "bold red",
    "better": "green",
    "different": "yellow",
    "no difference shown": "dim",
    "inconclusive": "yellow",
}
_VERDICT_SHORT = {"inconclusive": "?", "no difference shown": "–"}


def comparison_section(view: ReportView) -> Section | None:
    """Show both values of each metric, their difference, and the verdict."""
    frame = view.table(COMPARISON)
    if frame.is_empty():
        return None
    # The first row of a metric is about all requests.
    most = (view.top or _MOST_ENDPOINTS) + 1
    frames = frame.partition_by("metric", maintain_order=True)
    shown = pl.concat(group.head(most) for group in frames)
    groups = [
        RowGroup(
            height=min(group.height, most),
            hidden=describe_hidden_rows(group.slice(most), counted=""),
        )
        for group in frames
    ]
    rows = [*shown.iter_rows(named=True)]
    labels = [
        f"  {endpoint}" if endpoint else str(row["metric"])
        for row, endpoint in zip(rows, endpoint_names(shown), strict=True)
    ]
    differences = [format_difference(row["difference"], row["metric"]) for row in rows]
    intervals = [
        format_interval(row["low"], row["high"], row["metric"], signed=True) for row in rows
    ]
    sizes = [f"{format_count(r['a_requests'])} / {format_count(r['b_requests'])}" for r in rows]
    verdicts = TextColumn(
        title="",
        cells=[_VERDICT_SHORT.get(str(row["verdict"]), str(row["verdict"])) for row in rows],
        styles=[_VERDICT_STYLES[row["verdict"]] for row in rows],
    )
    columns: list[Column] = [
        verdicts,
        TextColumn(title="metric", cells=labels, is_flexible=True, min_width=20),
        TextColumn(title="a", cells=_side_values(rows, "a"), align_right=True),
        TextColumn(title="b", cells=_side_values(rows, "b"), align_right=True, styles="bold"),
        TextColumn(title="difference", cells=differences, align_right=True),
        TextColumn(title="interval", cells=intervals, align_right=True, drop_order=3, styles="dim"),
        TextColumn(
            title="p",
            cells=[format_p_value(row["p_value"]) for row in rows],
            align_right=True,
            drop_order=1,
        ),
        TextColumn(title="requests", cells=sizes, align_right=True, drop_order=2),
    ]
    table = Table(columns=columns, height=shown.height, groups=groups, indent=10)
    subtitle = "of b with a; – no difference shown, ? too little data"
    return Section(title="Comparison", subtitle=subtitle, blocks=[table])


def _side_values(rows: Sequence[VerdictRow], side: str) -> list[str]:
    return [format_metric(row[side], row["metric"]) for row in rows]

"""Thresholds and comparisons: each verdict, by how much, on how many requests, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl
from rich.text import Text

from apilog.render.sections.section import ReportView, Section
from apilog.render.terminal.fit_text import clip_line, wrap_text
from apilog.render.terminal.grid import GridColumn, TextColumn, draw_grid
from apilog.render.text.escape import escape_terminal
from apilog.render.text.verdict_text import (
    CHECKS,
    COMPARISON,
    VerdictState,
    endpoint_names,
    format_difference,
    format_interval,
    format_metric,
    format_p_value,
    margin_to_limit,
    summary_sentence,
    verdict_key,
)
from apilog.text.units import format_count

_STATE_STYLES = {
    VerdictState.FAIL: "bold red",
    VerdictState.PASS: "green",
    VerdictState.INCONCLUSIVE: "yellow",
}
_STATE_MARKS = {
    VerdictState.FAIL: "FAIL",
    VerdictState.PASS: "pass",
    VerdictState.INCONCLUSIVE: "?",
}
_MOST_VALUES = 10
"""Rows of one `for each` that are shown."""
_MOST_WORST = 5
_FIGURES_WIDTH = 46
"""Columns that the figures beside a threshold take."""
_CHECK_INDENT = " " * 8

CheckRow = Mapping[str, Any]


def checks_section(page: ReportView) -> Section | None:
    """The thresholds in their order, a row a value."""
    if CHECKS not in page.tables:
        return None
    most = page.top or _MOST_VALUES
    groups = page.tables[CHECKS].partition_by("threshold", maintain_order=True)
    rows = [row for group in groups for row in group.head(most).iter_rows(named=True)]

    def draw(width: int) -> list[Text]:
        told = [_has_heading(row, width) for row in rows]
        what = [
            _value_label(row) if before else row["threshold"]
            for row, before in zip(rows, told, strict=True)
        ]
        title, *lines = draw_grid(_check_columns(rows, what), len(rows), width)
        drawn, rest = [title], iter(zip(rows, lines, told, strict=True))
        for group in groups:
            for number, (row, line, before) in enumerate(islice(rest, min(group.height, most))):
                heading = wrap_text(escape_terminal(row["threshold"]), width, mark=_CHECK_INDENT)
                drawn += heading if before and not number else []
                drawn += [line, *_reason_lines(row, width)]
            drawn += _hidden_values_line(group.slice(most), width)
        return drawn

    return Section(title=summary_sentence(page.report).capitalize(), draw=draw)


def worst_section(page: ReportView) -> Section | None:
    """Of each threshold that failed the endpoints that did most for it."""
    frame = page.table("worst")
    if frame.is_empty():
        return None
    groups = [
        group.head(_MOST_WORST) for group in frame.partition_by("threshold", maintain_order=True)
    ]

    def draw(width: int) -> list[Text]:
        title, *lines = draw_grid(
            _worst_columns(pl.concat(groups)), sum(g.height for g in groups), width
        )
        drawn, rest = [title], iter(lines)
        for group in groups:
            drawn += wrap_text(escape_terminal(group["threshold"][0]), width)
            drawn += islice(rest, group.height)
        return drawn

    return Section(title="Worst", subtitle="where it failed", draw=draw)


def changed_section(page: ReportView) -> Section | None:
    """Endpoints that the baseline does not have, and those that are gone."""
    frame = page.table("changed")
    if frame.is_empty():
        return None
    most = page.rows(_MOST_VALUES, frame.height)
    rows = frame.head(most)

    def draw(width: int) -> list[Text]:
        changes = rows["change"].to_list()
        columns: list[GridColumn] = [
            TextColumn(title="change", cells=changes, styles="dim"),
            TextColumn(
                title="endpoint", cells=[*map(escape_terminal, endpoint_names(rows))], flexible=True
            ),
            _requests_column(rows["requests"].to_list()),
        ]
        return draw_grid(columns, rows.height, width) + _hidden_endpoints_line(
            frame.slice(most), width
        )

    return Section(title="Changed", subtitle="endpoints of one side only", draw=draw)


def _has_heading(row: CheckRow, width: int) -> bool:
    """Whether the threshold has a line of its own, and the row tells the value alone."""
    return " for each " in row["threshold"] or len(row["threshold"]) > width - _FIGURES_WIDTH


def _value_label(row: CheckRow) -> str:
    return f"  {verdict_key(row) or 'all'}"


def _check_columns(rows: Sequence[CheckRow], what: Sequence[str]) -> list[GridColumn]:
    states = [VerdictState(row["state"]) for row in rows]
    values = [format_metric(row["value"], row["metric"]) for row in rows]
    limits = [format_metric(row["limit"], row["metric"]) for row in rows]
    margins = [format_difference(margin_to_limit(row), row["metric"]) for row in rows]
    columns: list[GridColumn] = [
        TextColumn(
            title="",
            cells=[_STATE_MARKS[s] for s in states],
            styles=[_STATE_STYLES[s] for s in states],
        ),
        TextColumn(title="threshold", cells=[*map(escape_terminal, what)], flexible=True, least=24),
        TextColumn(title="value", cells=values, right=True, styles="bold"),
        TextColumn(title="limit", cells=limits, right=True, drop=1),
        TextColumn(title="margin", cells=margins, right=True),
        _requests_column([row["requests"] for row in rows]),
    ]
    return columns + _statistics_columns(rows)


def _statistics_columns(rows: Sequence[CheckRow]) -> list[GridColumn]:
    """For wide terminals: the baseline, the interval and the p-value."""
    found: list[GridColumn] = []
    if any(row["baseline"] is not None for row in rows):
        texts = [format_metric(row["baseline"], row["metric"]) for row in rows]
        found.append(TextColumn(title="baseline", cells=texts, right=True, drop=2))
    intervals = [
        format_interval(row["low"], row["high"], row["metric"], signed=row["baseline"] is not None)
        for row in rows
    ]
    found.append(TextColumn(title="interval", cells=intervals, right=True, drop=4, styles="dim"))
    if any(row["p_value"] is not None for row in rows):
        texts = [format_p_value(row["p_value"]) for row in rows]
        found.append(TextColumn(title="p", cells=texts, right=True, drop=3))
    return found


def _reason_lines(row: CheckRow, width: int) -> list[Text]:
    reason = row["reason"]
    return wrap_text(escape_terminal(reason), width, "dim", f"{_CHECK_INDENT}  ") if reason else []


def _hidden_values_line(hidden: pl.DataFrame, width: int) -> list[Text]:
    """How many values of a `for each` are not shown, by state."""
    if hidden.is_empty():
        return []
    counts = dict(hidden["state"].value_counts().iter_rows())
    told = ", ".join(
        f"{format_count(counts[s])} {_STATE_MARKS[s]}" for s in VerdictState if s in counts
    )
    return [
        clip_line(
            Text(f"{_CHECK_INDENT}  … and {format_count(hidden.height)} more: {told}", "dim"), width
        )
    ]


def _hidden_endpoints_line(rest: pl.DataFrame, width: int) -> list[Text]:
    text = f"  … and {format_count(rest.height)} more"
    return [clip_line(Text(text, "dim"), width)] if rest.height else []


def _worst_columns(rows: pl.DataFrame) -> list[GridColumn]:
    labels = [*map(escape_terminal, endpoint_names(rows))]
    values = [format_metric(v, m) for v, m in rows.select("value", "metric").iter_rows()]
    return [
        TextColumn(title="endpoint", cells=[f"  {label}" for label in labels], flexible=True),
        TextColumn(title="value", cells=values, right=True),
        _requests_column(rows["requests"].to_list()),
    ]


def _requests_column(values: Sequence[int]) -> TextColumn:
    return TextColumn(title="requests", cells=[format_count(v) for v in values], right=True)


_MOST_ENDPOINTS = 5
_VERDICT_STYLES = {
    "worse": "bold red",
    "better": "green",
    "different": "yellow",
    "no difference shown": "dim",
    "inconclusive": "yellow",
}
_VERDICT_SHORT = {"inconclusive": "?", "no difference shown": "–"}

ComparisonRow = Mapping[str, Any]


def comparison_section(page: ReportView) -> Section | None:
    """Both values of each metric, their difference, and the verdict."""
    frame = page.table(COMPARISON)
    if frame.is_empty():
        return None
    # All requests stand first.
    most = (page.top or _MOST_ENDPOINTS) + 1
    groups = frame.partition_by("metric", maintain_order=True)
    shown_frame = pl.concat(group.head(most) for group in groups)
    rows = [*shown_frame.iter_rows(named=True)]
    named = [
        f"  {escape_terminal(endpoint)}" if endpoint else str(row["metric"])
        for row, endpoint in zip(rows, endpoint_names(shown_frame), strict=True)
    ]

    def draw(width: int) -> list[Text]:
        title, *lines = draw_grid(_comparison_columns(rows, named), len(rows), width)
        drawn, start = [title], 0
        for group in groups:
            shown_rows = min(group.height, most)
            drawn += lines[start : start + shown_rows]
            start += shown_rows
            drawn += _more_endpoints(group.height - shown_rows, width)
        return drawn

    subtitle = "of b with a; – no difference shown, ? too little data"
    return Section(title="Comparison", subtitle=subtitle, draw=draw)


def _comparison_columns(rows: Sequence[ComparisonRow], named: Sequence[str]) -> list[GridColumn]:
    gaps = [format_difference(row["difference"], row["metric"]) for row in rows]
    intervals = [
        format_interval(row["low"], row["high"], row["metric"], signed=True) for row in rows
    ]
    sizes = [f"{format_count(r['a_requests'])} / {format_count(r['b_requests'])}" for r in rows]
    verdicts = TextColumn(
        title="",
        cells=[_VERDICT_SHORT.get(str(row["verdict"]), str(row["verdict"])) for row in rows],
        styles=[_VERDICT_STYLES[row["verdict"]] for row in rows],
    )
    return [
        verdicts,
        TextColumn(title="metric", cells=named, flexible=True, least=20),
        TextColumn(title="a", cells=_side_values(rows, "a"), right=True),
        TextColumn(title="b", cells=_side_values(rows, "b"), right=True, styles="bold"),
        TextColumn(
            title="difference",
            cells=gaps,
            right=True,
        ),
        TextColumn(title="interval", cells=intervals, right=True, drop=3, styles="dim"),
        TextColumn(
            title="p", cells=[format_p_value(row["p_value"]) for row in rows], right=True, drop=1
        ),
        TextColumn(title="requests", cells=sizes, right=True, drop=2),
    ]


def _side_values(rows: Sequence[ComparisonRow], side: str) -> list[str]:
    return [format_metric(row[side], row["metric"]) for row in rows]


def _more_endpoints(hidden: int, width: int) -> list[Text]:
    if hidden <= 0:
        return []
    return [clip_line(Text(f"{' ' * 12}… and {format_count(hidden)} more", "dim"), width)]

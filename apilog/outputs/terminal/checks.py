"""Thresholds on the terminal: what came out, by how much, on how many requests, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl
from rich.text import Text

from apilog.outputs.escape import terminal_text
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.text import clip, wrap
from apilog.outputs.verdicts import (
    CHECKS,
    State,
    between,
    endpoints,
    gap,
    key_of,
    margin,
    p_text,
    sentence,
    shown,
)
from apilog.units import format_count

_STYLES = {State.FAIL: "bold red", State.PASS: "green", State.INCONCLUSIVE: "yellow"}
_MARKS = {State.FAIL: "FAIL", State.PASS: "pass", State.INCONCLUSIVE: "?"}
_VALUES = 10
"""Rows of one `for each` that are shown."""
_WORST = 5
_FIGURES = 46
"""Columns that the figures beside a threshold take."""
_INDENT = " " * 8

Row = Mapping[str, Any]


def checks(page: Page) -> Section | None:
    """The thresholds in their order, a row a value."""
    if CHECKS not in page.tables:
        return None
    most = page.top or _VALUES
    groups = page.tables[CHECKS].partition_by("threshold", maintain_order=True)
    rows = [row for group in groups for row in group.head(most).iter_rows(named=True)]

    def draw(width: int) -> list[Text]:
        told = [_is_told_before(row, width) for row in rows]
        what = [
            _value(row) if before else row["threshold"]
            for row, before in zip(rows, told, strict=True)
        ]
        title, *lines = grid(_columns(rows, what), len(rows), width)
        drawn, rest = [title], iter(zip(rows, lines, told, strict=True))
        for group in groups:
            for number, (row, line, before) in enumerate(islice(rest, min(group.height, most))):
                heading = wrap(terminal_text(row["threshold"]), width, mark=_INDENT)
                drawn += heading if before and not number else []
                drawn += [line, *_why(row, width)]
            drawn += _more(group.slice(most), width)
        return drawn

    return Section(title=sentence(page.report).capitalize(), draw=draw)


def worst(page: Page) -> Section | None:
    """Of each threshold that failed the endpoints that did most for it."""
    frame = page.table("worst")
    if frame.is_empty():
        return None
    groups = [group.head(_WORST) for group in frame.partition_by("threshold", maintain_order=True)]

    def draw(width: int) -> list[Text]:
        title, *lines = grid(
            _worst_columns(pl.concat(groups)), sum(g.height for g in groups), width
        )
        drawn, rest = [title], iter(lines)
        for group in groups:
            drawn += wrap(terminal_text(group["threshold"][0]), width)
            drawn += islice(rest, group.height)
        return drawn

    return Section(title="Worst", subtitle="where it failed", draw=draw)


def changed(page: Page) -> Section | None:
    """Endpoints that the baseline does not have, and those that are gone."""
    frame = page.table("changed")
    if frame.is_empty():
        return None
    most = page.rows(_VALUES, frame.height)
    rows = frame.head(most)

    def draw(width: int) -> list[Text]:
        changes = rows["change"].to_list()
        columns: list[Column] = [
            Words(title="change", cells=changes, styles="dim"),
            Words(title="endpoint", cells=[*map(terminal_text, endpoints(rows))], flexible=True),
            _counts(rows["requests"].to_list()),
        ]
        return grid(columns, rows.height, width) + _and_more(frame.slice(most), width)

    return Section(title="Changed", subtitle="endpoints of one side only", draw=draw)


def _is_told_before(row: Row, width: int) -> bool:
    """Whether the threshold has a line of its own, and the row tells the value alone."""
    return " for each " in row["threshold"] or len(row["threshold"]) > width - _FIGURES


def _value(row: Row) -> str:
    return f"  {key_of(row) or 'all'}"


def _columns(rows: Sequence[Row], what: Sequence[str]) -> list[Column]:
    states = [State(row["state"]) for row in rows]
    values = [shown(row["value"], row["metric"]) for row in rows]
    limits = [shown(row["limit"], row["metric"]) for row in rows]
    margins = [gap(margin(row), row["metric"]) for row in rows]
    columns: list[Column] = [
        Words(title="", cells=[_MARKS[s] for s in states], styles=[_STYLES[s] for s in states]),
        Words(title="threshold", cells=[*map(terminal_text, what)], flexible=True, least=24),
        Words(title="value", cells=values, right=True, styles="bold"),
        Words(title="limit", cells=limits, right=True, drop=1),
        Words(title="margin", cells=margins, right=True),
        _counts([row["requests"] for row in rows]),
    ]
    return columns + _statistics(rows)


def _statistics(rows: Sequence[Row]) -> list[Column]:
    """For wide terminals: the baseline, the interval and the p-value."""
    found: list[Column] = []
    if any(row["baseline"] is not None for row in rows):
        texts = [shown(row["baseline"], row["metric"]) for row in rows]
        found.append(Words(title="baseline", cells=texts, right=True, drop=2))
    intervals = [
        between(row["low"], row["high"], row["metric"], signed=row["baseline"] is not None)
        for row in rows
    ]
    found.append(Words(title="interval", cells=intervals, right=True, drop=4, styles="dim"))
    if any(row["p_value"] is not None for row in rows):
        texts = [p_text(row["p_value"]) for row in rows]
        found.append(Words(title="p", cells=texts, right=True, drop=3))
    return found


def _why(row: Row, width: int) -> list[Text]:
    reason = row["reason"]
    return wrap(terminal_text(reason), width, "dim", f"{_INDENT}  ") if reason else []


def _more(hidden: pl.DataFrame, width: int) -> list[Text]:
    """How many values of a `for each` are not shown, by state."""
    if hidden.is_empty():
        return []
    counts = dict(hidden["state"].value_counts().iter_rows())
    told = ", ".join(f"{format_count(counts[s])} {_MARKS[s]}" for s in State if s in counts)
    return [
        clip(Text(f"{_INDENT}  … and {format_count(hidden.height)} more: {told}", "dim"), width)
    ]


def _and_more(rest: pl.DataFrame, width: int) -> list[Text]:
    text = f"  … and {format_count(rest.height)} more"
    return [clip(Text(text, "dim"), width)] if rest.height else []


def _worst_columns(rows: pl.DataFrame) -> list[Column]:
    labels = [*map(terminal_text, endpoints(rows))]
    values = [shown(v, m) for v, m in rows.select("value", "metric").iter_rows()]
    return [
        Words(title="endpoint", cells=[f"  {label}" for label in labels], flexible=True),
        Words(title="value", cells=values, right=True),
        _counts(rows["requests"].to_list()),
    ]


def _counts(values: Sequence[int]) -> Words:
    return Words(title="requests", cells=[format_count(v) for v in values], right=True)

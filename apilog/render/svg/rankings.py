"""Endpoints, consumers and gateways as bars of their requests, the busiest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from apilog.render.svg.bars import BarRow, draw_bars
from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing
from apilog.render.svg.frame import (
    LINE,
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.theme import Theme
from apilog.render.text.cell_text import NULL, UNKNOWN_GATEWAY, column_unit, format_value, is_metric
from apilog.report_model import Report
from apilog.text.units import format_count

MOST_ROWS = 15
"""Rows of a ranking, unless more or fewer are asked for."""
_OTHER = "(other)"
_PARTS = (
    ("others", "success", "no error"),
    ("client_errors", "client", "4xx"),
    ("server_errors", "server", "5xx"),
)
_TITLES = {"error_rate": "errors", "latency_p95_ms": "p95", "latency_mean_ms": "mean"}


@dataclass(frozen=True, slots=True)
class _Ranking:
    name: str
    title: str
    singular: str
    figures: Sequence[str]
    """The columns that stand beside the bars."""


_ENDPOINTS = _Ranking(
    "endpoints", "Endpoints", "endpoint", ("requests", "error_rate", "latency_p95_ms")
)
_CONSUMERS = _Ranking(
    "consumers", "Consumers", "consumer", ("requests", "error_rate", "latency_mean_ms")
)
_GATEWAYS = _Ranking(
    "gateways", "Gateways", "gateway", ("requests", "error_rate", "latency_p95_ms")
)


def endpoints_chart(
    report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT, top: int | None = None
) -> str:
    """Draw the busiest endpoints, with their share of errors and p95."""
    return _draw_ranking(report, _ENDPOINTS, Drawing(width, theme), top or MOST_ROWS)


def consumers_chart(
    report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT, top: int | None = None
) -> str:
    """Draw the busiest consumers, with their share of errors and mean latency."""
    return _draw_ranking(report, _CONSUMERS, Drawing(width, theme), top or MOST_ROWS)


def gateways_chart(
    report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT, top: int | None = None
) -> str:
    """Draw the busiest gateways, with their share of errors and p95."""
    return _draw_ranking(report, _GATEWAYS, Drawing(width, theme), top or MOST_ROWS)


def _draw_ranking(report: Report, ranking: _Ranking, drawing: Drawing, top: int) -> str:
    frame = read_table(report, ranking.name)
    keys = [name for name in frame.columns if not is_metric(name)]
    if frame.is_empty():
        return draw_empty(drawing, ranking.name, ranking.title, "There are no requests.")
    is_other = pl.any_horizontal(pl.lit(value=False), *(_is_other(frame, key) for key in keys))
    others, regular = frame.filter(is_other), frame.filter(~is_other)
    shown, hidden = regular.head(top), regular.slice(top)
    rows = [_make_row(row, keys, ranking) for row in shown.iter_rows(named=True)]
    rows += [_make_row(row, keys, ranking, is_muted=True) for row in others.iter_rows(named=True)]
    subtitle = (
        f"requests, the busiest {shown.height} of {regular.height}"
        if hidden.height
        else ("requests")
    )
    used = {color for row in rows for color, value in row.parts if value}
    legend = [LegendEntry(role, label) for _, role, label in _PARTS if role in used]
    y = draw_legend(drawing, legend, draw_heading(drawing, ranking.title, subtitle))
    titles = [_TITLES.get(column, column) for column in ranking.figures]
    y = draw_bars(drawing, rows, titles, y)
    if hidden.height:
        rest = f"and {format_count(hidden.height)} more, {_sum(hidden)} requests"
        drawing.text(MARGIN, y + TEXT_SIZE - 1, rest, role="muted")
        y += LINE
    described = [f"{row.label}: {row.title.partition(': ')[2]}" for row in rows[:3]]
    count = f"{format_count(regular.height)} {ranking.singular}{'s' * (regular.height != 1)}"
    text = f"{count} by requests. {'; '.join(described)}."
    return drawing.finish(y + MARGIN, ranking.name, ranking.title, text)


def _is_other(frame: pl.DataFrame, key: str) -> pl.Expr:
    if frame.schema[key] != pl.String:
        return pl.lit(value=False)
    return (pl.col(key) == _OTHER).fill_null(value=False)


def _sum(frame: pl.DataFrame) -> str:
    return format_count(sum(frame["requests"].drop_nulls().to_list()))


def _make_row(
    row: dict[str, Any], keys: Sequence[str], ranking: _Ranking, *, is_muted: bool = False
) -> BarRow:
    requests = row.get("requests") or 0
    counts = {name: row.get(name) or 0 for name in ("client_errors", "server_errors")}
    counts["others"] = max(requests - sum(counts.values()), 0)
    label = label_row(row, keys)
    figures = [
        format_value(row.get(column), column_unit(column), "UTC") for column in ranking.figures
    ]
    named = zip(ranking.figures, figures, strict=True)
    told = ", ".join(f"{_TITLES.get(column, column)} {text}" for column, text in named)
    parts = [(role, float(counts[column])) for column, role, _ in _PARTS]
    return BarRow(label, parts, figures, f"{label}: {told}", is_muted)


def label_row(row: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the keys of a row; an unknown gateway is left out beside others."""
    if not keys:
        return "all requests"
    if list(keys) == ["gateway"]:
        return str(row["gateway"] if row["gateway"] is not None else UNKNOWN_GATEWAY)
    texts = [
        NULL if row[key] is None else format_value(row[key], None, "UTC")
        for key in keys
        if not (key == "gateway" and (row[key] is None or "route" in keys))
    ]
    return " ".join(texts)

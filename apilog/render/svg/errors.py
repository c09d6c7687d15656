"""Errors by status, and by who caused them."""

from __future__ import annotations

from http import HTTPStatus

import polars as pl

from apilog.render.svg.bars import BarRow, draw_bars
from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import Drawing
from apilog.render.svg.frame import (
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.theme import Theme
from apilog.report_model import Report
from apilog.text.units import format_count, format_ratio

_NAME, _TITLE = "errors", "Errors"
_SOURCES = {
    "client": ("client", "client"),
    "upstream": ("server", "service behind the gateway"),
    "gateway": ("p95", "gateway"),
    "unknown": ("unknown", "gateway or service, not logged"),
    "protocol": ("p50", "error inside of the answer"),
}
"""Error source to its colour and what it is called."""
_MOST_STATUSES = 20


def errors_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the requests with errors of each status, by their sources."""
    drawing = Drawing(width, theme)
    frame = read_table(report, _NAME)
    if frame.is_empty() or not (total := int(frame["requests"].sum())):
        return draw_empty(drawing, _NAME, _TITLE, "No request was answered 4xx or 5xx.")
    source = pl.col("error_source").fill_null("unknown")
    counts = frame.group_by(
        "status",
        pl.when(source.is_in(list(_SOURCES)))
        .then(source)
        .otherwise(pl.lit("unknown"))
        .alias("source"),
    ).agg(pl.col("requests").sum())
    statuses = (
        counts.group_by("status")
        .agg(pl.col("requests").sum())
        .sort("requests", "status", descending=[True, False], nulls_last=True)
    )
    shown = statuses.head(_MOST_STATUSES).sort("status", nulls_last=True)
    by_key = {(status, name): n for status, name, n in counts.iter_rows()}
    rows = []
    for status, requests in shown.iter_rows():
        parts = [
            (role, float(by_key.get((status, name), 0))) for name, (role, _) in _SOURCES.items()
        ]
        told = ", ".join(
            f"{format_count(by_key[status, name])} {label}"
            for name, (_, label) in _SOURCES.items()
            if (status, name) in by_key
        )
        label = _status_text(status)
        figures = [format_count(requests), format_ratio(requests / total)]
        rows.append(BarRow(label, parts, figures, f"{label}: {told}", status is None))
    hidden = statuses.height - shown.height
    subtitle = (
        f"requests by status and source{f', without {hidden} rarer statuses' if hidden else ''}"
    )
    used = {role for row in rows for role, value in row.parts if value}
    legend = [LegendEntry(role, label) for role, label in _SOURCES.values() if role in used]
    y = draw_legend(drawing, legend, draw_heading(drawing, _TITLE, subtitle))
    y = draw_bars(drawing, rows, ["requests", "share"], y)
    most = ", ".join(
        f"{_status_text(s)} {format_count(n)}" for s, n in statuses.head(3).iter_rows()
    )
    text = f"{format_count(total)} requests with errors; the most: {most}."
    return drawing.finish(y + MARGIN, _NAME, _TITLE, text)


def _status_text(status: int | None) -> str:
    """Return a status with its phrase, such as `404 Not Found`, if it has one."""
    if status is None:
        return "(other)"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

"""A report in one picture: its main figures, traffic, latency and busiest endpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing, text_width
from apilog.render.svg.frame import MARGIN, draw_heading
from apilog.render.svg.latency import latency_chart
from apilog.render.svg.rankings import endpoints_chart
from apilog.render.svg.theme import Theme
from apilog.render.svg.traffic import traffic_chart
from apilog.render.text.cell_text import NULL
from apilog.report_model import Report
from apilog.text.units import format_count, format_duration, format_ratio

_NAME, _TITLE = "overview", "API traffic"
_ENDPOINTS = 8
_FIGURE_SIZE = 22
_FIGURE_HEIGHT = 54
_LEAST_ROOM = 110
_HEIGHT = re.compile(r' height="([0-9.]+)"')


@dataclass(frozen=True, slots=True)
class _Figure:
    label: str
    text: str
    role: str = "text"


def overview_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the main figures, and the charts that say most beside them."""
    drawing = Drawing(width, theme)
    frame = read_table(report, _NAME)
    figures = _figures(frame.row(0, named=True) if frame.height else {})
    y = draw_heading(drawing, _TITLE, _window(report))
    y = _draw_figures(drawing, figures, y + MARGIN / 2)
    charts = [
        traffic_chart(report, width=width, theme=theme),
        latency_chart(report, width=width, theme=theme),
        endpoints_chart(report, width=width, theme=theme, top=_ENDPOINTS),
    ]
    for chart in charts:
        drawing.embed(chart, y)
        found = _HEIGHT.search(chart)
        y += float(found[1]) if found else 0.0
    told = ", ".join(f"{figure.label} {figure.text}" for figure in figures)
    described = f"{told}; then traffic, latency over time and the busiest endpoints."
    return drawing.finish(y, _NAME, _TITLE, described)


def _window(report: Report) -> str:
    if report.since is None or report.until is None:
        return "no request has a time"
    zone = ZoneInfo(report.timezone)
    since, until = (
        t.astimezone(zone).strftime("%Y-%m-%d %H:%M") for t in (report.since, report.until)
    )
    return f"{since} to {until}, {report.timezone}"


def _figures(row: dict[str, Any]) -> list[_Figure]:
    server_errors = row.get("server_errors") or 0
    figures = [
        _Figure("requests", format_count(row.get("requests"))),
        _Figure("errors", format_ratio(row.get("error_rate"))),
        _Figure(
            "5xx", format_ratio(row.get("server_error_rate")), "server" if server_errors else "text"
        ),
        *(_Figure(n, format_duration(row.get(f"latency_{n}_ms"))) for n in ("p50", "p95", "p99")),
        _Figure("consumers", format_count(row.get("consumers"))),
    ]
    # A figure that the log doesn't tell says nothing in a picture.
    return [figure for figure in figures if figure.text != NULL]


def _draw_figures(drawing: Drawing, figures: list[_Figure], y: float) -> float:
    room = drawing.width - 2 * MARGIN
    widest = max((text_width(f.text, _FIGURE_SIZE * 1.1) for f in figures), default=0.0)
    columns = max(min(int(room // max(_LEAST_ROOM, widest + MARGIN)), len(figures)), 1)
    for i, figure in enumerate(figures):
        row, column = divmod(i, columns)
        x, top = MARGIN + column * room / columns, y + row * _FIGURE_HEIGHT
        drawing.text(x, top + TEXT_SIZE, figure.label, role="muted")
        drawing.text(
            x, top + TEXT_SIZE + 24, figure.text, role=figure.role, size=_FIGURE_SIZE, bold=True
        )
    rows = -(-len(figures) // columns)
    return y + rows * _FIGURE_HEIGHT

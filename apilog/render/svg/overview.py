"""A report in one picture: its main figures, traffic, latency and busiest endpoints."""

from __future__ import annotations

from typing import Any

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import Drawing
from apilog.render.svg.frame import MARGIN, draw_heading
from apilog.render.svg.headline import Headline, describe_window, draw_headlines
from apilog.render.svg.latency import latency_chart
from apilog.render.svg.rankings import endpoints_chart
from apilog.render.svg.theme import Theme
from apilog.render.svg.traffic import traffic_chart
from apilog.render.text.cell_text import NULL
from apilog.report_model import Report
from apilog.text.units import format_count, format_duration, format_ratio

_NAME, _TITLE = "overview", "API traffic"
_ENDPOINTS = 8


def overview_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the main figures, and the charts that say most beside them."""
    drawing = Drawing(width, theme)
    frame = read_table(report, _NAME)
    figures = _figures(frame.row(0, named=True) if frame.height else {})
    y = draw_heading(drawing, _TITLE, describe_window(report))
    y = draw_headlines(drawing, figures, y + MARGIN / 2)
    charts = [
        traffic_chart(report, width=width, theme=theme),
        latency_chart(report, width=width, theme=theme),
        endpoints_chart(report, width=width, theme=theme, top=_ENDPOINTS),
    ]
    for chart in charts:
        y = drawing.embed(chart, y)
    told = ", ".join(f"{figure.label} {figure.text}" for figure in figures)
    described = f"{told}; then traffic, latency over time and the busiest endpoints."
    return drawing.finish(y, _NAME, _TITLE, described)


def _figures(row: dict[str, Any]) -> list[Headline]:
    server_errors = row.get("server_errors") or 0
    figures = [
        Headline("requests", format_count(row.get("requests"))),
        Headline("errors", format_ratio(row.get("error_rate"))),
        Headline(
            "5xx", format_ratio(row.get("server_error_rate")), "server" if server_errors else "text"
        ),
        *(Headline(n, format_duration(row.get(f"latency_{n}_ms"))) for n in ("p50", "p95", "p99")),
        Headline("consumers", format_count(row.get("consumers"))),
    ]
    # A figure that the log doesn't tell says nothing in a picture.
    return [figure for figure in figures if figure.text != NULL]

"""p95 by hour of the day and weekday, in the report's zone."""

from __future__ import annotations

from typing import Any

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing, text_width
from apilog.render.svg.frame import MARGIN, draw_empty, draw_heading
from apilog.render.svg.grid import (
    GridCell,
    GridShape,
    draw_cell,
    draw_column_labels,
    draw_ramp_legend,
    step_of,
)
from apilog.render.svg.theme import Theme
from apilog.report_model import Report
from apilog.text.units import format_count, format_duration, format_ratio

_NAME, _TITLE = "heatmap", "p95 by hour and weekday"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = 24
_GAP = 6


def heatmap_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the p95 of every hour of the week; hours without a duration are empty outlines."""
    drawing = Drawing(width, theme)
    frame = read_table(report, _NAME).drop_nulls("weekday")
    p95 = [value for value in frame["latency_p95_ms"].to_list() if value is not None]
    if not p95:
        why = "No request has a duration." if frame.height else "No request has a time."
        return draw_empty(drawing, _NAME, _TITLE, why)
    # Zero has no logarithm; it gets the lowest colour.
    low, high = min((v for v in p95 if v > 0), default=1.0), max(max(p95), 0.001)
    low = min(low, high)
    rows = {(row["weekday"], row["hour_of_day"]): row for row in frame.iter_rows(named=True)}
    y = draw_heading(drawing, _TITLE, f"hours in {report.timezone}, logarithmic colours")
    has_gaps = len(p95) < len(_DAYS) * _HOURS
    y = draw_ramp_legend(
        drawing,
        "heat",
        format_duration(min(p95)),
        format_duration(high),
        y,
        unknown="no duration" if has_gaps else "",
    )
    left = MARGIN + max(map(text_width, _DAYS)) + _GAP
    wide = (width - MARGIN - left) / _HOURS
    shape = GridShape(left, y, wide, min(max(wide, 20.0), 34.0))
    for i, day in enumerate(_DAYS):
        middle = y + (i + 0.5) * shape.height + TEXT_SIZE / 3
        drawing.text(MARGIN, middle, day, role="muted")
        for hour in range(_HOURS):
            row = rows.get((i + 1, hour))
            draw_cell(drawing, shape, i, hour, "heat", _cell(row, f"{day} {hour:02}:00", low, high))
    end = y + len(_DAYS) * shape.height
    labels = [f"{hour:02}" for hour in range(_HOURS)]
    draw_column_labels(drawing, shape, labels, end + TEXT_SIZE + 2)
    worst = max(rows.values(), key=lambda row: row["latency_p95_ms"] or 0.0)
    described = (
        f"p95 by weekday and hour ({report.timezone}): between {format_duration(min(p95))} and "
        f"{format_duration(high)}, the most on {_DAYS[worst['weekday'] - 1]} at "
        f"{worst['hour_of_day']:02}:00. {len(p95)} of {len(_DAYS) * _HOURS} hours of the week have "
        "durations."
    )
    return drawing.finish(end + 2 * MARGIN + _GAP, _NAME, _TITLE, described)


def _cell(row: dict[str, Any] | None, when: str, low: float, high: float) -> GridCell:
    if row is None or row["latency_p95_ms"] is None:
        count = row["requests"] if row else 0
        return GridCell(None, title=f"{when}: {format_count(count)} requests, no duration")
    p95 = row["latency_p95_ms"]
    title = (
        f"{when}: p95 {format_duration(p95)}, {format_count(row['requests'])} requests, "
        f"{format_ratio(row['error_rate'])} errors"
    )
    return GridCell(step_of(p95, low, high, is_logarithmic=True), format_duration(p95), title)

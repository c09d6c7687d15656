"""Requests over time, stacked by class of status, with the anomalies among them.

Where there are more buckets than room, several share a column, and their requests add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import Drawing
from apilog.render.svg.frame import (
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.scales import linear_scale
from apilog.render.svg.theme import Theme
from apilog.render.svg.time_plot import (
    TimePlot,
    draw_time_plot,
    largest,
    most_columns,
    time_columns,
)
from apilog.render.text.cell_text import format_value, metric_unit
from apilog.report_model import Report
from apilog.text.units import format_count, format_ratio

_NAME, _TITLE = "traffic", "Traffic"
_FINEST_COLUMN = 3.0
"""Pixels of a column at least."""
_MARK_ROOM = 14.0
"""Pixels above the plot, where anomalies are marked."""
_MOST_ANOMALIES = 40
_CLASSES = (
    # Errors stand on the base line, where their heights can be compared.
    ("server_errors", "server", "5xx"),
    ("client_errors", "client", "4xx"),
    ("redirects", "redirect", "3xx"),
    ("successes", "success", "2xx"),
    ("others", "unknown", "other or no status"),
)
"""Column, colour and name, from the base line up."""
_UNDIVIDED = (*_CLASSES[:2], ("others", "success", "no error"))
"""The classes where the report does not tell the others apart."""
_MARKS = {"spike": "▲", "drop": "▼", "outage": "▼", "shift": "▶"}


def traffic_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the requests over time, stacked by class of status, with the anomalies in them."""
    drawing = Drawing(width, theme)
    traffic, classes = _classified(report)
    sums = [pl.col(name).sum() for name in ("requests", *(name for name, _, _ in classes))]
    most = most_columns(drawing, max(int(width // _FINEST_COLUMN) - 30, 20))
    columns = time_columns(report, traffic, sums, most)
    if columns is None:
        return draw_empty(drawing, _NAME, _TITLE, "No request has a time.")
    frame = columns.frame
    anomalies, left_out = _strongest_anomalies(report)
    shown = [one for one in classes if frame[one[0]].sum()]
    subtitle = ", ".join(filter(None, ["requests", columns.step, report.timezone]))
    top = draw_heading(drawing, _TITLE, subtitle)
    legend = [LegendEntry(role, label) for _, role, label in reversed(shown)]
    if anomalies:
        legend.append(LegendEntry("anomaly", "anomaly", "▲"))
    top = draw_legend(drawing, legend, top) + (_MARK_ROOM if anomalies else 0)
    plot, end = draw_time_plot(
        drawing,
        columns,
        top,
        lambda low, high: linear_scale(0, largest(frame["requests"]), low, high, least_step=1),
        lambda count: format_count(count, compact=True),
    )
    _draw_anomalies(drawing, plot, anomalies)
    labels = columns.labels()
    for row, label in zip(frame.iter_rows(named=True), labels, strict=True):
        _draw_stack(drawing, plot, row, shown, label)
    described = _describe(frame, labels, columns.step, report.timezone)
    if anomalies:
        described += f" {len(anomalies) + left_out} anomalies, the strongest: {anomalies[0].text}."
    return drawing.finish(end + MARGIN, _NAME, _TITLE, described)


def _describe(frame: pl.DataFrame, labels: Sequence[str], step: str, timezone: str) -> str:
    requests: list[int] = frame["requests"].to_list()
    most = max(requests)
    return (
        f"{format_count(sum(requests))} requests from {labels[0]} to {labels[-1]} ({timezone}), "
        f"{step}; the most, {format_count(most)}, at {labels[requests.index(most)]}. "
        f"{format_count(sum(frame['client_errors'].to_list()))} were answered 4xx, "
        f"{format_count(sum(frame['server_errors'].to_list()))} 5xx."
    )


_StatusClasses = Sequence[tuple[str, str, str]]


def _classified(report: Report) -> tuple[pl.DataFrame, _StatusClasses]:
    """Return the traffic table with a column for each class of status, and these classes."""
    traffic, statuses = read_table(report, "traffic"), read_table(report, "status_traffic")
    classes = _CLASSES if statuses.height else _UNDIVIDED
    if statuses.height:
        status, requests = pl.col("status"), pl.col("requests")
        divided = statuses.group_by("timestamp").agg(
            requests.filter(status.is_between(low, low + 99)).sum().alias(name)
            for low, name in ((200, "successes"), (300, "redirects"))
        )
        traffic = traffic.join(divided, on="timestamp", how="left", nulls_equal=True)
    known = [name for name, _, _ in classes if name != "others"]
    traffic = traffic.with_columns(pl.col("requests", *known).fill_null(0))
    rest = pl.col("requests") - pl.sum_horizontal(known)
    return traffic.with_columns(rest.clip(lower_bound=0).alias("others")), classes


def _draw_stack(
    drawing: Drawing, plot: TimePlot, row: Mapping[str, Any], classes: _StatusClasses, label: str
) -> None:
    """Draw the classes of one column on each other; what happened at all is seen."""
    left, right = plot.at(row["timestamp"]), plot.at(row["end"])
    gap = 1.0 if right - left >= 4 else 0.0
    counted = [(row[name], role, title) for name, role, title in classes if row[name]]
    parts = ", ".join(f"{title} {format_count(n)}" for n, _, title in reversed(counted))
    errors = row["client_errors"] + row["server_errors"]
    rate = format_ratio(errors / row["requests"]) if row["requests"] else ""
    y, bars = plot.bottom, []
    for count, role, _ in counted:
        height = max(plot.bottom - plot.values.place(count), 1.0)
        top = max(y - height, plot.top)
        bars.append((top, y, role))
        y = top
    with drawing.group(title=f"{label}: {parts}; {rate} errors"):
        for top, bottom, role in bars:
            drawing.rect(left, top, right - left - gap, bottom - top, role)


@dataclass(frozen=True, slots=True)
class _MarkedAnomaly:
    start: datetime
    end: datetime
    mark: str
    text: str


def _strongest_anomalies(report: Report) -> tuple[list[_MarkedAnomaly], int]:
    """Return the anomalies to mark, strongest first, and how many others there are."""
    frame = read_table(report, "anomalies")
    if not {"timestamp", "end", "metric", "value", "kind", "score"} <= set(frame.columns):
        return [], 0
    ranked = frame.drop_nulls(["timestamp", "end"]).sort(
        pl.col("score").abs(), descending=True, nulls_last=True, maintain_order=True
    )
    rows = ranked.head(_MOST_ANOMALIES).iter_rows(named=True)
    marked = [
        _MarkedAnomaly(
            row["timestamp"], row["end"], _MARKS.get(row["kind"], "◆"), _describe_anomaly(row)
        )
        for row in rows
    ]
    return marked, ranked.height - len(marked)


def _describe_anomaly(row: Mapping[str, Any]) -> str:
    unit = metric_unit(row["metric"])
    value = format_value(row["value"], unit, "UTC")
    text = f"{row['kind']} of {str(row['metric']).replace('_', ' ')}, {value}"
    if row.get("expected") is not None:
        text += f" (expected {format_value(row['expected'], unit, 'UTC')})"
    keys = ("gateway", "method", "route", "consumer")
    place = " ".join(str(row[key]) for key in keys if row.get(key) is not None)
    return f"{text}: {place}" if place else text


def _draw_anomalies(drawing: Drawing, plot: TimePlot, anomalies: Sequence[_MarkedAnomaly]) -> None:
    """Shade the time of each stretch of anomalies, and mark the strongest of those that overlap."""
    for left, right in _united((plot.at(a.start), plot.at(a.end)) for a in anomalies):
        wide = max(right - left, 2.0)
        drawing.rect(left, plot.top, wide, plot.bottom - plot.top, "anomaly", fill_opacity=0.16)
    taken: list[float] = []
    for anomaly in anomalies:
        x = (plot.at(anomaly.start) + plot.at(anomaly.end)) / 2
        if all(abs(x - other) > _MARK_ROOM for other in taken):
            taken.append(x)
            drawing.text(
                x, plot.top - 3, anomaly.mark, role="anomaly", anchor="middle", title=anomaly.text
            )


def _united(spans: Any) -> list[tuple[float, float]]:
    """Return the spans with those that touch each other as one."""
    united: list[tuple[float, float]] = []
    for left, right in sorted(spans):
        if united and left <= united[-1][1]:
            united[-1] = united[-1][0], max(right, united[-1][1])
        else:
            united.append((left, right))
    return united

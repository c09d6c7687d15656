"""Traffic over time, and the anomalies in it.

A chart needs at least two buckets; anomalies stand in order of their strength.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from zoneinfo import ZoneInfo

import polars as pl

from apilog.metrics import Unit
from apilog.render.sections.columns import format_short_times
from apilog.render.sections.report_view import ReportView, has_values, ranking_section
from apilog.render.sections.section import Charts, ChartSeries, Column, Section, TextColumn
from apilog.render.text.cell_text import (
    NULL,
    column_unit,
    format_value,
    metric_unit,
    time_pattern,
)
from apilog.text.units import format_count, format_duration

_ChartedColumn = tuple[str, str, Unit | None, int, str, Callable[[Sequence[float]], float]]
_SERIES: Sequence[_ChartedColumn] = (
    ("requests", "requests", Unit.COUNT, 3, "cyan", sum),
    ("errors", "errors", Unit.COUNT, 1, "red", sum),
    ("latency_p95_ms", "p95", Unit.MILLISECONDS, 1, "magenta", max),
)
"""Column, label, unit, lines, style, and what makes one value of several buckets."""


def traffic_section(view: ReportView) -> Section | None:
    """Chart the traffic; None if there are fewer than two buckets, which would show nothing."""
    frame = view.table("traffic")
    if "timestamp" in frame.columns:
        frame = frame.drop_nulls("timestamp")  # requests without a time, or at a stray one
    if frame.height < 2 or not has_values(frame, "timestamp", "requests"):
        return None
    zone = ZoneInfo(view.report.timezone)
    times = [moment.astimezone(zone) for moment in frame["timestamp"]]
    series = []
    further: list[_ChartedColumn] = [
        (name, title, column_unit(name), 1, "green", max)
        for name, title in view.asked_columns(frame).items()
    ]
    for column, label, unit, height, style, merge in (*_SERIES, *further):
        if has_values(frame, column):
            values: list[float | None] = frame[column].to_list()
            peak = format_value(frame[column].max(), unit, "UTC")
            series.append(
                ChartSeries(
                    label=label, peak=peak, values=values, height=height, style=style, merge=merge
                )
            )
    busiest = frame["requests"].arg_max() or 0
    step = f"{view.report.bucket} steps, " if view.report.bucket else ""
    when = times[busiest].strftime(time_pattern(times))
    return Section(
        title="Traffic",
        subtitle=f"{step}peak {format_count(frame['requests'][busiest])} at {when}",
        blocks=[Charts(series=series, times=times)],
    )


_ANOMALY_MARKS = {"spike": "▲", "drop": "▼", "outage": "▼", "shift": "▶"}


def anomalies_section(view: ReportView) -> Section | None:
    """Rank what was unexpected by its strength, each value with its metric's unit."""
    frame = view.table("anomalies")
    if not has_values(frame, "timestamp", "metric", "value"):
        return None
    if has_values(frame, "score"):
        frame = frame.sort(
            pl.col("score").abs(), descending=True, nulls_last=True, maintain_order=True
        )
    columns = partial(_anomaly_columns, view.report.timezone)
    return ranking_section(frame, columns, view.row_limit(5, frame.height), title="Anomalies")


def _anomaly_columns(timezone: str, frame: pl.DataFrame) -> list[Column]:
    metrics = [str(metric) for metric in frame["metric"].to_list()]
    names = [metric.replace("_", " ") for metric in metrics]
    columns: list[Column] = [
        TextColumn(title="time", cells=format_short_times(frame["timestamp"], timezone)),
    ]
    if has_values(frame, "end"):
        lengths = (frame["end"] - frame["timestamp"]).dt.total_milliseconds()
        texts = [NULL if ms is None else format_duration(ms) for ms in lengths]
        columns.append(TextColumn(title="for", cells=texts, align_right=True, drop_order=3))
    columns += [
        TextColumn(title="metric", cells=names, is_flexible=True),
        TextColumn(
            title="value",
            cells=_anomaly_values(frame, "value", metrics),
            align_right=True,
            styles="bold",
        ),
    ]
    if "expected" in frame.columns:
        expected = _anomaly_values(frame, "expected", metrics)
        columns.append(TextColumn(title="expected", cells=expected, align_right=True, drop_order=1))
    if "score" in frame.columns:
        scores = [format_value(score, None, timezone) for score in frame["score"].round(1)]
        columns.append(TextColumn(title="score", cells=scores, align_right=True, drop_order=5))
    if "kind" in frame.columns:
        kinds = [NULL if kind is None else str(kind) for kind in frame["kind"]]
        cells = [f"{_ANOMALY_MARKS.get(kind, ' ')} {kind}" for kind in kinds]
        columns.append(TextColumn(title="", cells=cells, styles="yellow", drop_order=2))
    places = [_place(row) for row in frame.iter_rows(named=True)]
    if any(places):
        columns.append(TextColumn(title="of", cells=places, is_flexible=True, drop_order=1))
    return columns


def _place(row: dict[str, object]) -> str:
    """Return what an anomaly is of, or else what explains most of it."""
    part = [str(row[key]) for key in ("method", "route", "consumer") if row.get(key) is not None]
    if part or row.get("gateway") is not None:
        return " ".join(part) or str(row["gateway"])
    return str(row.get("routes") or row.get("consumers") or "")


def _anomaly_values(frame: pl.DataFrame, column: str, metrics: list[str]) -> list[str]:
    return [
        format_value(value, metric_unit(metric), "UTC")
        for value, metric in zip(frame[column].to_list(), metrics, strict=True)
    ]

"""Latency over time: p50, p95 and p99 as bands.

A bucket in which no duration is known is a gap. Percentiles are never averaged: where several
buckets share a column, it shows the largest of them, and says so.
"""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import Drawing, Point
from apilog.render.svg.frame import (
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.scales import ValueScale, duration_step, linear_scale, logarithmic_scale
from apilog.render.svg.theme import Theme
from apilog.render.svg.time_plot import (
    TimePlot,
    draw_time_plot,
    largest,
    most_columns,
    time_columns,
)
from apilog.report_model import Report
from apilog.text.units import format_count, format_duration

_NAME, _TITLE = "latency", "Latency over time"
_BANDS = (("latency_p99_ms", "p99"), ("latency_p95_ms", "p95"), ("latency_p50_ms", "p50"))
"""Column, and its name and colour; from the top down."""
MUCH = 30.0
"""From that ratio of the largest latency to the smallest on, the axis is logarithmic."""


def latency_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw p50, p95 and p99 over time as bands; a bucket without durations is a gap."""
    drawing = Drawing(width, theme)
    traffic = read_table(report, "traffic")
    largest_ones = [pl.col(name).max() for name, _ in _BANDS]
    columns = time_columns(report, traffic, largest_ones, most_columns(drawing, width // 2))
    if columns is None:
        return draw_empty(drawing, _NAME, _TITLE, "No request has a time.")
    frame = columns.frame
    if not frame["latency_p99_ms"].count():
        return draw_empty(drawing, _NAME, _TITLE, "No request has a duration.")
    low, high = _extremes(frame)
    is_logarithmic = high / low > MUCH
    notes = [
        columns.step + (", the largest of them" if columns.is_merged else ""),
        "logarithmic axis" if is_logarithmic else "",
        report.timezone,
    ]
    top = draw_heading(drawing, _TITLE, ", ".join(filter(None, notes)))
    top = draw_legend(drawing, [LegendEntry(name, name, "line") for _, name in _BANDS], top)

    def scale(start: float, end: float) -> ValueScale:
        if is_logarithmic:
            return logarithmic_scale(low, high, start, end)
        return linear_scale(0, high, start, end, step_of=duration_step)

    plot, end = draw_time_plot(drawing, columns, top, scale, format_duration)
    for run in _known_runs(frame):
        _draw_run(drawing, plot, run)
    p95, labels = frame["latency_p95_ms"].to_list(), columns.labels()
    known = [value for value in p95 if value is not None]
    described = (
        f"Latency from {labels[0]} to {labels[-1]} ({report.timezone}), {columns.step}: p95 is "
        f"between {format_duration(min(known))} and {format_duration(max(known))}, the most at "
        f"{labels[p95.index(max(known))]}; p99 is at most {format_duration(high)}."
    )
    if gaps := len(p95) - len(known):
        described += f" In {format_count(gaps)} of {format_count(len(p95))} no duration is known."
    return drawing.finish(end + MARGIN, _NAME, _TITLE, described)


def _extremes(frame: pl.DataFrame) -> tuple[float, float]:
    """Return the smallest latency above zero and the largest; 1 ms where all are zero."""
    names = [name for name, _ in _BANDS]
    values = [frame[name].drop_nulls() for name in names]
    above = [value for series in values for value in series if value > 0]
    high = max(map(largest, values)) or 1.0
    return min(above, default=high), high


def _known_runs(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the stretches of columns in which the latencies are known."""
    known = frame["latency_p99_ms"].is_not_null()
    runs = frame.with_columns(known.alias("known"), known.rle_id().alias("run"))
    return [run for run in runs.partition_by("run", maintain_order=True) if run["known"][0]]


def _draw_run(drawing: Drawing, plot: TimePlot, run: pl.DataFrame) -> None:
    """Draw the bands as steps: a percentile is about its whole bucket, not about the start."""
    times = [(plot.at(start), plot.at(end)) for start, end in run["timestamp", "end"].iter_rows()]
    edges: list[list[Point]] = []
    for name, _ in _BANDS:
        heights = map(plot.values.place, run[name])
        edges.append([(x, y) for pair, y in zip(times, heights, strict=True) for x in pair])
    edges.append([(times[0][0], plot.bottom), (times[-1][1], plot.bottom)])
    for (_, role), (upper, lower) in zip(_BANDS, pairwise(edges), strict=True):
        drawing.area([*upper, *reversed(lower)], role, fill_opacity=0.2)
    for (_, role), points in zip(_BANDS, edges, strict=False):
        drawing.polyline(points, role)

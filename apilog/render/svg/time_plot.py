"""The plot of a chart over time: the columns it has, and where times and values lie in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from apilog.aggregate.time_buckets import bucket_ends
from apilog.render.svg.drawing import Drawing
from apilog.render.svg.frame import (
    MARGIN,
    draw_time_axis,
    draw_value_axis,
    plot_height,
    tick_room,
)
from apilog.render.svg.scales import ValueScale
from apilog.render.svg.theme import Theme
from apilog.render.text.cell_text import time_pattern
from apilog.report_model import Report

PAGE_COLUMNS = 60
"""Columns of a chart in a page, whose script draws all buckets in its place."""


def most_columns(drawing: Drawing, room: int) -> int:
    """Return how many columns a chart that has room for so many may have."""
    return min(room, PAGE_COLUMNS) if drawing.theme is Theme.PAGE else room


@dataclass(frozen=True, slots=True)
class TimeColumns:
    """The buckets of the traffic table as columns of a chart, several in each if need be."""

    frame: pl.DataFrame
    """`timestamp`, `end` and the values of each column."""
    step: str
    """How long the columns are, for people."""
    zone: ZoneInfo
    is_merged: bool
    """Whether columns hold several buckets."""

    @property
    def limits(self) -> tuple[datetime, datetime]:
        """Where the first column starts and the last one ends."""
        return self.frame["timestamp"][0], self.frame["end"][-1]

    def labels(self) -> list[str]:
        """Return the start of each column in the zone, as short as tells them apart."""
        times = [moment.astimezone(self.zone) for moment in self.frame["timestamp"]]
        clock = time_pattern(times).removeprefix("%m-%d ")
        pattern = clock if clock.startswith("%Y") else f"%Y-%m-%d {clock}"
        return [moment.strftime(pattern) for moment in times]


def time_columns(
    report: Report, traffic: pl.DataFrame, values: Sequence[pl.Expr], most: int
) -> TimeColumns | None:
    """Return the traffic table in at most `most` columns; None if it has no bucket of time.

    `values` are what one column shows of the buckets that share it.
    """
    frame = traffic.drop_nulls("timestamp").sort("timestamp")
    if frame.is_empty():
        return None
    step, starts = report.bucket, frame["timestamp"]
    ends = (
        bucket_ends(starts, step, report.timezone)
        if step
        else starts.shift(-1, fill_value=starts[-1] + timedelta(seconds=1))
    )
    shared = max(1, -(-frame.height // max(most, 1)))
    columns = (
        frame.with_columns(ends.alias("end"))
        .group_by(pl.int_range(pl.len()) // shared, maintain_order=True)
        .agg(pl.col("timestamp").first(), pl.col("end").last(), *values)
    )
    text = f"steps of {step}" if step else ""
    if shared > 1:
        text = f"{shared} {text or 'steps'} in each column"
    return TimeColumns(columns, text, ZoneInfo(report.timezone), shared > 1)


@dataclass(frozen=True, slots=True)
class TimePlot:
    """The rectangle that values over time are drawn in."""

    left: float
    right: float
    top: float
    bottom: float
    values: ValueScale
    since: datetime
    until: datetime

    def at(self, moment: datetime) -> float:
        """Return the pixel of a time; what lies outside is moved to the nearer edge."""
        share = (moment - self.since) / ((self.until - self.since) or timedelta(seconds=1))
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)


def draw_time_plot(
    drawing: Drawing,
    columns: TimeColumns,
    top: float,
    scale: Callable[[float, float], ValueScale],
    label: Callable[[float], str],
) -> tuple[TimePlot, float]:
    """Draw both axes; return the plot between them, and where the chart ends below.

    `scale` makes the values' scale of the pixels of the lower and the upper end.
    """
    bottom = top + plot_height(drawing.width)
    values = scale(bottom, top)
    labels = [label(tick) for tick in values.ticks]
    left, right = MARGIN + tick_room(labels), float(drawing.width - MARGIN)
    draw_value_axis(drawing, values, labels, left, right)
    plot = TimePlot(left, right, top, bottom, values, *columns.limits)
    return plot, draw_time_axis(drawing, columns.limits, columns.zone, plot.at, bottom)


def largest(values: pl.Series) -> float:
    """Return the largest of the known values, or 0."""
    value = values.max()
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0

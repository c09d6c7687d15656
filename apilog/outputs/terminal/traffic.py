"""Traffic: requests, errors and latency over the window, and what stands out in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl
from rich.text import Text

from apilog.metrics import Unit
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import display
from apilog.outputs.terminal.charts import Series, charts, time_pattern
from apilog.outputs.terminal.page import Page, Section, shows
from apilog.units import format_count


def traffic(page: Page) -> Section | None:
    """The charts; None if there are fewer than two buckets, which would show nothing."""
    frame = page.table("traffic")
    if frame.height < 2 or not shows(frame, "timestamp", "requests"):
        return None
    series = _series(frame)
    zone = ZoneInfo(page.report.timezone)
    times = [moment.astimezone(zone) for moment in frame["timestamp"]]

    def draw(width: int) -> list[Text]:
        return charts(series, times, width)

    return Section(title="Traffic", subtitle=_subtitle(frame, page.report.bucket, times), draw=draw)


def _series(frame: pl.DataFrame) -> list[Series]:
    found = [_of(frame, "requests", "requests", Unit.COUNT, 3, "cyan", sum)]
    if shows(frame, "errors"):
        found.append(_of(frame, "errors", "errors", Unit.COUNT, 1, "red", sum))
    if shows(frame, "latency_p95_ms"):
        found.append(_of(frame, "latency_p95_ms", "p95", Unit.MILLISECONDS, 1, "magenta", max))
    return found


def _of(
    frame: pl.DataFrame,
    column: str,
    label: str,
    unit: Unit,
    height: int,
    style: str,
    merge: Callable[[Sequence[float]], float],
) -> Series:
    values: list[float | None] = frame[column].to_list()
    peak = max((value for value in values if value is not None), default=None)
    return Series(
        label=label,
        values=values,
        peak=display(peak, unit, "UTC"),
        height=height,
        style=style,
        merge=merge,
    )


def _subtitle(frame: pl.DataFrame, bucket: str | None, times: Sequence[datetime]) -> str:
    peak = frame["requests"].arg_max() or 0
    step = f"{terminal_text(bucket)} steps, " if bucket else ""
    when = times[peak].strftime(time_pattern(times))
    return f"{step}peak {format_count(frame['requests'][peak])} at {when}"

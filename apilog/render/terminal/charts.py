"""Bars and charts made of block characters, over a common time axis.

A value above zero always shows, and zero never does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from apilog.render.terminal.fit_text import clip_line, natural_width, pad_text

_RISING = " ▁▂▃▄▅▆▇█"
_GROWING = " ▏▎▍▌▋▊▉█"


def draw_bar(fraction: float | None, width: int) -> str:
    """A bar of up to `width` cells, in eighths of a cell."""
    eighths = _to_eighths(fraction or 0.0, width)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_GROWING[rest] if rest else "")


def draw_chart(values: Sequence[float | None], height: int) -> list[str]:
    """Columns of up to `height` cells, scaled to the largest value; from the top down."""
    largest = max((value for value in values if value is not None), default=0.0)
    levels = [
        _to_eighths((value or 0.0) / largest if largest > 0 else 0.0, height) for value in values
    ]
    return [
        "".join(_RISING[min(8, max(0, level - 8 * row))] for level in levels)
        for row in reversed(range(height))
    ]


def _to_eighths(fraction: float, cells: int) -> int:
    if not math.isfinite(fraction) or fraction <= 0:
        return 0
    return min(8 * cells, max(1, round(fraction * 8 * cells)))


ChartValues = Sequence[float | None]

_INDENT = "  "
_WIDEST_BUCKET = 6
"""Cells a bucket takes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeries:
    """One value a bucket, and how to draw them."""

    label: str
    peak: str
    """The largest value, formatted."""
    values: ChartValues
    height: int
    style: str
    merge: Callable[[Sequence[float]], float]
    """Makes one of several buckets, where there are more of them than cells."""


def draw_charts(series: Sequence[ChartSeries], times: Sequence[datetime], width: int) -> list[Text]:
    """The charts with their labels and peaks, and the times at both ends."""
    labels = natural_width([one.label for one in series])
    peaks = natural_width([one.peak for one in series])
    margin = len(_INDENT) + labels + 2 + peaks + 1
    if width - margin < min(len(times), width // 2):
        series, peaks, margin = [replace(one, peak="") for one in series], 0, margin - peaks - 1
    room = max(1, width - margin)
    buckets = -(-len(times) // room)
    scale = max(1, min(_WIDEST_BUCKET, room // -(-len(times) // buckets)))
    lines = []
    for one in series:
        merged = _merge_buckets(one, buckets)
        for i, row in enumerate(draw_chart(merged, one.height)):
            label = pad_text(Text(one.label if i == 0 else ""), labels)
            peak = pad_text(Text(one.peak if i == 0 else "", "dim"), peaks, right=True)
            drawn = Text("".join(block * scale for block in row), one.style)
            lines.append(_assemble_line([label, "  ", peak, " " if peaks else "", drawn], width))
    cells = scale * -(-len(times) // buckets)
    return [*lines, clip_line(Text(" " * margin + time_axis(times, cells), "dim"), width)]


def time_axis(times: Sequence[datetime], cells: int) -> str:
    """The first time and the last, at the ends of that many cells if there is room."""
    pattern = time_pattern(times)
    first, last = times[0].strftime(pattern), times[-1].strftime(pattern)
    between = cells - cell_len(first) - cell_len(last)
    return first + (" " * between if between > 0 else " – ") + last


def time_pattern(times: Sequence[datetime]) -> str:
    """The shortest pattern that tells the times apart."""
    if any(moment.second for moment in times):
        clock = "%H:%M:%S"
    elif any(moment.hour or moment.minute for moment in times):
        clock = "%H:%M"
    else:
        return "%Y-%m-%d"
    return clock if times[0].date() == times[-1].date() else f"%m-%d {clock}"


def _merge_buckets(series: ChartSeries, buckets: int) -> list[float | None]:
    merged: list[float | None] = []
    for start in range(0, len(series.values), buckets):
        known = [v for v in series.values[start : start + buckets] if v is not None]
        merged.append(series.merge(known) if known else None)
    return merged


def _assemble_line(parts: Sequence[Text | str], width: int) -> Text:
    line = Text.assemble(_INDENT, *parts)
    line.rstrip()
    return clip_line(line, width)

"""Bars and charts made of block characters.

A value above zero always shows, and zero never does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from apilog.render.sections.section import Charts
from apilog.render.terminal.fit_text import clip_line, natural_width, pad_text
from apilog.render.text.cell_text import time_pattern

_RISING = " ▁▂▃▄▅▆▇█"
_GROWING = " ▏▎▍▌▋▊▉█"


def draw_bar(fraction: float | None, width: int) -> str:
    """Return a bar of up to `width` columns, in eighths of a column."""
    eighths = _to_eighths(fraction or 0.0, width)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_GROWING[rest] if rest else "")


def draw_share(share: float | None, width: int) -> tuple[str, str]:
    """Return a bar relative to a whole, and the dots that fill up the whole."""
    filled = draw_bar(min(share or 0.0, 1.0), width)
    return filled, "·" * (width - len(filled))


def draw_chart(values: Sequence[float | None], height: int) -> list[str]:
    """Return the lines of a chart from the top down, scaled to the largest value."""
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


_INDENT = "  "
_WIDEST_BUCKET = 6
"""The most columns of a terminal that one bucket takes."""


def draw_charts(charts: Charts, width: int) -> list[Text]:
    """Draw the charts with their labels and peaks, and the times at both ends."""
    series, times = charts.series, charts.times
    labels = natural_width([one.label for one in series])
    peaks = natural_width([one.peak for one in series])
    margin = len(_INDENT) + labels + 2 + peaks + 1
    if width - margin < min(len(times), width // 2):
        series, peaks, margin = [replace(one, peak="") for one in series], 0, margin - peaks - 1
    room = max(1, width - margin)
    # Rounded up: where there are more buckets than columns, several share one.
    per_column = -(-len(times) // room)
    columns = -(-len(times) // per_column)
    scale = max(1, min(_WIDEST_BUCKET, room // columns))
    lines = []
    for one in series:
        merged: list[float | None] = []
        for start in range(0, len(one.values), per_column):
            values = [v for v in one.values[start : start + per_column] if v is not None]
            merged.append(one.merge(values) if values else None)
        for i, blocks in enumerate(draw_chart(merged, one.height)):
            label = pad_text(Text(one.label if i == 0 else ""), labels)
            peak = pad_text(Text(one.peak if i == 0 else "", "dim"), peaks, right=True)
            chart = Text("".join(block * scale for block in blocks), one.style)
            line = Text.assemble(_INDENT, label, "  ", peak, " " if peaks else "", chart)
            line.rstrip()
            lines.append(clip_line(line, width))
    pattern = time_pattern(times)
    first, last = times[0].strftime(pattern), times[-1].strftime(pattern)
    between = scale * columns - cell_len(first) - cell_len(last)
    axis = " " * margin + first + (" " * between if between > 0 else " – ") + last
    return [*lines, clip_line(Text(axis, "dim"), width)]

"""Charts one below the other over a common time axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from apilog.outputs.terminal.bars import chart
from apilog.outputs.terminal.text import clip, natural_width, pad

Values = Sequence[float | None]

_INDENT = "  "
_WIDEST = 6
"""Cells a bucket takes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One value a bucket, and how to draw them."""

    label: str
    peak: str
    """The largest value, formatted."""
    values: Values
    height: int
    style: str
    merge: Callable[[Sequence[float]], float]
    """Makes one of several buckets, where there are more of them than cells."""


def charts(series: Sequence[Series], times: Sequence[datetime], width: int) -> list[Text]:
    """The charts with their labels and peaks, and the times at both ends."""
    labels = natural_width([one.label for one in series])
    peaks = natural_width([one.peak for one in series])
    margin = len(_INDENT) + labels + 2 + peaks + 1
    if width - margin < min(len(times), width // 2):
        series, peaks, margin = [replace(one, peak="") for one in series], 0, margin - peaks - 1
    room = max(1, width - margin)
    buckets = -(-len(times) // room)
    scale = max(1, min(_WIDEST, room // -(-len(times) // buckets)))
    lines = []
    for one in series:
        merged = _merged(one, buckets)
        for i, row in enumerate(chart(merged, one.height)):
            label = pad(Text(one.label if i == 0 else ""), labels)
            peak = pad(Text(one.peak if i == 0 else "", "dim"), peaks, right=True)
            drawn = Text("".join(block * scale for block in row), one.style)
            lines.append(_line([label, "  ", peak, " " if peaks else "", drawn], width))
    cells = scale * -(-len(times) // buckets)
    return [*lines, clip(Text(" " * margin + time_axis(times, cells), "dim"), width)]


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


def _merged(series: Series, buckets: int) -> list[float | None]:
    merged: list[float | None] = []
    for start in range(0, len(series.values), buckets):
        known = [v for v in series.values[start : start + buckets] if v is not None]
        merged.append(series.merge(known) if known else None)
    return merged


def _line(parts: Sequence[Text | str], width: int) -> Text:
    line = Text.assemble(_INDENT, *parts)
    line.rstrip()
    return clip(line, width)

"""How often requests took how long, on a logarithmic axis.

Bars unite neighbouring buckets of the report's sketch, whose counts add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing, text_width
from apilog.render.svg.frame import (
    LINE,
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
    draw_value_axis,
    plot_height,
    tick_room,
)
from apilog.render.svg.scales import ValueScale, linear_scale, logarithmic_scale
from apilog.render.svg.theme import Theme
from apilog.report_model import Report
from apilog.text.units import format_count, format_duration, format_ratio

_NAME, _TITLE = "histogram", "Latency histogram"
_FINEST_BAR = 5.0
"""Pixels of a bar at least."""
_LEAST_FACTOR = 1.6
"""The axis reaches from its middle at least this far."""
_QUANTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class _Bar:
    low: float
    high: float
    requests: int


def histogram_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the durations as a histogram, with p50, p95 and p99 marked on it."""
    drawing = Drawing(width, theme)
    frame = read_table(report, _NAME)
    buckets = [_Bar(*row) for row in frame.iter_rows()]
    total = sum(bucket.requests for bucket in buckets)
    if not total:
        return draw_empty(drawing, _NAME, _TITLE, "No request has a duration.")
    zero = sum(bucket.requests for bucket in buckets if bucket.high <= 0)
    timed = [bucket for bucket in buckets if bucket.high > 0]
    marks = _quantiles(report)
    notes = ["requests, logarithmic axis"]
    if zero:
        notes.append(f"{format_ratio(zero / total)} took 0 ms and have no place on it")
    y = draw_heading(drawing, _TITLE, ", ".join(notes))
    legend = [LegendEntry(n, f"{n} {format_duration(v)}", "line") for n, v in marks.items()]
    y = draw_legend(drawing, legend, y)
    if not timed:
        described = f"All {format_count(total)} known durations are 0 ms."
        return drawing.finish(y + MARGIN, _NAME, _TITLE, described)
    end = _draw_plot(drawing, timed, marks, total, y)
    told = ", ".join(f"{name} {format_duration(value)}" for name, value in marks.items())
    most = max(timed, key=lambda bucket: bucket.requests)
    described = (
        f"{format_count(total)} durations; the most common is about {format_duration(most.high)}"
        f"{f'; {told}' if told else ''}."
    )
    return drawing.finish(end + MARGIN, _NAME, _TITLE, described)


def _quantiles(report: Report) -> dict[str, float]:
    """Return p50, p95 and p99 of all requests, where the report says them."""
    overview = read_table(report, "overview")
    names = {name: f"latency_{name}_ms" for name in _QUANTILES}
    if overview.height != 1:
        return {}
    values = {n: overview[c][0] for n, c in names.items() if c in overview.columns}
    return {name: value for name, value in values.items() if value is not None}


def _draw_plot(
    drawing: Drawing, timed: Sequence[_Bar], marks: dict[str, float], total: int, top: float
) -> float:
    bottom = top + plot_height(drawing.width)
    low, high = max(timed[0].low, 0.001), max(timed[-1].high, 0.002)
    spread = math.sqrt(high / low)
    if spread < _LEAST_FACTOR:
        middle = math.sqrt(low * high)
        low, high = middle / _LEAST_FACTOR, middle * _LEAST_FACTOR
    right = float(drawing.width - MARGIN)
    # The labels of the counts decide where the plot begins, and that how wide bars are.
    room = tick_room([format_count(88_888, compact=True)])
    across = logarithmic_scale(
        low, high, MARGIN + room, right, most_ticks=max(int((right - room) // 90), 2), is_exact=True
    )
    bars = _unite(timed, across)
    most = max(bar.requests for bar in bars)
    values = linear_scale(0, most, bottom, top, least_step=1)
    labels = [format_count(tick, compact=True) for tick in values.ticks]
    draw_value_axis(drawing, values, labels, MARGIN + room, right)
    for bar in bars:
        _draw_bar(drawing, bar, across, values, total)
    for name, value in marks.items():
        if value > 0:
            x = across.place(value)
            drawing.line((x, top), (x, bottom), name, stroke_width=2, stroke_dasharray="4 3")
    free = 0.0
    for tick in across.ticks:
        x, label = across.place(tick), format_duration(tick)
        drawing.line((x, bottom), (x, bottom + 4), "axis")
        half = text_width(label) / 2
        x = min(x, drawing.width - half - MARGIN / 2)
        if x - half >= free:
            drawing.text(x, bottom + TEXT_SIZE + 6, label, role="muted", anchor="middle")
            free = x + half + 4
    return bottom + LINE


def _unite(timed: Sequence[_Bar], across: ValueScale) -> list[_Bar]:
    """Return bars of several buckets each, all of which are the same width on the axis.

    A bucket belongs to the bar that its middle lies in.
    """
    first = timed[0]
    factor = first.high / first.low if first.low > 0 else 1.01 / 0.99
    pixels = (across.end - across.start) * math.log(factor) / math.log(across.high / across.low)
    step = factor ** max(1, math.ceil(_FINEST_BAR / pixels))
    counts: dict[int, int] = {}
    for bucket in timed:
        middle = math.log(bucket.high / math.sqrt(factor) / across.low) / math.log(step)
        index = math.floor(middle)
        counts[index] = counts.get(index, 0) + bucket.requests
    return [
        _Bar(across.low * step**i, across.low * step ** (i + 1), n)
        for i, n in sorted(counts.items())
    ]


def _draw_bar(
    drawing: Drawing, bar: _Bar, across: ValueScale, values: ValueScale, total: int
) -> None:
    left, right = across.place(bar.low), across.place(bar.high)
    height = max(values.start - values.place(bar.requests), 1.0)
    title = (
        f"{format_duration(bar.low)} to {format_duration(bar.high)}: "
        f"{format_count(bar.requests)} requests, {format_ratio(bar.requests / total)}"
    )
    gap = 1.0 if right - left > 4 else 0.0
    drawing.rect(left, values.start - height, right - left - gap, height, "bar", title=title)

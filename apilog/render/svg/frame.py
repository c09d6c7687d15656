"""What charts have around them: headings, legends, axes.

A chart is laid out from the top down: heading, subtitle, legend, plot, axis of times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from apilog.render.svg.drawing import (
    HEADING_SIZE,
    TEXT_SIZE,
    Drawing,
    clip_text,
    text_width,
    wrap_text,
)
from apilog.render.svg.scales import ValueScale, time_ticks
from apilog.render.svg.theme import Theme

MARGIN = 12
LINE = 18
"""Pixels from one base line to the next."""
_GAP = 6
_SWATCH = 10


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A colour and what it stands for."""

    role: str
    label: str
    shape: str = "area"
    """`area`, `line`, or the character of a mark."""


def draw_heading(drawing: Drawing, title: str, subtitle: str = "") -> float:
    """Draw the title, which a page says itself, and the subtitle; return where they end."""
    room, y = drawing.width - 2 * MARGIN, float(MARGIN)
    if drawing.theme is not Theme.PAGE:
        y += HEADING_SIZE
        shown = clip_text(title, room, HEADING_SIZE * 1.08)
        drawing.text(MARGIN, y - 2, shown, size=HEADING_SIZE, bold=True)
        y += _GAP
    for line in wrap_text(subtitle, room):
        drawing.text(MARGIN, y + TEXT_SIZE - 1, line, role="muted")
        y += LINE
    return y


def draw_legend(drawing: Drawing, entries: Sequence[LegendEntry], y: float) -> float:
    """Draw the entries in lines from left to right; return where they end."""
    x, most = float(MARGIN), drawing.width - MARGIN
    for entry in entries:
        width = _SWATCH + _GAP + text_width(entry.label)
        if x > MARGIN and x + width > most:
            x, y = float(MARGIN), y + LINE
        _draw_swatch(drawing, entry, x, y)
        drawing.text(x + _SWATCH + _GAP, y + TEXT_SIZE - 1, entry.label, role="muted")
        x += width + 2 * _GAP
    return y + (LINE if entries else 0) + _GAP


def _draw_swatch(drawing: Drawing, entry: LegendEntry, x: float, y: float) -> None:
    middle = y + TEXT_SIZE / 2 + 1
    if entry.shape == "area":
        drawing.rect(x, middle - _SWATCH / 2, _SWATCH, _SWATCH, entry.role, rx=2)
    elif entry.shape == "line":
        drawing.line((x, middle), (x + _SWATCH, middle), entry.role, stroke_width=2)
    else:
        drawing.text(
            x + _SWATCH / 2, y + TEXT_SIZE - 1, entry.shape, role=entry.role, anchor="middle"
        )


def tick_room(labels: Sequence[str]) -> float:
    """Return the pixels that the labels of a vertical axis take, with the gap beside them."""
    return max(map(text_width, labels), default=0.0) + _GAP


def draw_value_axis(
    drawing: Drawing, scale: ValueScale, labels: Sequence[str], left: float, right: float
) -> None:
    """Draw a line across the plot at each tick, with its label on the left."""
    for tick, label in zip(scale.ticks, labels, strict=True):
        y = scale.place(tick)
        role = "axis" if tick == scale.low else "grid"
        drawing.line((left, y), (right, y), role)
        drawing.text(left - _GAP, y + TEXT_SIZE / 3, label, role="muted", anchor="end")


def draw_time_axis(
    drawing: Drawing,
    limits: tuple[datetime, datetime],
    zone: ZoneInfo,
    place: Callable[[datetime], float],
    y: float,
) -> float:
    """Draw round times below the plot, the day or year in a second line; return the end."""
    since, until = limits
    left, right = place(since), place(until)
    widest = text_width("00:00:00") + 3 * _GAP
    ticks = time_ticks(since, until, zone, int((right - left) // widest))
    end = y + LINE + _GAP / 2
    has_context, free = any(tick.context for tick in ticks), 0.0
    for tick in ticks:
        x = place(tick.moment)
        drawing.line((x, y), (x, y + 4), "axis")
        for row, text in enumerate((tick.label, tick.context)):
            if not text:
                continue
            half = text_width(text) / 2
            at = min(max(x, MARGIN / 2 + half), drawing.width - MARGIN / 2 - half)
            if row and at - half < free:
                continue
            free = at + half + _GAP if row else free
            drawing.text(
                at, end - 2 + row * LINE, text, role="muted", anchor="middle", bold=bool(row)
            )
    return end + (LINE if has_context else 0)


def plot_height(width: int) -> float:
    """Return the pixels that the plot of a chart of this width is high."""
    return min(max(0.3 * width, 150.0), 300.0)


def draw_empty(drawing: Drawing, name: str, title: str, why: str) -> str:
    """Return a chart that says why it shows nothing."""
    y = draw_heading(drawing, title, why)
    return drawing.finish(y + MARGIN, name, title, why)

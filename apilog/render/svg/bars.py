"""Rows of bars: a label, a bar of several parts, and figures in columns beside it.

Where a picture is narrow, the label stands above its bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apilog.render.svg.drawing import TEXT_SIZE, Drawing, clip_text, text_width
from apilog.render.svg.frame import LINE, MARGIN

_BAR = 12
_GAP = 12
_NARROW = 560
"""Pixels of a picture below which labels stand above their bars."""
_LONGEST_LABEL = 0.4
"""The share of the picture that labels take at most."""
_LEAST_BAR = 60


@dataclass(frozen=True, slots=True)
class BarRow:
    """One row: what it is about, the parts of its bar and its figures."""

    label: str
    parts: Sequence[tuple[str, float]]
    """The colour of each part and its value, from the left."""
    figures: Sequence[str]
    title: str = ""
    """What is shown where a pointer rests on the bar."""
    is_muted: bool = False
    """Whether it sums up others."""


@dataclass(frozen=True, slots=True)
class _Layout:
    label_room: float
    bar_left: float
    bar_room: float
    figure_ends: Sequence[float]
    is_narrow: bool


def draw_bars(
    drawing: Drawing,
    rows: Sequence[BarRow],
    titles: Sequence[str],
    top: float,
    *,
    whole: float | None = None,
) -> float:
    """Draw the rows with the titles of their figures; return where they end.

    Bars are relative to `whole`, by default the largest of them.
    """
    layout = _lay_out(drawing, rows, titles)
    largest = whole or max((sum(v for _, v in row.parts) for row in rows), default=0.0)
    for title, end in zip(titles, layout.figure_ends, strict=True):
        drawing.text(end, top + TEXT_SIZE - 1, title, role="muted", anchor="end")
    y = top + (LINE + 2 if any(titles) else 0)
    for row in rows:
        y = _draw_row(drawing, row, layout, largest, y)
    return y


def _lay_out(drawing: Drawing, rows: Sequence[BarRow], titles: Sequence[str]) -> _Layout:
    right, is_narrow = float(drawing.width - MARGIN), drawing.width < _NARROW
    ends: list[float] = []
    for i in reversed(range(len(titles))):
        ends.insert(0, right)
        right -= max([text_width(titles[i]), *(text_width(r.figures[i]) for r in rows)]) + _GAP
    longest = max((text_width(row.label) for row in rows), default=0.0)
    if is_narrow:
        room = drawing.width - 2.0 * MARGIN
        return _Layout(room, MARGIN, max(right - MARGIN, _LEAST_BAR), ends, is_narrow)
    label_room = min(longest, _LONGEST_LABEL * drawing.width, right - 2 * MARGIN - _LEAST_BAR)
    left = MARGIN + label_room + _GAP
    return _Layout(label_room, left, right - left, ends, is_narrow)


def _draw_row(drawing: Drawing, row: BarRow, layout: _Layout, largest: float, y: float) -> float:
    role = "muted" if row.is_muted else "text"
    base = y + TEXT_SIZE - 1
    label = clip_text(row.label, layout.label_room)
    drawing.text(MARGIN, base, label, role=role, title=row.label if "…" in label else "")
    if layout.is_narrow:
        y += LINE
        base += LINE
    x = layout.bar_left
    for color, value in row.parts:
        if value > 0 and largest > 0:
            # What is there at all is seen, and nothing leaves the room of the bar.
            wide = max(value / largest * layout.bar_room, 1.0)
            wide = min(wide, layout.bar_left + layout.bar_room - x)
            drawing.rect(x, y + 1, max(wide, 0.0), _BAR, color, title=row.title)
            x += wide
    for text, end in zip(row.figures, layout.figure_ends, strict=True):
        drawing.text(end, base, text, role=role, anchor="end")
    return y + LINE + (6 if layout.is_narrow else 3)

"""Coloured cells in rows and columns, with the legend of their colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apilog.render.svg.drawing import TEXT_SIZE, Drawing, text_width
from apilog.render.svg.frame import LINE, MARGIN
from apilog.render.svg.theme import RAMP_STEPS

_GAP = 6
_LEGEND_BOX = 22


@dataclass(frozen=True, slots=True)
class GridCell:
    """What one cell shows; a step of None means that nothing is known."""

    step: int | None
    text: str = ""
    title: str = ""
    is_open: bool = False
    """Whether it may still change, which a dashed border says."""


@dataclass(frozen=True, slots=True)
class GridShape:
    """Where the cells of a grid lie."""

    left: float
    top: float
    width: float
    """Of one cell."""
    height: float

    def center(self, column: int) -> float:
        """Return the pixel of the middle of a column."""
        return self.left + (column + 0.5) * self.width


def draw_cell(
    drawing: Drawing, shape: GridShape, row: int, column: int, ramp: str, cell: GridCell
) -> None:
    """Draw one cell: its colour with its text on it, or the outline of an unknown one."""
    x, y = shape.left + column * shape.width, shape.top + row * shape.height
    wide, high = shape.width - 1, shape.height - 1
    if cell.step is None:
        drawing.rect(
            x + 0.5,
            y + 0.5,
            wide - 1,
            high - 1,
            "background",
            title=cell.title,
            fill_opacity=0,
            stroke=drawing.color("grid"),
        )
        return
    more = {"stroke": drawing.color("axis"), "stroke-dasharray": "3 2"} if cell.is_open else {}
    drawing.rect(x, y, wide, high, f"{ramp}-{cell.step}", title=cell.title, **more)
    if cell.text and text_width(cell.text) <= wide - 2:
        drawing.text(
            x + wide / 2,
            y + high / 2 + TEXT_SIZE / 3,
            cell.text,
            role=f"ink-{cell.step}",
            anchor="middle",
        )


def step_of(value: float, low: float, high: float, *, is_logarithmic: bool = False) -> int:
    """Return the step of the ramp that a value between `low` and `high` has."""
    if high <= low:
        return RAMP_STEPS // 2
    if is_logarithmic:
        share = math.log(max(value, low) / low) / math.log(high / low)
    else:
        share = (value - low) / (high - low)
    return min(max(int(share * RAMP_STEPS), 0), RAMP_STEPS - 1)


def draw_ramp_legend(
    drawing: Drawing,
    ramp: str,
    low: str,
    high: str,
    y: float,
    *,
    unknown: str = "",
    steps: Sequence[int] = range(RAMP_STEPS),
) -> float:
    """Draw the colours from the lowest to the highest value; return where they end."""
    x = float(MARGIN)
    drawing.text(x, y + TEXT_SIZE - 1, low, role="muted")
    x += text_width(low) + _GAP
    for step in steps:
        drawing.rect(x, y + 1, _LEGEND_BOX - 1, TEXT_SIZE, f"{ramp}-{step}")
        x += _LEGEND_BOX
    if high != low:
        drawing.text(x + _GAP, y + TEXT_SIZE - 1, high, role="muted")
        x += text_width(high) + _GAP
    if unknown:
        x += 3 * _GAP
        if x + _LEGEND_BOX + text_width(unknown) > drawing.width - MARGIN:
            x, y = float(MARGIN), y + LINE
        drawing.rect(
            x + 0.5,
            y + 1.5,
            _LEGEND_BOX - 2,
            TEXT_SIZE - 1,
            "background",
            fill_opacity=0,
            stroke=drawing.color("grid"),
        )
        drawing.text(x + _LEGEND_BOX + _GAP, y + TEXT_SIZE - 1, unknown, role="muted")
    return y + LINE + _GAP


def draw_column_labels(
    drawing: Drawing,
    shape: GridShape,
    labels: Sequence[str],
    y: float,
    *,
    place: Callable[[int], float] | None = None,
) -> None:
    """Write the labels of columns, leaving out those that would touch the one before."""
    free = 0.0
    for column, label in enumerate(labels):
        x = (place or shape.center)(column)
        half = text_width(label) / 2
        if label and x - half >= free:
            drawing.text(x, y, label, role="muted", anchor="middle")
            free = x + half + _GAP

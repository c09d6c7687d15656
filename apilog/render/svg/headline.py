"""Figures in large digits, with what they are above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from apilog.render.svg.drawing import TEXT_SIZE, Drawing, text_width
from apilog.render.svg.frame import MARGIN
from apilog.report_model import Report

_SIZE = 22
_HEIGHT = 54
_LEAST_ROOM = 110


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure, and what it is."""

    label: str
    text: str
    role: str = "text"


def draw_headlines(drawing: Drawing, figures: Sequence[Headline], y: float) -> float:
    """Draw the figures side by side, in as many lines as they need; return where they end."""
    room = drawing.width - 2 * MARGIN
    texts = [
        width for f in figures for width in (text_width(f.text, _SIZE * 1.1), text_width(f.label))
    ]
    widest = max(texts, default=0.0)
    columns = max(min(int(room // max(_LEAST_ROOM, widest + MARGIN)), len(figures)), 1)
    for i, figure in enumerate(figures):
        row, column = divmod(i, columns)
        x, top = MARGIN + column * room / columns, y + row * _HEIGHT
        drawing.text(x, top + TEXT_SIZE, figure.label, role="muted")
        drawing.text(x, top + TEXT_SIZE + 24, figure.text, role=figure.role, size=_SIZE, bold=True)
    return y + -(-len(figures) // columns) * _HEIGHT


def describe_window(report: Report) -> str:
    """Return the time that the report is about, in its zone."""
    if report.since is None or report.until is None:
        return "no request has a time"
    zone = ZoneInfo(report.timezone)
    since, until = (
        t.astimezone(zone).strftime("%Y-%m-%d %H:%M") for t in (report.since, report.until)
    )
    return f"{since} to {until}, {report.timezone}"

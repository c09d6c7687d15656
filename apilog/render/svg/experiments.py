"""Experiments as intervals: what each variant changed against the control, and zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing, clip_text, text_width
from apilog.render.svg.frame import (
    LINE,
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.scales import ValueScale, linear_scale
from apilog.render.svg.theme import Theme
from apilog.render.text.cell_text import NULL
from apilog.report_model import Report

_NAME, _TITLE = "experiments", "Experiments"
_LEAST, _MOST = -1.0, 3.0
"""Lifts beyond are arrows at the edge: -100 % is nothing left, and 300 % is four times as much."""
_NARROW = 560
_GAP = 12
_VERDICTS = {"better": "better", "worse": "worse"}


@dataclass(frozen=True, slots=True)
class _Effect:
    label: str
    lift: float | None
    low: float | None
    high: float | None
    role: str
    verdict: str

    @property
    def text(self) -> str:
        """The lift as people read it."""
        return NULL if self.lift is None else f"{100 * self.lift:+.1f} %"

    @property
    def interval(self) -> str:
        """The interval as people read it; it has no upper end where anything may be."""
        if self.low is None:
            return ""
        if self.high is None:
            return f" (from {100 * self.low:+.1f} %)"
        return f" ({100 * self.low:+.1f} to {100 * self.high:+.1f} %)"


def experiments_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the lift of each variant and metric with its 95 % interval."""
    drawing = Drawing(width, theme)
    rows = [*read_table(report, _NAME).iter_rows(named=True)]
    effects = [_effect(row) for row in rows if row["verdict"] != "control"]
    if not effects:
        return draw_empty(drawing, _NAME, _TITLE, "There are no variants to compare.")
    controls = {str(row["variant"]) for row in rows if row["verdict"] == "control"}
    against = f"change against {', '.join(sorted(controls)) or 'the control'}, 95 % intervals"
    y = draw_heading(drawing, _TITLE, against)
    used = {effect.role for effect in effects}
    names = {"better": "better", "worse": "worse", "unknown": "no difference shown"}
    y = draw_legend(drawing, [LegendEntry(r, t, "line") for r, t in names.items() if r in used], y)
    y = _draw_effects(drawing, effects, y)
    described = "; ".join(f"{e.label}: {e.text}{e.interval}, {e.verdict}" for e in effects)
    return drawing.finish(y + MARGIN, _NAME, _TITLE, f"{described}.")


def _effect(row: dict[str, Any]) -> _Effect:
    role = _VERDICTS.get(row["verdict"], "unknown")
    label = f"{str(row['metric']).replace('_', ' ')}, {row['variant']}"
    return _Effect(label, row["lift"], row["low"], row["high"], role, row["verdict"])


def _draw_effects(drawing: Drawing, effects: Sequence[_Effect], top: float) -> float:
    is_narrow = drawing.width < _NARROW
    figures = max(text_width(effect.text) for effect in effects) + _GAP
    longest = max(text_width(effect.label) for effect in effects)
    label_room = drawing.width - 2.0 * MARGIN
    left = float(MARGIN)
    if not is_narrow:
        label_room = min(longest, 0.4 * drawing.width)
        left += label_room + _GAP
    scale = _scale(effects, left, drawing.width - MARGIN - figures)
    height = LINE * (2 if is_narrow else 1) + 8
    bottom = top + len(effects) * height
    tops = [top + i * height for i in range(len(effects))]
    lanes = [(y + LINE, y + height - 2) for y in tops] if is_narrow else [(top, bottom)]
    _draw_axis(drawing, scale, lanes, bottom)
    for i, effect in enumerate(effects):
        base = top + i * height + TEXT_SIZE + 2
        drawing.text(MARGIN, base, clip_text(effect.label, label_room), title=effect.label)
        base += LINE if is_narrow else 0
        drawing.text(drawing.width - MARGIN, base, effect.text, anchor="end")
        _draw_interval(drawing, effect, scale, base - TEXT_SIZE / 3)
    return bottom + LINE


def _scale(effects: Sequence[_Effect], left: float, right: float) -> ValueScale:
    ends = [v for e in effects for v in (e.low, e.lift, e.high) if v is not None]
    low = max(min([*ends, -0.1]), _LEAST)
    high = min(max([*ends, 0.1]), _MOST)
    most = max(int((right - left) // 70), 2)
    return linear_scale(low, high, left, right, most_ticks=most)


def _draw_axis(
    drawing: Drawing, scale: ValueScale, lanes: Sequence[tuple[float, float]], bottom: float
) -> None:
    """Draw a line at each tick through these lanes, which labels above intervals interrupt."""
    for tick in scale.ticks:
        x, label = scale.place(tick), f"{100 * tick:+.0f} %" if abs(tick) > 1e-9 else "0"
        role, more = ("grid", 1.0) if label != "0" else ("axis", 2.0)
        for upper, lower in lanes:
            drawing.line((x, upper), (x, lower), role, stroke_width=more)
        half = text_width(label) / 2
        at = min(max(x, MARGIN / 2 + half), drawing.width - MARGIN / 2 - half)
        drawing.text(at, bottom + TEXT_SIZE + 2, label, role="muted", anchor="middle")


def _draw_interval(drawing: Drawing, effect: _Effect, scale: ValueScale, y: float) -> None:
    if effect.low is not None:
        # An interval without an upper end goes on beyond the edge.
        high = scale.high + 1 if effect.high is None else effect.high
        start, end = scale.place(effect.low), scale.place(high)
        drawing.line((start, y), (end, y), effect.role, stroke_width=2)
        for x, value, away in ((start, effect.low, -5), (end, high, 5)):
            if scale.low <= value <= scale.high:
                drawing.line((x, y - 4), (x, y + 4), effect.role, stroke_width=2)
            else:
                drawing.area(
                    [(x + away, y), (x - away / 5, y - 4), (x - away / 5, y + 4)], effect.role
                )
    if effect.lift is not None and scale.low <= effect.lift <= scale.high:
        title = f"{effect.label}: {effect.text}{effect.interval}, {effect.verdict}"
        x = scale.place(effect.lift)
        drawing.element(
            "circle", {"cx": x, "cy": y, "r": 4, "fill": drawing.color(effect.role)}, title=title
        )

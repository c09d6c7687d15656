"""Trials and their outcomes, and the revenue of plans."""

from __future__ import annotations

from typing import Any

from apilog.metrics import Unit
from apilog.render.svg.bars import BarRow, draw_bars
from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import Drawing
from apilog.render.svg.frame import (
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.theme import Theme
from apilog.render.text.cell_text import NULL, format_value
from apilog.report_model import Report
from apilog.text.units import format_count, format_ratio

_ALL = "(all)"
_MOST_PLANS = 20
_OUTCOMES = (
    ("better", "converted"),
    ("axis", "ended without"),
    ("bar", "still running"),
)


def trials_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw how the trials of each kind ended, with the rate of conversion and its interval."""
    drawing, name, title = Drawing(width, theme), "trials", "Trials"
    frame = read_table(report, name)
    if frame.is_empty() or not frame["started"].sum():
        return draw_empty(drawing, name, title, "No account started a trial.")
    rows = [_trial_row(row) for row in frame.iter_rows(named=True)]
    y = draw_heading(drawing, title, "accounts; conversion with its 95 % interval")
    used = {role for row in rows for role, value in row.parts if value}
    legend = [LegendEntry(role, label) for role, label in _OUTCOMES if role in used]
    y = draw_legend(drawing, legend, y)
    y = draw_bars(drawing, rows, ["started", "conversion", "from – to"], y)
    described = "; ".join(row.title for row in rows)
    return drawing.finish(y + MARGIN, name, title, f"{described}.")


def _trial_row(row: dict[str, Any]) -> BarRow:
    converted, finished, running = row["converted"], row["finished"], row["running"]
    kind = row["trial_kind"] or NULL
    counts = (converted, max(finished - converted, 0), running)
    low, high = row["conversion_low"], row["conversion_high"]
    interval = "" if low is None else f"{format_ratio(low)} – {format_ratio(high)}"
    figures = [format_count(row["started"]), format_ratio(row["conversion_rate"]), interval]
    told = ", ".join(
        f"{format_count(n)} {label}" for n, (_, label) in zip(counts, _OUTCOMES, strict=True) if n
    )
    parts = [(role, float(n)) for n, (role, _) in zip(counts, _OUTCOMES, strict=True)]
    rate = f", conversion {figures[1]}" + (f" ({interval})" if interval else "")
    return BarRow(kind, parts, figures, f"{kind}: {figures[0]} started, {told}{rate}")


def revenue_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the monthly revenue of each plan, and of all of them in figures."""
    drawing, name, title = Drawing(width, theme), "revenue", "Monthly revenue by plan"
    frame = read_table(report, name)
    plans = [row for row in frame.iter_rows(named=True) if row["plan"] != _ALL]
    if not plans:
        return draw_empty(drawing, name, title, "No account has a plan.")
    plans.sort(key=lambda row: -(row["mrr"] or 0.0))
    totals = [row for row in frame.iter_rows(named=True) if row["plan"] == _ALL]
    rows = [_plan_row(row) for row in plans[:_MOST_PLANS]]
    rows += [_plan_row(row, is_total=True) for row in totals]
    hidden = len(plans) - _MOST_PLANS
    note = f", without {hidden} smaller plans" if hidden > 0 else ""
    y = draw_heading(drawing, title, f"of paying accounts{note}")
    titles = ["accounts", "paying", "a month", "per paying"]
    y = draw_bars(drawing, rows, titles, y)
    described = "; ".join(row.title for row in rows[:5])
    return drawing.finish(y + MARGIN, name, title, f"{described}.")


def _plan_row(row: dict[str, Any], *, is_total: bool = False) -> BarRow:
    plan = "no plan" if row["plan"] is None else str(row["plan"])
    figures = [
        format_count(row["accounts"]),
        format_count(row["paying"]),
        format_value(row["mrr"], Unit.MONEY, "UTC"),
        format_value(row["arppu"], Unit.MONEY, "UTC"),
    ]
    # The total would make all other bars short.
    parts = [] if is_total else [("bar", row["mrr"] or 0.0)]
    told = f"{plan}: {figures[2]} a month, {figures[1]} of {figures[0]} accounts pay"
    return BarRow(plan, parts, figures, told, is_total)

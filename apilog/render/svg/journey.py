"""How far developers come: the funnel, and which of them still call."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from apilog.metrics import Unit
from apilog.render.svg.bars import BarRow, draw_bars
from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing, text_width
from apilog.render.svg.frame import (
    LINE,
    MARGIN,
    LegendEntry,
    draw_empty,
    draw_heading,
    draw_legend,
)
from apilog.render.svg.grid import (
    GridCell,
    GridShape,
    draw_cell,
    draw_column_labels,
    draw_ramp_legend,
    step_of,
)
from apilog.render.svg.theme import Theme
from apilog.render.text.cell_text import format_value
from apilog.report_model import Report
from apilog.text.units import format_count, format_ratio

_NO_ACCOUNTS = "There are no accounts."
_GAP = 8
_MOST_COHORTS = 26
_NARROWEST_CELL = 32.0
_WIDEST_CELL = 64.0
_CELL_HEIGHT = 24.0


def funnel_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the accounts that reached each stage, and those lost since the stage before."""
    drawing, name, title = Drawing(width, theme), "funnel", "Funnel"
    frame = read_table(report, name)
    accounts: list[int] = frame["accounts"].to_list() if frame.height else []
    if not accounts or not accounts[0]:
        return draw_empty(drawing, name, title, _NO_ACCOUNTS)
    rows: list[BarRow] = []
    for row, before in zip(frame.iter_rows(named=True), [accounts[0], *accounts], strict=False):
        stage = row["stage"].replace("_", " ")
        lost = max(before - row["accounts"], 0)
        figures = [
            format_count(row["accounts"]),
            format_ratio(row["rate"]),
            format_ratio(row["step_rate"]) if rows else "",
            format_value(row["median_hours"], Unit.HOURS, "UTC") if rows else "",
        ]
        told = f"{stage}: {figures[0]} accounts, {figures[1]} of all"
        if rows:
            told += f", {figures[2]} of the stage before ({format_count(lost)} lost)"
        parts = [("success", float(row["accounts"])), ("axis", float(lost))]
        rows.append(BarRow(stage, parts, figures, told))
    y = draw_heading(drawing, title, "accounts; median time from sign-up")
    legend = [LegendEntry("success", "reached"), LegendEntry("axis", "lost since the stage before")]
    y = draw_legend(drawing, legend, y)
    y = draw_bars(drawing, rows, ["accounts", "of all", "of before", "time"], y, whole=accounts[0])
    described = "; ".join(row.title for row in rows)
    return drawing.finish(y + MARGIN, name, title, f"{described}.")


def retention_chart(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> str:
    """Draw the share of each cohort that called, by its age.

    What is not over yet has a dashed border; what has not begun is blank.
    """
    drawing, name, title = Drawing(width, theme), "retention", "Retention"
    frame = read_table(report, name)
    if frame.is_empty():
        return draw_empty(drawing, name, title, _NO_ACCOUNTS)
    cohorts: list[date] = frame["cohort"].unique().sort().to_list()
    shown = cohorts[-_MOST_COHORTS:]
    sizes = dict(frame.group_by("cohort").agg(pl.col("accounts").first()).iter_rows())
    counts = [format_count(sizes[cohort]) for cohort in shown]
    count_right = MARGIN + text_width("2000-00-00") + _GAP
    count_right += max(map(text_width, ["accounts", *counts]))
    ages = max(frame["age"].to_list()) + 1
    left, room = count_right + _GAP, width - MARGIN - count_right - _GAP
    columns = min(ages, max(int(room // _NARROWEST_CELL), 1))
    wide = min(room / columns, _WIDEST_CELL)
    step = _cohort_step(cohorts)
    notes = [f"% of accounts that called, by {step}s since their sign-up {step}; dashed: not over"]
    if columns < ages:
        notes.append(f"the first {columns} {step}s")
    if len(shown) < len(cohorts):
        notes.append(f"the newest {len(shown)} of {len(cohorts)} cohorts")
    y = draw_heading(drawing, title, ", ".join(notes))
    y = draw_ramp_legend(drawing, "share", "0 %", "100 %", y)
    drawing.text(count_right, y + TEXT_SIZE, "accounts", role="muted", anchor="end")
    shape = GridShape(left, y + LINE + 2, wide, _CELL_HEIGHT)
    draw_column_labels(drawing, shape, [str(age) for age in range(columns)], y + TEXT_SIZE)
    cells = {(row["cohort"], row["age"]): row for row in frame.iter_rows(named=True)}
    for i, (cohort, count) in enumerate(zip(shown, counts, strict=True)):
        base = shape.top + (i + 0.5) * _CELL_HEIGHT + TEXT_SIZE / 3
        drawing.text(MARGIN, base, cohort.isoformat(), role="text")
        drawing.text(count_right, base, count, role="muted", anchor="end")
        known = [a for a in range(ages) if cells.get((cohort, a), {}).get("rate") is not None]
        for age in range(min(columns, max(known, default=-1) + 1)):
            cell = _retention_cell(cells.get((cohort, age)), f"{cohort}, {step} {age}")
            draw_cell(drawing, shape, i, age, "share", cell)
    end = shape.top + len(shown) * _CELL_HEIGHT
    return drawing.finish(end + MARGIN, name, title, _describe_retention(frame, step))


def _retention_cell(row: dict[str, Any] | None, place: str) -> GridCell:
    if row is None or row["rate"] is None:
        return GridCell(None, title=f"{place}: not in the log")
    rate, is_open = row["rate"], not row["complete"]
    state = ", not over or not all in the log" if is_open else ""
    title = f"{place}: {format_count(row['active'])} of {format_count(row['accounts'])}, "
    return GridCell(
        step_of(rate, 0.0, 1.0), f"{100 * rate:.0f}", f"{title}{format_ratio(rate)}{state}", is_open
    )


def _describe_retention(frame: pl.DataFrame, step: str) -> str:
    known = frame.filter(pl.col("complete") & pl.col("rate").is_not_null())
    text = f"{frame['cohort'].n_unique()} cohorts by sign-up {step}."
    for age in (1, 4):
        rows = known.filter(pl.col("age") == age)
        if accounts := int(rows["accounts"].sum()):
            rate = format_ratio(int(rows["active"].sum()) / accounts)
            text += f" In {step} {age}, {rate} of {format_count(accounts)} accounts called."
    return text


def _cohort_step(days: list[date]) -> str:
    """Return what cohorts are; weeks begin on a Monday, which may be the first of a month."""
    are_months = all(day.day == 1 for day in days) and any(day.weekday() for day in days)
    return "month" if are_months else "week"

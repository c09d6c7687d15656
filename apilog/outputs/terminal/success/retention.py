"""The retention triangle: a line a cohort, a column an age."""

from __future__ import annotations

from datetime import date

import polars as pl
from rich.text import Text

from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.success.cells import is_grouped, numbers
from apilog.outputs.terminal.text import clip

_STYLES = ((0.6, "bold green"), (0.4, "green"), (0.2, "yellow"), (0.0, "red"))
"""From the first share that is exceeded."""
_COHORTS = 13


def retention(page: Page) -> Section | None:
    """The share of each cohort that called, by weeks or months since its sign-up."""
    frame = page.table("retention")
    if is_grouped(frame, "cohort") or not frame.height:
        return None
    cohorts = frame.unique("cohort", keep="first", maintain_order=True)
    newest = cohorts.tail(page.rows(_COHORTS, cohorts.height))
    step = "months" if _are_months(cohorts["cohort"].to_list()) else "weeks"

    def draw(width: int) -> list[Text]:
        ages = range(int(frame["age"].max()) + 1)  # type: ignore[arg-type]
        columns: list[Column] = [
            Words(title="signed up", cells=[str(day) for day in newest["cohort"]], styles="bold"),
            numbers(newest, "accounts", "accounts"),
            *(_age(frame, newest, age) for age in ages),
        ]
        lines = grid(columns, newest.height, width)
        older = cohorts.height - newest.height
        return lines + ([clip(Text(f"  … and {older:,} older", "dim"), width)] if older else [])

    return Section(
        title="Retention",
        subtitle=f"% that called, {step} after sign-up; · not over yet",
        draw=draw,
    )


def _age(frame: pl.DataFrame, cohorts: pl.DataFrame, age: int) -> Words:
    cells = cohorts.select("cohort").join(
        frame.filter(pl.col("age") == age), on="cohort", how="left", maintain_order="left"
    )
    rates, complete = cells["rate"].to_list(), cells["complete"].to_list()
    pairs = [*zip(rates, complete, strict=True)]
    return Words(
        title=f"{age} ",
        cells=[_cell(rate, is_over=is_over) for rate, is_over in pairs],
        styles=[_style(rate, is_over=is_over) for rate, is_over in pairs],
        right=True,
        drop=age,
    )


def _cell(rate: float | None, *, is_over: bool) -> str:
    return "" if rate is None else f"{100 * rate:.0f}{' ' if is_over else '·'}"


def _style(rate: float | None, *, is_over: bool) -> str:
    if not rate:
        return "dim"
    style = next(style for least, style in _STYLES if rate > least)
    return style if is_over else f"{style.removeprefix('bold ')} dim"


def _are_months(cohorts: list[date]) -> bool:
    """Whether all begin on a first, and not all on a Monday."""
    return all(day.day == 1 for day in cohorts) and any(day.weekday() for day in cohorts)

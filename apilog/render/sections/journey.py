"""How far developers come: the funnel, its bottlenecks, retention and unmatched calls."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import polars as pl
from rich.text import Text

from apilog.metrics import Unit
from apilog.render.sections.columns import (
    MetricColumn,
    format_mean,
    is_grouped,
    key_columns,
    metric_columns,
    number_column,
    share_columns,
    text_column,
)
from apilog.render.sections.section import (
    ReportView,
    Section,
    has_values,
    hidden_rows_line,
    ranking_section,
)
from apilog.render.terminal.charts import draw_chart
from apilog.render.terminal.fit_text import clip_line, wrap_text
from apilog.render.terminal.grid import BarColumn, GridColumn, TextColumn, draw_grid
from apilog.render.text.escape import escape_terminal

_LOW_STEP_RATE = 0.6
"""Below this share of the stage before, a step is where to look."""


def funnel_section(page: ReportView) -> Section | None:
    """A bar a stage, with what is left of all accounts and of the stage before."""
    frame = page.table("funnel")
    if is_grouped(frame, "stage"):
        return None
    if not frame["accounts"][0]:
        return Section(title="Funnel", draw=lambda _: [Text("  No accounts.", "dim")])
    steps = frame["step_rate"].to_list()
    worst = min((step for step in steps if step is not None), default=None)
    styles = [
        "bold red" if s == worst and s < _LOW_STEP_RATE else "" for s in (x or 1 for x in steps)
    ]

    def draw(width: int) -> list[Text]:
        stages = [name.replace("_", " ") for name in frame["stage"]]
        median = number_column(frame, "median_hours", "median time", drop=2)
        columns: list[GridColumn] = [
            TextColumn(title="", cells=stages, styles="bold"),
            number_column(frame, "accounts", "accounts"),
            BarColumn(values=frame["rate"].to_list(), drop=3, natural=40),
            number_column(frame, "rate", "of all"),
            number_column(frame, "step_rate", "of those before", styles=styles, drop=1),
            replace(median, cells=["", *median.cells[1:]]),
        ]
        return draw_grid(columns, frame.height, width)

    return Section(title="Funnel", subtitle="time from sign-up", draw=draw)


def onboarding_section(page: ReportView) -> Section | None:
    """How long accounts take to their first calls, as quantiles and a small histogram."""
    frame, bins = page.table("onboarding"), page.table("onboarding_histogram")
    if is_grouped(frame, "stage") or not frame["accounts"].sum():
        return None

    def draw(width: int) -> list[Text]:
        stages = frame["stage"].to_list()
        columns: list[GridColumn] = [
            TextColumn(
                title="", cells=[stage.replace("_", " ") for stage in stages], styles="bold"
            ),
            number_column(frame, "p50_hours", "half within"),
            number_column(frame, "p90_hours", "90 % within"),
            TextColumn(
                title=_bin_titles(bins),
                cells=[_draw_histogram(bins, stage) for stage in stages],
                styles="cyan",
                drop=1,
            ),
        ]
        return draw_grid(columns, frame.height, width)

    return Section(title="Time from sign-up", draw=draw)


def bottlenecks_section(page: ReportView) -> Section | None:
    """What accounts met last that came no further than a stage, the most first."""
    frame = page.table("bottlenecks")
    if is_grouped(frame, "stage"):
        return None
    met = frame.filter(pl.col("stage") != "activated").sort(
        "accounts", descending=True, maintain_order=True
    )

    def columns(rows: pl.DataFrame) -> list[GridColumn]:
        stalled = [_STALLED_STAGES.get(stage, stage) for stage in rows["stage"]]
        return [
            TextColumn(title="", cells=stalled, styles="bold"),
            *share_columns(rows["accounts"].to_list(), None, drop=3, styles="red")[:1],
            number_column(rows, "accounts", "accounts"),
            number_column(rows, "share", "of these", drop=1),
            number_column(rows, "status", "last met"),
            text_column(rows, "route"),
        ]

    return ranking_section(
        met, columns, page.rows(6, met.height), title="Where they stop", counted="accounts"
    )


_STALLED_STAGES = {
    "signed_up": "never called",
    "first_call": "no success",
    "first_success": "not activated",
}


def _draw_histogram(bins: pl.DataFrame, stage: str) -> str:
    """A column a bin, below its title."""
    mine = bins.filter(pl.col("stage") == stage)
    blocks = draw_chart(mine["accounts"].to_list(), 1)[0]
    titles = map(_bin_title, mine["to_hours"].to_list())
    return " ".join(
        f"{block * 2:{len(title)}}" for block, title in zip(blocks, titles, strict=True)
    )


def _bin_titles(bins: pl.DataFrame) -> str:
    """Until when each bin goes."""
    ends = bins.filter(pl.col("stage") == bins["stage"][0])["to_hours"].to_list()
    return " ".join(map(_bin_title, ends))


def _bin_title(hours: float | None) -> str:
    if hours is None:
        return "on"
    if not hours:
        return "<0"
    return re.sub(r" 0[hms]$", "", format_mean(hours, Unit.HOURS))


def groups_section(page: ReportView) -> Section | None:
    """A line a group of accounts: how many there are, and the share that reached each stage."""
    frame = page.table("funnel")
    names = frame.columns[: frame.columns.index("stage")] if "stage" in frame.columns else []
    if not names or not frame.height:
        return None
    stages = frame["stage"].unique(maintain_order=True).to_list()
    heads = frame.filter(pl.col("stage") == stages[0])
    top = page.rows(15, heads.height)

    def draw(width: int) -> list[Text]:
        columns: list[GridColumn] = [
            *(text_column(heads.head(top), name, escape_terminal(name)) for name in names),
            number_column(heads.head(top), "accounts", "accounts"),
            *(_stage_column(frame, stage, top) for stage in stages[1:]),
        ]
        lines = draw_grid(columns, min(top, heads.height), width)
        hint = "The other tables by group are in the other formats, or one with --table NAME."
        return [
            *lines,
            *hidden_rows_line(heads.slice(top), width, ""),
            *wrap_text(hint, width, "dim"),
        ]

    title = escape_terminal("By " + ", ".join(names))
    return Section(title=title, subtitle="share that reached each stage", draw=draw)


def _stage_column(frame: pl.DataFrame, stage: str, top: int) -> TextColumn:
    rows = frame.filter(pl.col("stage") == stage).head(top)
    return number_column(rows, "rate", stage.replace("_", " "))


_RETENTION_STYLES = ((0.6, "bold green"), (0.4, "green"), (0.2, "yellow"), (0.0, "red"))
"""From the first share that is exceeded."""
_MOST_COHORTS = 13


def retention_section(page: ReportView) -> Section | None:
    """The share of each cohort that called, by weeks or months since its sign-up."""
    frame = page.table("retention")
    if is_grouped(frame, "cohort") or not frame.height:
        return None
    cohorts = frame.unique("cohort", keep="first", maintain_order=True)
    newest = cohorts.tail(page.rows(_MOST_COHORTS, cohorts.height))
    step = "months" if _are_months(cohorts["cohort"].to_list()) else "weeks"

    def draw(width: int) -> list[Text]:
        ages = range(int(frame["age"].max()) + 1)  # type: ignore[arg-type]
        columns: list[GridColumn] = [
            TextColumn(
                title="signed up", cells=[str(day) for day in newest["cohort"]], styles="bold"
            ),
            number_column(newest, "accounts", "accounts"),
            *(_age_column(frame, newest, age) for age in ages),
        ]
        lines = draw_grid(columns, newest.height, width)
        older = cohorts.height - newest.height
        return lines + (
            [clip_line(Text(f"  … and {older:,} older", "dim"), width)] if older else []
        )

    return Section(
        title="Retention",
        subtitle=f"% that called, {step} after sign-up; · not over yet",
        draw=draw,
    )


def _age_column(frame: pl.DataFrame, cohorts: pl.DataFrame, age: int) -> TextColumn:
    cells = cohorts.select("cohort").join(
        frame.filter(pl.col("age") == age), on="cohort", how="left", maintain_order="left"
    )
    rates, complete = cells["rate"].to_list(), cells["complete"].to_list()
    pairs = [*zip(rates, complete, strict=True)]
    return TextColumn(
        title=f"{age} ",
        cells=[_retention_cell(rate, is_over=is_over) for rate, is_over in pairs],
        styles=[_retention_style(rate, is_over=is_over) for rate, is_over in pairs],
        right=True,
        drop=age,
    )


def _retention_cell(rate: float | None, *, is_over: bool) -> str:
    return "" if rate is None else f"{100 * rate:.0f}{' ' if is_over else '·'}"


def _retention_style(rate: float | None, *, is_over: bool) -> str:
    if not rate:
        return "dim"
    style = next(style for least, style in _RETENTION_STYLES if rate > least)
    return style if is_over else f"{style.removeprefix('bold ')} dim"


def _are_months(cohorts: list[date]) -> bool:
    """Whether all begin on a first, and not all on a Monday."""
    return all(day.day == 1 for day in cohorts) and any(day.weekday() for day in cohorts)


_UNMATCHED_METRICS = (
    MetricColumn("requests"),
    MetricColumn("error_rate", title="errors"),
    MetricColumn("last_seen", 1),
)


def unmatched_section(page: ReportView) -> Section | None:
    """The consumers that no account claims, the busiest first."""
    frame = page.table("unmatched")
    if not has_values(frame, "requests"):
        return None

    def columns(shown: pl.DataFrame) -> list[GridColumn]:
        metrics = metric_columns(shown, _UNMATCHED_METRICS, page.report.timezone)
        return [*key_columns(shown, ["consumer"]), *metrics]

    top = page.rows(5, frame.height)
    return ranking_section(
        frame, columns, top, title="Of no account", subtitle="– names no consumer"
    )

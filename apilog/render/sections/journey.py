"""How far developers come: the funnel, its bottlenecks, retention and unmatched calls."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import polars as pl

from apilog.metrics import Unit
from apilog.render.sections.columns import (
    MetricSpec,
    format_mean,
    is_grouped,
    key_columns,
    metric_columns,
    number_column,
    text_column,
)
from apilog.render.sections.report_view import (
    ReportView,
    describe_hidden_rows,
    has_values,
    ranking_section,
)
from apilog.render.sections.section import (
    BarColumn,
    Column,
    HistogramColumn,
    Paragraph,
    Section,
    Table,
    TextColumn,
)

_LOW_STEP_RATE = 0.6
"""A step below this share of the stage before is marked if it is the worst."""


def funnel_section(view: ReportView) -> Section | None:
    """Show a bar for each stage, and the shares of all accounts and of the stage before."""
    frame = view.table("funnel")
    if is_grouped(frame, "stage"):
        return None
    if not frame["accounts"][0]:
        return Section(title="Funnel", blocks=[Paragraph(text="No accounts.", style="dim")])
    steps = frame["step_rate"].to_list()
    worst = min((step for step in steps if step is not None), default=None)
    styles = [
        "bold red" if s == worst and s < _LOW_STEP_RATE else "" for s in (x or 1 for x in steps)
    ]
    stages = [name.replace("_", " ") for name in frame["stage"]]
    median = number_column(frame, "median_hours", "median time", drop_order=2)
    columns: list[Column] = [
        TextColumn(title="", cells=stages, styles="bold"),
        number_column(frame, "accounts", "accounts"),
        BarColumn(values=frame["rate"].to_list(), drop_order=3, max_width=40),
        number_column(frame, "rate", "of all"),
        number_column(frame, "step_rate", "of those before", styles=styles, drop_order=1),
        replace(median, cells=["", *median.cells[1:]]),
    ]
    table = Table(columns=columns, height=frame.height)
    return Section(title="Funnel", subtitle="time from sign-up", blocks=[table])


def onboarding_section(view: ReportView) -> Section | None:
    """Show how long accounts take to their first calls, as quantiles and a small histogram."""
    frame, bins = view.table("onboarding"), view.table("onboarding_histogram")
    if is_grouped(frame, "stage") or not frame["accounts"].sum():
        return None
    stages = frame["stage"].to_list()
    histograms = [bins.filter(pl.col("stage") == stage) for stage in stages]
    ends = bins.filter(pl.col("stage") == bins["stage"][0])["to_hours"].to_list()
    columns: list[Column] = [
        TextColumn(title="", cells=[stage.replace("_", " ") for stage in stages], styles="bold"),
        number_column(frame, "p50_hours", "half within"),
        number_column(frame, "p90_hours", "90 % within"),
        HistogramColumn(
            bins=[_bin_title(hours) for hours in ends],
            counts=[histogram["accounts"].to_list() for histogram in histograms],
            drop_order=1,
        ),
    ]
    return Section(title="Time from sign-up", blocks=[Table(columns=columns, height=frame.height)])


def bottlenecks_section(view: ReportView) -> Section | None:
    """Rank what accounts met last that came no further than a stage."""
    frame = view.table("bottlenecks")
    if is_grouped(frame, "stage"):
        return None
    met = frame.filter(pl.col("stage") != "activated").sort(
        "accounts", descending=True, maintain_order=True
    )

    def columns(rows: pl.DataFrame) -> list[Column]:
        stalled = [_STALLED_STAGES.get(stage, stage) for stage in rows["stage"]]
        return [
            TextColumn(title="", cells=stalled, styles="bold"),
            BarColumn(values=rows["accounts"].to_list(), drop_order=3, styles="red"),
            number_column(rows, "accounts", "accounts"),
            number_column(rows, "share", "of these", drop_order=1),
            number_column(rows, "status", "last met"),
            text_column(rows, "route"),
        ]

    return ranking_section(
        met, columns, view.row_limit(6, met.height), title="Where they stop", counted="accounts"
    )


_STALLED_STAGES = {
    "signed_up": "never called",
    "first_call": "no success",
    "first_success": "not activated",
}


def _bin_title(hours: float | None) -> str:
    if hours is None:
        return "on"
    if not hours:
        return "<0"
    return re.sub(r" 0[hms]$", "", format_mean(hours, Unit.HOURS))


def groups_section(view: ReportView) -> Section | None:
    """Show the size of each group of accounts, and the share that reached each stage."""
    frame = view.table("funnel")
    names = frame.columns[: frame.columns.index("stage")] if "stage" in frame.columns else []
    if not names or not frame.height:
        return None
    stages = frame["stage"].unique(maintain_order=True).to_list()
    heads = frame.filter(pl.col("stage") == stages[0])
    top = view.row_limit(15, heads.height)
    columns: list[Column] = [
        *(text_column(heads.head(top), name, name) for name in names),
        number_column(heads.head(top), "accounts", "accounts"),
        *(
            number_column(
                frame.filter(pl.col("stage") == stage).head(top), "rate", stage.replace("_", " ")
            )
            for stage in stages[1:]
        ),
    ]
    hidden = describe_hidden_rows(heads.slice(top), counted="")
    hint = "The other tables by group are in the other formats, or one with --table NAME."
    return Section(
        title="By " + ", ".join(names),
        subtitle="share that reached each stage",
        blocks=[
            Table(columns=columns, height=min(top, heads.height), hidden=hidden),
            Paragraph(text=hint, style="dim"),
        ],
    )


_RETENTION_STYLES = ((0.6, "bold green"), (0.4, "green"), (0.2, "yellow"), (0.0, "red"))
"""The style of the first share that is exceeded."""
_MOST_COHORTS = 13


def retention_section(view: ReportView) -> Section | None:
    """Show the share of each cohort that called, by weeks or months since its sign-up."""
    frame = view.table("retention")
    if is_grouped(frame, "cohort") or not frame.height:
        return None
    cohorts = frame.unique("cohort", keep="first", maintain_order=True)
    newest = cohorts.tail(view.row_limit(_MOST_COHORTS, cohorts.height))
    days: list[date] = cohorts["cohort"].to_list()
    # Weeks begin on a Monday, which may be the first of a month.
    are_months = all(day.day == 1 for day in days) and any(day.weekday() for day in days)
    step = "months" if are_months else "weeks"
    columns: list[Column] = [
        TextColumn(title="signed up", cells=[str(day) for day in newest["cohort"]], styles="bold"),
        number_column(newest, "accounts", "accounts"),
    ]
    # Of ages that no cohort has reached within the log nothing is known.
    known = frame.join(newest.select("cohort"), on="cohort", how="semi").drop_nulls("active")
    for age in sorted(known["age"].unique()):
        rows = newest.select("cohort").join(
            frame.filter(pl.col("age") == age), on="cohort", how="left", maintain_order="left"
        )
        cells, styles = [], []
        for rate, is_over in rows.select("rate", "complete").iter_rows():
            cells.append("" if rate is None else f"{100 * rate:.0f}{' ' if is_over else '·'}")
            style = next((s for least, s in _RETENTION_STYLES if (rate or 0) > least), "dim")
            styles.append(style if is_over or not rate else f"{style.removeprefix('bold ')} dim")
        columns.append(
            TextColumn(
                title=f"{age} ", cells=cells, styles=styles, align_right=True, drop_order=age
            )
        )
    older = cohorts.height - newest.height
    hidden = f"… and {older:,} older" if older else ""
    return Section(
        title="Retention",
        subtitle=f"% that called, {step} after sign-up; · not over, or not all in the log",
        blocks=[Table(columns=columns, height=newest.height, hidden=hidden)],
    )


_UNMATCHED_METRICS = (
    MetricSpec("requests"),
    MetricSpec("error_rate", title="errors"),
    MetricSpec("last_seen", 1),
)


def unmatched_section(view: ReportView) -> Section | None:
    """Rank the consumers that no account claims."""
    frame = view.table("unmatched")
    if not has_values(frame, "requests"):
        return None

    def columns(shown: pl.DataFrame) -> list[Column]:
        metrics = metric_columns(shown, _UNMATCHED_METRICS, view.report.timezone)
        return [*key_columns(shown, ["consumer"]), *metrics]

    top = view.row_limit(5, frame.height)
    return ranking_section(
        frame, columns, top, title="Of no account", subtitle="– names no consumer"
    )

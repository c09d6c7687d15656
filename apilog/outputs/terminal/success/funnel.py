"""How far developers come, how soon, and where they give up."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
from rich.text import Text

from apilog.metrics import Unit
from apilog.outputs.terminal.bars import chart
from apilog.outputs.terminal.columns import share_columns
from apilog.outputs.terminal.grid import Bars, Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.ranking import ranking
from apilog.outputs.terminal.success.cells import is_grouped, numbers, shown, texts

_LOW = 0.6
"""Below this share of the stage before, a step is where to look."""


def funnel(page: Page) -> Section | None:
    """A bar a stage, with what is left of all accounts and of the stage before."""
    frame = page.table("funnel")
    if is_grouped(frame, "stage"):
        return None
    if not frame["accounts"][0]:
        return Section(title="Funnel", draw=lambda _: [Text("  No accounts.", "dim")])
    steps = frame["step_rate"].to_list()
    worst = min((step for step in steps if step is not None), default=None)
    styles = ["bold red" if s == worst and s < _LOW else "" for s in (x or 1 for x in steps)]

    def draw(width: int) -> list[Text]:
        stages = [name.replace("_", " ") for name in frame["stage"]]
        median = numbers(frame, "median_hours", "median time", drop=2)
        columns: list[Column] = [
            Words(title="", cells=stages, styles="bold"),
            numbers(frame, "accounts", "accounts"),
            Bars(values=frame["rate"].to_list(), drop=3, natural=40),
            numbers(frame, "rate", "of all"),
            numbers(frame, "step_rate", "of those before", styles=styles, drop=1),
            replace(median, cells=["", *median.cells[1:]]),
        ]
        return grid(columns, frame.height, width)

    return Section(title="Funnel", subtitle="time from sign-up", draw=draw)


def onboarding(page: Page) -> Section | None:
    """How long accounts take to their first calls, as quantiles and a small histogram."""
    frame, bins = page.table("onboarding"), page.table("onboarding_histogram")
    if is_grouped(frame, "stage") or not frame["accounts"].sum():
        return None

    def draw(width: int) -> list[Text]:
        stages = frame["stage"].to_list()
        columns: list[Column] = [
            Words(title="", cells=[stage.replace("_", " ") for stage in stages], styles="bold"),
            numbers(frame, "p50_hours", "half within"),
            numbers(frame, "p90_hours", "90 % within"),
            Words(
                title=_ends(bins),
                cells=[_histogram(bins, stage) for stage in stages],
                styles="cyan",
                drop=1,
            ),
        ]
        return grid(columns, frame.height, width)

    return Section(title="Time from sign-up", draw=draw)


def bottlenecks(page: Page) -> Section | None:
    """What accounts met last that came no further than a stage, the most first."""
    frame = page.table("bottlenecks")
    if is_grouped(frame, "stage"):
        return None
    met = frame.filter(pl.col("stage") != "activated").sort(
        "accounts", descending=True, maintain_order=True
    )

    def columns(rows: pl.DataFrame) -> list[Column]:
        stalled = [_STALLED.get(stage, stage) for stage in rows["stage"]]
        return [
            Words(title="", cells=stalled, styles="bold"),
            *share_columns(rows["accounts"].to_list(), None, drop=3, styles="red")[:1],
            numbers(rows, "accounts", "accounts"),
            numbers(rows, "share", "of these", drop=1),
            numbers(rows, "status", "last met"),
            texts(rows, "route"),
        ]

    return ranking(
        met, columns, page.rows(6, met.height), title="Where they stop", counted="accounts"
    )


_STALLED = {
    "signed_up": "never called",
    "first_call": "no success",
    "first_success": "not activated",
}


def _histogram(bins: pl.DataFrame, stage: str) -> str:
    """A column a bin, below its title."""
    mine = bins.filter(pl.col("stage") == stage)
    blocks = chart(mine["accounts"].to_list(), 1)[0]
    titles = map(_end, mine["to_hours"].to_list())
    return " ".join(
        f"{block * 2:{len(title)}}" for block, title in zip(blocks, titles, strict=True)
    )


def _ends(bins: pl.DataFrame) -> str:
    """Until when each bin goes."""
    ends = bins.filter(pl.col("stage") == bins["stage"][0])["to_hours"].to_list()
    return " ".join(map(_end, ends))


def _end(hours: float | None) -> str:
    if hours is None:
        return "on"
    if not hours:
        return "<0"
    return re.sub(r" 0[hms]$", "", shown(hours, Unit.HOURS))

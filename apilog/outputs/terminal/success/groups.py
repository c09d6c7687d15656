"""With `--by`: the funnels of all groups side by side."""

from __future__ import annotations

import polars as pl
from rich.text import Text

from apilog.outputs.escape import terminal_text
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.ranking import more
from apilog.outputs.terminal.success.cells import numbers, texts
from apilog.outputs.terminal.text import wrap


def groups(page: Page) -> Section | None:
    """A line a group of accounts: how many there are, and the share that reached each stage."""
    frame = page.table("funnel")
    names = frame.columns[: frame.columns.index("stage")] if "stage" in frame.columns else []
    if not names or not frame.height:
        return None
    stages = frame["stage"].unique(maintain_order=True).to_list()
    heads = frame.filter(pl.col("stage") == stages[0])
    top = page.rows(15, heads.height)

    def draw(width: int) -> list[Text]:
        columns: list[Column] = [
            *(texts(heads.head(top), name, terminal_text(name)) for name in names),
            numbers(heads.head(top), "accounts", "accounts"),
            *(_stage(frame, stage, top) for stage in stages[1:]),
        ]
        lines = grid(columns, min(top, heads.height), width)
        hint = "The other tables by group are in the other formats, or one with --table NAME."
        return [*lines, *more(heads.slice(top), width, ""), *wrap(hint, width, "dim")]

    title = terminal_text("By " + ", ".join(names))
    return Section(title=title, subtitle="share that reached each stage", draw=draw)


def _stage(frame: pl.DataFrame, stage: str, top: int) -> Words:
    rows = frame.filter(pl.col("stage") == stage).head(top)
    return numbers(rows, "rate", stage.replace("_", " "))

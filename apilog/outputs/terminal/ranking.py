"""Rankings: the first rows of a table under a heading, and how many more there are."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from rich.text import Text

from apilog.outputs.terminal.grid import Column, grid
from apilog.outputs.terminal.page import Section, split_other, total
from apilog.outputs.terminal.text import clip
from apilog.units import format_count

_OTHERS = 3
"""There may be a row of all the rest for each gateway and method."""

Columns = Callable[[pl.DataFrame], list[Column]]


def ranking(
    frame: pl.DataFrame,
    columns: Columns,
    top: int,
    *,
    title: str,
    subtitle: str = "",
    counted: str = "requests",
) -> Section | None:
    """The first `top` rows of a sorted table, then the rows of all the rest; None without rows.

    `counted` is the column whose sum tells how much is not shown; empty for none.
    """
    regular, other = split_other(frame)
    shown = pl.concat([regular.head(top), other.head(_OTHERS)])
    rest = pl.concat([regular.slice(top), other.slice(_OTHERS)])
    if shown.is_empty():
        return None

    def draw(width: int) -> list[Text]:
        lines = grid(columns(shown), shown.height, width)
        return lines + more(rest, width, counted)

    return Section(title=title, subtitle=subtitle, draw=draw)


def more(rest: pl.DataFrame, width: int, counted: str = "requests") -> list[Text]:
    """A line on the rows that are not shown; none if all are."""
    if rest.is_empty():
        return []
    line = f"  … and {format_count(rest.height)} more"
    if count := total(rest, counted):
        line += f" with {format_count(count)} {counted[:-1] if count == 1 else counted}"
    return [clip(Text(line, "dim"), width)]

"""Sections of a report, and the tables of the report that they are made from.

A section names its rows in a fixed order and says how many it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl
from rich.text import Text

from apilog.render.data.cell_values import exact_column, typed_values
from apilog.render.terminal.fit_text import clip_line, shorten_end
from apilog.render.terminal.grid import GridColumn, draw_grid
from apilog.render.text.cell_text import is_metric
from apilog.report_model import Report
from apilog.text.units import format_count

OTHER = "(other)"
"""The key of a row that holds all the values that were left out."""
ENOUGH_REQUESTS = 20
"""Requests from which a p95 says more than the largest value does."""

_EMPTY_TABLE = pl.DataFrame()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report under a heading."""

    title: str
    subtitle: str = ""
    draw: Callable[[int], list[Text]]
    """The lines of it, none wider than that many cells."""

    def lines(self, width: int) -> list[Text]:
        """The heading and what is under it."""
        heading = Text.assemble((self.title, "bold"))
        room = width - len(self.title) - 2
        if self.subtitle and room > 3:
            heading.append("  " + shorten_end(self.subtitle, room), "dim")
        return [clip_line(heading, width), *self.draw(width)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report, and how many rows its rankings are to show."""

    report: Report
    tables: Mapping[str, pl.DataFrame]
    """The report's, where text is text and NaN is null."""
    top: int | None

    @classmethod
    def of(cls, report: Report, top: int | None) -> ReportView:
        """The page of a report."""
        tables = {name: typed_values(frame) for name, frame in report.tables.items()}
        return cls(report=report, tables=tables, top=top)

    def table(self, name: str) -> pl.DataFrame:
        """The table, an empty one if it is missing."""
        return self.tables.get(name, _EMPTY_TABLE)

    def overview(self, column: str) -> float | None:
        """A number of the overview; None if there is none."""
        frame = self.table("overview")
        return frame[column][0] if frame.height and column in frame.columns else None

    def rows(self, default: int, count: int) -> int:
        """How many of so many rows to show."""
        if self.top is not None:
            return self.top
        # A line that tells of one more row takes as much room as the row.
        return count if count == default + 1 else default


def key_names(frame: pl.DataFrame) -> list[str]:
    """The columns that say what a row is about."""
    return [name for name in frame.columns if not is_metric(name)]


def has_values(frame: pl.DataFrame, *columns: str) -> bool:
    """Whether each of these columns has a value in some row."""
    return all(name in frame.columns and frame[name].count() > 0 for name in columns)


def column_total(frame: pl.DataFrame, column: str) -> int:
    """The sum of a column of counts; 0 if it is missing."""
    values = frame[column].to_list() if column in frame.columns else []
    return sum(value for value in values if value is not None)


def sort_by_requests(frame: pl.DataFrame) -> pl.DataFrame:
    """The busiest rows first."""
    if "requests" not in frame.columns:
        return frame
    return frame.sort("requests", descending=True, nulls_last=True, maintain_order=True)


def split_other(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows about one value each, and those that hold all the rest."""
    texts = [name for name in key_names(frame) if frame.schema[name] == pl.String]
    if not texts:
        return frame, frame.clear()
    other = pl.any_horizontal(exact_column(name) == OTHER for name in texts).fill_null(value=False)
    return frame.filter(~other), frame.filter(other)


def with_enough_requests(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The rows with enough requests for a percentile, and a note saying so if any are left out."""
    if "requests" not in frame.columns:
        return frame, ""
    enough = frame.filter(pl.col("requests") >= ENOUGH_REQUESTS)
    if enough.height in (0, frame.height):
        return frame, ""
    return enough, f"with at least {ENOUGH_REQUESTS} requests"


_MOST_OTHERS = 3
"""There may be a row of all the rest for each gateway and method."""

ColumnMaker = Callable[[pl.DataFrame], list[GridColumn]]


def ranking_section(
    frame: pl.DataFrame,
    columns: ColumnMaker,
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
    shown = pl.concat([regular.head(top), other.head(_MOST_OTHERS)])
    rest = pl.concat([regular.slice(top), other.slice(_MOST_OTHERS)])
    if shown.is_empty():
        return None

    def draw(width: int) -> list[Text]:
        lines = draw_grid(columns(shown), shown.height, width)
        return lines + hidden_rows_line(rest, width, counted)

    return Section(title=title, subtitle=subtitle, draw=draw)


def hidden_rows_line(rest: pl.DataFrame, width: int, counted: str = "requests") -> list[Text]:
    """A line on the rows that are not shown; none if all are."""
    if rest.is_empty():
        return []
    line = f"  … and {format_count(rest.height)} more"
    if count := column_total(rest, counted):
        line += f" with {format_count(count)} {counted[:-1] if count == 1 else counted}"
    return [clip_line(Text(line, "dim"), width)]

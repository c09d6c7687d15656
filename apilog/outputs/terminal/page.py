"""What the sections of the terminal report share: the tables to read, and their shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl
from rich.text import Text

from apilog.model import Report
from apilog.outputs.labels import is_metric
from apilog.outputs.terminal.text import clip, shorten_end
from apilog.outputs.values import exactly, typed

OTHER = "(other)"
"""The key of a row that holds all the values that were left out."""
BUSY = 20
"""Requests from which a p95 says more than the largest value does."""

_NOTHING = pl.DataFrame()


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
        return [clip(heading, width), *self.draw(width)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A report, and how many rows its rankings are to show."""

    report: Report
    tables: Mapping[str, pl.DataFrame]
    """The report's, where text is text and NaN is null."""
    top: int | None

    @classmethod
    def of(cls, report: Report, top: int | None) -> Page:
        """The page of a report."""
        tables = {name: typed(frame) for name, frame in report.tables.items()}
        return cls(report=report, tables=tables, top=top)

    def table(self, name: str) -> pl.DataFrame:
        """The table, an empty one if it is missing."""
        return self.tables.get(name, _NOTHING)

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


def keys(frame: pl.DataFrame) -> list[str]:
    """The columns that say what a row is about."""
    return [name for name in frame.columns if not is_metric(name)]


def shows(frame: pl.DataFrame, *columns: str) -> bool:
    """Whether each of these columns has a value in some row."""
    return all(name in frame.columns and frame[name].count() > 0 for name in columns)


def total(frame: pl.DataFrame, column: str) -> int:
    """The sum of a column of counts; 0 if it is missing."""
    values = frame[column].to_list() if column in frame.columns else []
    return sum(value for value in values if value is not None)


def by_requests(frame: pl.DataFrame) -> pl.DataFrame:
    """The busiest rows first."""
    if "requests" not in frame.columns:
        return frame
    return frame.sort("requests", descending=True, nulls_last=True, maintain_order=True)


def split_other(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows about one value each, and those that hold all the rest."""
    texts = [name for name in keys(frame) if frame.schema[name] == pl.String]
    if not texts:
        return frame, frame.clear()
    other = pl.any_horizontal(exactly(name) == OTHER for name in texts).fill_null(value=False)
    return frame.filter(~other), frame.filter(other)


def busy(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The rows with enough requests for a percentile, and a note saying so if any are left out."""
    if "requests" not in frame.columns:
        return frame, ""
    enough = frame.filter(pl.col("requests") >= BUSY)
    if enough.height in (0, frame.height):
        return frame, ""
    return enough, f"with at least {BUSY} requests"

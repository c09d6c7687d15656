"""A report as its sections read it: typed tables, their keys, and the rows to show.

Every function here takes tables whose columns may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.metrics import METRICS
from apilog.render.data.cell_values import exact_column, typed_values
from apilog.render.sections.section import Column, Section, Table
from apilog.render.text.cell_text import is_metric, short_title
from apilog.report_model import Report
from apilog.text.units import format_count

OTHER = "(other)"
"""The key of a row that holds all the values that were left out."""
ENOUGH_REQUESTS = 20
"""From that many requests on, a p95 says more than the largest value does."""

_EMPTY_TABLE = pl.DataFrame()
_MOST_OTHERS = 3
"""There may be a row of all the rest for each gateway and method."""

ColumnMaker = Callable[[pl.DataFrame], list[Column]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report, and how many rows its rankings are to show."""

    report: Report
    tables: Mapping[str, pl.DataFrame]
    """The report's tables, with text as text and null for NaN."""
    top: int | None

    @classmethod
    def of(cls, report: Report, top: int | None) -> ReportView:
        """Return the view of a report."""
        tables = {name: typed_values(frame) for name, frame in report.tables.items()}
        return cls(report=report, tables=tables, top=top)

    def table(self, name: str) -> pl.DataFrame:
        """Return the table, or an empty one if it is missing."""
        return self.tables.get(name, _EMPTY_TABLE)

    def overview(self, column: str) -> float | None:
        """Return a number of the overview, or None if it is missing."""
        frame = self.table("overview")
        return frame[column][0] if frame.height and column in frame.columns else None

    def previous(self, column: str) -> float | None:
        """Return a number of the overview of the window before, or None if it is missing."""
        earlier = self.report.previous
        if earlier is None or column not in earlier.overview.columns:
            return None
        value: float | None = earlier.overview[column][0]
        return value

    def asked_columns(self, frame: pl.DataFrame) -> dict[str, str]:
        """Return the columns that hold the further metrics that were asked for, with titles."""
        columns = {metric.name: metric.column for metric in METRICS.values()}
        columns |= {metric.name: metric.column for metric in self.report.metrics}
        asked = ((name, columns.get(name)) for name in self.report.filters.metrics)
        return {
            column: short_title(name) if name in METRICS else name.replace("_", " ")
            for name, column in asked
            if column in frame.columns
        }

    def chosen_rows(self, name: str) -> str:
        """Say that a table has its busiest rows alone, as `top` chose them; empty if it has all."""
        regular, other = split_other(self.table(name))
        is_cut = self.top is not None and not other.is_empty() and regular.height <= self.top
        return f"of the {regular.height:,} busiest" if is_cut else ""

    def row_limit(self, default: int, count: int) -> int:
        """Return how many of `count` rows to show."""
        if self.top is not None:
            return self.top
        # A note on one more row takes as much room as the row.
        return count if count == default + 1 else default


def key_names(frame: pl.DataFrame) -> list[str]:
    """Return the columns that say what a row is about."""
    return [name for name in frame.columns if not is_metric(name)]


def has_values(frame: pl.DataFrame, *columns: str) -> bool:
    """Whether each of these columns has a value in some row."""
    return all(name in frame.columns and frame[name].count() > 0 for name in columns)


def column_total(frame: pl.DataFrame, column: str) -> int:
    """Return the sum of a column of counts, or 0 if it is missing."""
    values = frame[column].to_list() if column in frame.columns else []
    return sum(value for value in values if value is not None)


def sort_by_requests(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with the busiest rows first."""
    if "requests" not in frame.columns:
        return frame
    return frame.sort("requests", descending=True, nulls_last=True, maintain_order=True)


def split_other(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows about one value each, and those that hold all the rest."""
    texts = [name for name in key_names(frame) if frame.schema[name] == pl.String]
    if not texts:
        return frame, frame.clear()
    other = pl.any_horizontal(exact_column(name) == OTHER for name in texts).fill_null(value=False)
    return frame.filter(~other), frame.filter(other)


def with_enough_requests(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Return the rows with enough requests for a percentile, and a note if that leaves any out."""
    if "requests" not in frame.columns:
        return frame, ""
    enough = frame.filter(pl.col("requests") >= ENOUGH_REQUESTS)
    if enough.height in (0, frame.height):
        return frame, ""
    return enough, f"with at least {ENOUGH_REQUESTS} requests"


def ranking_section(
    frame: pl.DataFrame,
    columns: ColumnMaker,
    top: int,
    *,
    title: str,
    subtitle: str = "",
    counted: str = "requests",
) -> Section | None:
    """Show the first `top` rows of a sorted table, then those of all the rest; None without rows.

    `counted` is the column whose sum says how much is left out; empty for none.
    """
    regular, other = split_other(frame)
    shown = pl.concat([regular.head(top), other.head(_MOST_OTHERS)])
    rest = pl.concat([regular.slice(top), other.slice(_MOST_OTHERS)])
    if shown.is_empty():
        return None
    hidden = describe_hidden_rows(rest, counted)
    table = Table(columns=columns(shown), height=shown.height, hidden=hidden)
    return Section(title=title, subtitle=subtitle, blocks=[table])


def describe_hidden_rows(rest: pl.DataFrame, counted: str = "requests") -> str:
    """Say how many rows are not shown; nothing if all are."""
    if rest.is_empty():
        return ""
    text = f"… and {format_count(rest.height)} more"
    if count := column_total(rest, counted):
        text += f" with {format_count(count)} {counted[:-1] if count == 1 else counted}"
    return text

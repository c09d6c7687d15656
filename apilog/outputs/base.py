"""What every output is: a function that draws a report on a binary stream.

An output never changes a report and never reads anything but it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from apilog.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from apilog.model import Report

DEFAULT_TABLE = "endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How to draw. An output leaves alone what it has no use for."""

    table: str | None = None
    """The one table to draw; None: `endpoints` where only one fits, else all."""
    width: int = 80
    """Columns of the terminal."""
    color: bool = False
    """Whether the terminal output may use ANSI colours."""
    terminal: bool = False
    """Whether a terminal shows what is drawn, so that no text may act on it."""
    top: int | None = None
    """Rows a ranking shows on the terminal; data outputs always draw every row."""
    raw: bool = False
    """Whether CSV text cells stay as they are, even if a spreadsheet would run them."""


Write = Callable[["Report", BinaryIO, OutputOptions], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One way to draw a report."""

    name: str
    """What `--format` calls it."""
    suffix: str
    """Of its files, without the dot."""
    write: Write


def choose_table(report: Report, table: str | None) -> pl.DataFrame:
    """The table of that name; without one `endpoints`, or else the report's first.

    Raises UsageError for a name the report does not have, with the nearest ones.
    """
    return choose_named(report, table)[1]


def choose_named(report: Report, table: str | None) -> tuple[str, pl.DataFrame]:
    """The chosen table with its name; see `choose_table`."""
    tables = report.tables
    if table is None:
        table = DEFAULT_TABLE if DEFAULT_TABLE in tables else next(iter(tables), DEFAULT_TABLE)
    if table in tables:
        return table, tables[table]
    near = difflib.get_close_matches(table, tables, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else _available(report)
    raise UsageError(f"this report has no table {table!r}", hint)


def _available(report: Report) -> str:
    return f"its tables are {', '.join(report.tables)}" if report.tables else "it has no tables"

"""Markdown: one table with formatted values; no cell can be anything but text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import polars as pl

from apilog.model import Report
from apilog.outputs.base import OutputOptions, choose_named
from apilog.outputs.escape import markdown_text
from apilog.outputs.labels import displays, is_number, title, unit_of
from apilog.outputs.readable import readable
from apilog.outputs.values import slices, typed


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes the chosen table; only its head if it has no rows."""
    name, frame = choose_named(report, options.table)
    for part in _table(readable(name, frame), report.timezone):
        stream.write(part.encode())


def table_text(frame: pl.DataFrame, timezone: str) -> str:
    """A table with its head; empty for one without columns."""
    return "".join(_table(frame, timezone))


def _table(frame: pl.DataFrame, timezone: str) -> Iterator[str]:
    frame = typed(frame)
    if frame.width == 0:
        return
    titles = [markdown_text(title(name)) for name in frame.columns]
    rules = ["---:" if is_number(dtype) else "---" for dtype in frame.dtypes]
    yield _row(titles) + _row(rules)
    for part in slices(frame):
        columns = [_cells(part[name], timezone) for name in part.columns]
        yield "".join(map(_row, zip(*columns, strict=True)))


def _cells(column: pl.Series, timezone: str) -> list[str]:
    return [
        markdown_text(text) for text in displays(column.to_list(), unit_of(column.name), timezone)
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"

"""Markdown: one table with formatted values; no cell can be anything but text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import polars as pl

from apilog.model import Report
from apilog.outputs.base import OutputOptions, choose_table
from apilog.outputs.escape import markdown_text
from apilog.outputs.labels import displays, is_number, title, unit_of
from apilog.outputs.values import slices, typed


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes the chosen table; only its head if it has no rows."""
    frame = typed(choose_table(report, options.table))
    if frame.width == 0:
        return
    titles = [markdown_text(title(name)) for name in frame.columns]
    rules = ["---:" if is_number(dtype) else "---" for dtype in frame.dtypes]
    stream.write((_row(titles) + _row(rules)).encode())
    for part in slices(frame):
        columns = [_cells(part[name], report.timezone) for name in part.columns]
        stream.write("".join(map(_row, zip(*columns, strict=True))).encode())


def _cells(column: pl.Series, timezone: str) -> list[str]:
    return [
        markdown_text(text) for text in displays(column.to_list(), unit_of(column.name), timezone)
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"

"""NDJSON: one table, one JSON object a row, exact values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import polars as pl

from apilog.render.data.cell_values import plain_values, text_slices
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.escape import escape_json
from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes the chosen table; nothing for one without rows."""
    for part in row_lines(choose_table(report, options.table)[1], report.timezone):
        stream.write(part.encode())


def row_lines(frame: pl.DataFrame, timezone: str) -> Iterator[str]:
    """The rows as JSON objects, a line each, many lines at a time."""
    for part in text_slices(frame):
        yield escape_json(plain_values(part, timezone).write_ndjson())

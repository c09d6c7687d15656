"""NDJSON: one table with exact values, one JSON object per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import polars as pl

from apilog.render.data.cell_values import plain_values, text_slices
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.escape import escape_json
from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the chosen table; nothing for one without rows."""
    for part in row_lines(choose_table(report, options.table)[1], report.timezone):
        stream.write(part.encode())


def row_lines(frame: pl.DataFrame, timezone: str) -> Iterator[str]:
    """Yield the rows as lines of JSON, many lines at a time."""
    for part in text_slices(frame):
        yield escape_json(plain_values(part, timezone).write_ndjson())

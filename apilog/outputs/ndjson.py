"""NDJSON: one table, one JSON object a row, exact values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import polars as pl

from apilog.model import Report
from apilog.outputs.base import OutputOptions, choose_table
from apilog.outputs.escape import json_text
from apilog.outputs.values import plain, slices


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes the chosen table; nothing for one without rows."""
    for part in row_lines(choose_table(report, options.table), report.timezone):
        stream.write(part.encode())


def row_lines(frame: pl.DataFrame, timezone: str) -> Iterator[str]:
    """The rows as JSON objects, a line each, many lines at a time."""
    for part in slices(frame):
        yield json_text(plain(part, timezone).write_ndjson())

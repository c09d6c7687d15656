"""Markdown: one table with formatted values; no cell can be anything but text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import polars as pl

from apilog.render.data.cell_values import text_slices, typed_values
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.cell_text import (
    column_title,
    column_unit,
    format_values,
    is_number,
    named_gateways,
)
from apilog.render.text.escape import escape_markdown
from apilog.render.text.verdict_text import figures_as_text
from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the chosen table; only its head if it has no rows."""
    name, frame = choose_table(report, options.table)
    for part in _table_parts(figures_as_text(name, frame), report.timezone):
        stream.write(part.encode())


def markdown_table(frame: pl.DataFrame, timezone: str) -> str:
    """Return a table with its head; nothing for one without columns."""
    return "".join(_table_parts(frame, timezone))


def _table_parts(frame: pl.DataFrame, timezone: str) -> Iterator[str]:
    frame = typed_values(frame)
    frame = frame.with_columns(named_gateways(column) for column in frame.get_columns())
    if frame.width == 0:
        return
    titles = [escape_markdown(column_title(name)) for name in frame.columns]
    rules = ["---:" if is_number(dtype) else "---" for dtype in frame.dtypes]
    yield _row_text(titles) + _row_text(rules)
    for part in text_slices(frame):
        columns = [
            map(escape_markdown, format_values(part[name].to_list(), column_unit(name), timezone))
            for name in part.columns
        ]
        yield "".join(map(_row_text, zip(*columns, strict=True)))


def _row_text(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"

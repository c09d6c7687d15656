"""Markdown: tables with formatted values; no cell can be anything but text.

A wide table has the columns that say most, and names those that are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

import polars as pl

from apilog.render.data.cell_values import exact_column, text_slices, typed_values
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.cell_text import (
    column_title,
    column_unit,
    format_values,
    is_number,
    named_gateways,
)
from apilog.render.text.escape import escape_markdown
from apilog.render.text.fitting_columns import fitting_columns
from apilog.render.text.verdict_text import (
    CHECKS,
    COMPARISON,
    FIGURES,
    VERDICT_TABLES,
    figures_as_text,
)
from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the chosen table, or several under their names; only heads of those without rows."""
    for place, chosen in enumerate(options.tables or [options.table]):
        name, frame = choose_table(report, chosen)
        if options.tables:
            gap = "\n" if place else ""
            stream.write(f"{gap}## {escape_markdown(name)}\n\n".encode())
        # What a query selects, or `--columns` names, is what is wanted.
        is_whole = options.all_columns or report.command == "query"
        for part in _fitting_parts(name, frame, report, is_whole=is_whole):
            stream.write(part.encode())


def markdown_table(frame: pl.DataFrame, timezone: str) -> str:
    """Return a table with its head; nothing for one without columns."""
    return "".join(_table_parts(frame, timezone))


def _fitting_parts(
    name: str, frame: pl.DataFrame, report: Report, *, is_whole: bool
) -> Iterator[str]:
    """Yield a table, all of it or the columns that fit, and which ones are left out."""
    drawn = frame if is_whole and name in (CHECKS, COMPARISON) else figures_as_text(name, frame)
    columns = drawn.columns if is_whole else fitting_columns(name, drawn, report.filters.metrics)
    figures = FIGURES if is_whole and name in VERDICT_TABLES else ()
    yield from _table_parts(drawn.select(map(exact_column, columns)), report.timezone, figures)
    left_out = [f"`{column}`" for column in drawn.columns if column not in columns]
    if left_out:
        choice = "" if name in (CHECKS, COMPARISON) else "; `--columns` names others"
        yield f"\nLeft out: {', '.join(left_out)}{choice}.\n"


def _table_parts(
    frame: pl.DataFrame, timezone: str, figures: Collection[str] = ()
) -> Iterator[str]:
    frame = typed_values(frame)
    frame = frame.with_columns(named_gateways(column) for column in frame.get_columns())
    if frame.width == 0:
        return
    titles = [escape_markdown(column_title(name)) for name in frame.columns]
    rules = [
        "---:" if is_number(dtype) or name in figures else "---"
        for name, dtype in frame.schema.items()
    ]
    yield _row_text(titles) + _row_text(rules)
    for part in text_slices(frame):
        columns = [
            map(escape_markdown, format_values(part[name].to_list(), column_unit(name), timezone))
            for name in part.columns
        ]
        yield "".join(map(_row_text, zip(*columns, strict=True)))


def _row_text(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"

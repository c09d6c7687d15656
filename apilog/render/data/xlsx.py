"""XLSX for spreadsheets: a sheet for each table, with numbers and times as such.

Every text is written as a text, so that nothing in it is a formula or a link.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

import polars as pl

from apilog.errors import UsageError
from apilog.render import find_output
from apilog.render.data.cell_values import text_slices, typed_values
from apilog.render.output import OutputOptions, choose_table
from apilog.report_model import Report

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_MOST_ROWS = 1_048_576
"""Rows of a sheet, its header included.

https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3
"""
_LONGEST_TEXT = 32_767
"""Characters of a cell, counted as UTF-16 does."""
_EARLIEST = datetime(1900, 3, 1, tzinfo=UTC)
"""Before it, the calendar of spreadsheets has a day that never was."""
_WIDEST = 60
_SPOOLED_BYTES = 16 << 20
"""Larger workbooks are made on disk."""


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write every table, or only the chosen one; times are in the report's zone.

    Raises UsageError where the package that writes workbooks is not installed, and for a table of
    more rows than a sheet has.
    """
    find_output("xlsx").require_package()
    import xlsxwriter

    table = options.table
    tables = report.tables if table is None else {table: choose_table(report, table)[1]}
    for name, frame in tables.items():
        if frame.height >= _MOST_ROWS:
            problem = f"{name} has {frame.height:,} rows, and a sheet only {_MOST_ROWS - 1:,}"
            raise UsageError(problem, "give --top, or take csv or parquet")
    settings = {
        # Rows go to a temporary file as they come, so that memory does not grow with them.
        "constant_memory": True,
        **dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False),
    }
    # A workbook is an archive, which is another one where its file has no positions, as a pipe has.
    with SpooledTemporaryFile(_SPOOLED_BYTES) as file:
        with xlsxwriter.Workbook(file, settings) as workbook:
            _write_tables(workbook, tables, report)
        file.seek(0)
        copyfileobj(file, stream)


def _write_tables(workbook: Workbook, tables: Mapping[str, pl.DataFrame], report: Report) -> None:
    # The same report gives the same bytes.
    workbook.set_properties({"created": report.until or datetime(2000, 1, 1, tzinfo=UTC)})
    header = workbook.add_format({"bold": True})
    moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for name, frame in tables.items():
        sheet = workbook.add_worksheet(name[:31])
        _write_sheet(sheet, typed_values(frame), ZoneInfo(report.timezone), header, moment)


def _write_sheet(
    sheet: Worksheet, frame: pl.DataFrame, zone: ZoneInfo, header: Format, moment: Format
) -> None:
    for column, name in enumerate(frame.columns):
        is_time = isinstance(frame.schema[name], pl.Datetime)
        sheet.set_column(
            column, column, _width(name, frame[name].head(100)), moment if is_time else None
        )
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(frame.columns):
        sheet.write_string(0, column, _fitting(name), header)
    for number, row in enumerate(_iter_rows(frame), 1):
        for column, value in enumerate(row):
            _write_cell(sheet, number, column, value, zone, moment)


def _iter_rows(frame: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    for part in text_slices(frame):
        yield from part.iter_rows()


def _write_cell(
    sheet: Worksheet, row: int, column: int, value: object, zone: ZoneInfo, moment: Format
) -> None:
    match value:
        case None:
            pass
        case bool():
            sheet.write_boolean(row, column, value)
        case int() if abs(value) >= 1 << 53:  # a spreadsheet would round it
            sheet.write_string(row, column, str(value))
        case int() | float():
            sheet.write_number(row, column, value)
        case datetime() if value.tzinfo is not None and value >= _EARLIEST:
            local = value.astimezone(zone).replace(tzinfo=None)
            sheet.write_datetime(row, column, local, moment)
        case list() | dict():
            text = json.dumps(value, ensure_ascii=False, default=str)
            sheet.write_string(row, column, _fitting(text))
        case _:
            sheet.write_string(row, column, _fitting(str(value)))


def _fitting(text: str) -> str:
    """Return the text, cut and with `…` at its end if it is longer than a cell may be."""
    if 2 * len(text) <= _LONGEST_TEXT:
        return text
    units = text.encode("utf-16-le")
    if len(units) // 2 <= _LONGEST_TEXT:
        return text
    return units[: 2 * (_LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"


def _width(name: str, values: pl.Series) -> int:
    """Return a width in characters at which most of the first values are seen."""
    if isinstance(values.dtype, pl.Datetime):
        return 20
    longest = max((len(str(value)) for value in values if value is not None), default=0)
    return min(max(len(name), 14 if values.dtype.is_float() else longest) + 2, _WIDEST)

"""Workbooks as a reader of them sees them."""

from __future__ import annotations

import io
import math
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.render import OUTPUTS, OutputOptions
from apilog.render.data import xlsx
from tests.examples import about
from tests.render.hostile_report import hostile_report


def workbook(report: Any, **options: Any) -> Any:
    stream = io.BytesIO()
    OUTPUTS["xlsx"].write(report, stream, OutputOptions(**options))
    return openpyxl.load_workbook(stream)


def cells(**columns: pl.Series) -> list[tuple[Any, ...]]:
    report = replace(hostile_report(), tables={"result": pl.DataFrame(columns)}, timezone="UTC")
    return [*workbook(report)["result"].iter_rows(values_only=True)]


def test_each_table_is_a_sheet_with_a_header_that_stays() -> None:
    report = hostile_report()
    book = workbook(report)
    assert book.sheetnames == [*report.tables]
    for name, frame in report.tables.items():
        sheet = book[name]
        assert sheet.freeze_panes == "A2"
        assert [cell.value for cell in sheet[1]] == frame.columns
        assert sheet.max_row == frame.height + 1
    assert workbook(report, table="latency").sheetnames == ["latency"]


def test_numbers_and_times_are_such() -> None:
    report = hostile_report()
    sheet = workbook(replace(report, timezone="UTC"))["endpoints"]
    header = [cell.value for cell in sheet[1]]
    for row, expected in zip(
        sheet.iter_rows(min_row=2), report.tables["endpoints"].iter_rows(named=True), strict=True
    ):
        found = {name: cell.value for name, cell in zip(header, row, strict=True)}
        assert found["requests"] == expected["requests"]
        rate = expected["error_rate"]
        is_number = rate is not None and math.isfinite(rate)
        assert found["error_rate"] == (pytest.approx(rate) if is_number else None)
        seen = expected["last_seen"]
        # A spreadsheet's times have milliseconds.
        assert found["last_seen"] == (seen and seen.replace(tzinfo=None, microsecond=0))


def test_nothing_is_a_formula_or_a_link() -> None:
    book = workbook(hostile_report())
    for sheet in book:
        assert not sheet._hyperlinks
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" for cell in row)
    routes = [row[0] for row in book["endpoints"].iter_rows(min_col=3, max_col=3, values_only=True)]
    assert '=cmd|"/C calc"!A1' in routes


# What XML can't hold is written as _xHHHH_, which this reader gives back as it stands.
PLAIN = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_\ufffe\uffff")


@settings(max_examples=about(25))
@given(st.lists(st.text(PLAIN), min_size=1, max_size=4))
def test_any_text_comes_back(texts: list[str]) -> None:
    rows = cells(text=pl.Series(texts, dtype=pl.String))
    assert [row[0] or "" for row in rows[1:]] == texts


@settings(max_examples=about(15))
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_character_can_be_read(text: str) -> None:
    assert len(cells(text=pl.Series([text], dtype=pl.String))) == 2


def test_what_a_cell_cannot_hold() -> None:
    long = "é" * 40_000 + "🎉"
    rows = cells(
        long=pl.Series([long]),
        big=pl.Series([2**60 + 1]),
        early=pl.Series([datetime(1200, 1, 1, tzinfo=UTC)]),
        list=pl.Series([["=a", None]]),
        gone=pl.Series([float("nan")]),
        flag=pl.Series([True]),
    )
    text, big, early, listed, gone, flag = rows[1]
    assert len(text) == 32_767
    assert text.endswith("é…")
    assert big == str(2**60 + 1)
    assert early.startswith("1200-01-01")
    assert listed == '["=a", null]'
    assert gone is None
    assert flag is True


def test_times_are_in_the_zone_of_the_report() -> None:
    frame = pl.DataFrame({"at": [datetime(2026, 7, 1, 12, tzinfo=UTC)]})
    report = replace(hostile_report(), tables={"result": frame}, timezone="Europe/Berlin")
    assert workbook(report)["result"]["A2"].value.isoformat() == "2026-07-01T14:00:00"


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_MOST_ROWS", 3)
    with pytest.raises(UsageError, match="result has 3 rows, and a sheet only 2"):
        cells(n=pl.Series([1, 2, 3]))


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(UsageError, match="needs the package XlsxWriter") as caught:
        cells(n=pl.Series([1]))
    assert "'.[excel]'" in caught.value.hint

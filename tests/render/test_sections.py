"""Sections are data: whatever draws them escapes their text and decides what fits."""

from __future__ import annotations

import subprocess
import sys

from apilog.render.sections import ReportView, report_sections
from apilog.render.sections.section import Section, Table, TextColumn
from tests.render.hostile_report import ROUTES, hostile_report


def sections_of_hostile_report() -> list[Section]:
    return [s for row in report_sections(ReportView.of(hostile_report(), None)) for s in row]


def test_sections_know_nothing_of_a_terminal():
    code = "import sys, apilog.render.sections; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]


def test_sections_have_titles_columns_rows_and_notes():
    (endpoints,) = [s for s in sections_of_hostile_report() if s.title == "Endpoints"]
    (table,) = endpoints.blocks
    assert isinstance(table, Table)
    assert table.height == 10 + 1
    assert table.hidden.startswith("… and 10 more with ")
    titles = [column.title for column in table.columns if isinstance(column, TextColumn)]
    assert titles[:4] == ["gateway", "method", "route", "requests"]
    for column in table.columns:
        assert not isinstance(column, TextColumn) or len(column.cells) == table.height


def test_the_text_of_sections_is_raw():
    cells = {
        cell
        for section in sections_of_hostile_report()
        for block in section.blocks
        if isinstance(block, Table)
        for column in block.columns
        if isinstance(column, TextColumn)
        for cell in column.cells
    }
    assert {route for route in ROUTES if route and "\x1b" in route} & cells

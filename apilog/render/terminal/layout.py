"""Which sections the report has, in which order, and what stands side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from rich.text import Text

from apilog.render.sections import SUCCESS_ROWS as SUCCESS
from apilog.render.sections.breakdowns import (
    consumers_section,
    gateways_section,
    statuses_section,
    whole_table_section,
)
from apilog.render.sections.endpoints import (
    busiest_section,
    errors_section,
    failing_section,
    slowest_section,
)
from apilog.render.sections.section import ReportView, Section
from apilog.render.sections.summary import (
    damaged_section,
    head_lines,
    no_latency_section,
    notes_section,
    totals_lines,
)
from apilog.render.sections.traffic import anomalies_section, traffic_section
from apilog.render.sections.verdict_tables import (
    changed_section,
    checks_section,
    comparison_section,
    worst_section,
)
from apilog.render.terminal.fit_text import pad_text

_NARROWEST_WIDTH = 24
_SIDE_BY_SIDE_WIDTH = 150
"""Columns from which two sections share a line."""
_GAP = 4

_SectionRows = Sequence[Sequence[Callable[[ReportView], Section | None]]]

_REPORT_ROWS: _SectionRows = (
    (checks_section,),
    (worst_section,),
    (comparison_section,),
    (changed_section,),
    (traffic_section,),
    (anomalies_section,),
    (gateways_section,),
    (busiest_section,),
    (statuses_section, consumers_section),
    (failing_section, slowest_section),
    (errors_section,),
    (no_latency_section,),
)
_REMARK_SECTIONS = (damaged_section, notes_section)
_TABLES_WITH_SECTIONS = {
    "overview",
    "gateways",
    "traffic",
    "endpoints",
    "statuses",
    "errors",
    "latency",
    "consumers",
    "anomalies",
    "checks",
    "worst",
    "comparison",
    "changed",
}


def report_lines(page: ReportView, width: int) -> list[Text]:
    """The lines of the whole report; tables it has no section for are drawn as they are."""
    width = max(width, _NARROWEST_WIDTH)
    if page.report.command == "success":
        blocks = [head_lines(page.report, width), *_section_blocks(page, SUCCESS, width)]
        return _stack_blocks([*blocks, *_remark_blocks(page, width)])
    tables = page.report.tables
    unknown = [
        whole_table_section(page, name).lines(width)
        for name in tables
        if name not in _TABLES_WITH_SECTIONS
    ]
    if unknown and not _TABLES_WITH_SECTIONS.intersection(tables):
        return _stack_blocks([*unknown, *_remark_blocks(page, width)])
    blocks = [
        head_lines(page.report, width),
        _totals_block(page, width),
        *_section_blocks(page, _REPORT_ROWS, width),
    ]
    return _stack_blocks([*blocks, *unknown, *_remark_blocks(page, width)])


def table_lines(page: ReportView, name: str, width: int) -> list[Text]:
    """The lines of one table, all of its rows."""
    return whole_table_section(page, name).lines(max(width, _NARROWEST_WIDTH))


def _section_blocks(page: ReportView, rows: _SectionRows, width: int) -> Iterator[list[Text]]:
    for row in rows:
        found = [section for make in row if (section := make(page)) is not None]
        yield from _row_blocks(found, width)


def _totals_block(page: ReportView, width: int) -> list[Text]:
    lines = totals_lines(page, width)
    if lines or any(
        frame.height for name, frame in page.report.tables.items() if name != "overview"
    ):
        return lines
    return [Text("No requests.", "bold")]


def _remark_blocks(page: ReportView, width: int) -> list[list[Text]]:
    found = [section for make in _REMARK_SECTIONS if (section := make(page)) is not None]
    return [section.lines(width) for section in found]


def _row_blocks(found: Sequence[Section], width: int) -> list[list[Text]]:
    if len(found) < 2 or width < _SIDE_BY_SIDE_WIDTH:
        return [section.lines(width) for section in found]
    half = (width - _GAP) // 2
    left, right = (section.lines(half) for section in found)
    return [
        [
            Text.assemble(pad_text(a, half + _GAP), b) if b.plain else a
            for a, b in zip_longest(left, right, fillvalue=Text())
        ]
    ]


def _stack_blocks(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    lines: list[Text] = []
    for block in blocks:
        if lines and block:
            lines.append(Text())
        lines += block
    return lines

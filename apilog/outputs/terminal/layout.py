"""Which sections the report has, in which order, and what stands side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from rich.text import Text

from apilog.outputs.terminal.anomalies import anomalies
from apilog.outputs.terminal.endpoints import busiest, errors, failing, slowest
from apilog.outputs.terminal.header import head, totals
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.remarks import damaged, no_latency, notes
from apilog.outputs.terminal.statuses import statuses
from apilog.outputs.terminal.success import ROWS as SUCCESS
from apilog.outputs.terminal.tables import consumers, gateways, whole
from apilog.outputs.terminal.text import pad
from apilog.outputs.terminal.traffic import traffic

_NARROWEST = 24
_BESIDE = 150
"""Columns from which two sections share a line."""
_GAP = 4

_Rows = Sequence[Sequence[Callable[[Page], Section | None]]]

_ROWS: _Rows = (
    (traffic,),
    (anomalies,),
    (gateways,),
    (busiest,),
    (statuses, consumers),
    (failing, slowest),
    (errors,),
    (no_latency,),
)
_REMARKS = (damaged, notes)
_KNOWN = {
    "overview",
    "gateways",
    "traffic",
    "endpoints",
    "statuses",
    "errors",
    "latency",
    "consumers",
    "anomalies",
}


def sections(page: Page, width: int) -> list[Text]:
    """The lines of the whole report; tables it has no section for are drawn as they are."""
    width = max(width, _NARROWEST)
    if page.report.command == "success":
        blocks = [head(page.report, width), *_sections(page, SUCCESS, width)]
        return _stacked([*blocks, *_remarks(page, width)])
    tables = page.report.tables
    unknown = [whole(page, name).lines(width) for name in tables if name not in _KNOWN]
    if unknown and not _KNOWN.intersection(tables):
        return _stacked([*unknown, *_remarks(page, width)])
    blocks = [head(page.report, width), _totals(page, width), *_sections(page, _ROWS, width)]
    return _stacked([*blocks, *unknown, *_remarks(page, width)])


def single(page: Page, name: str, width: int) -> list[Text]:
    """The lines of one table, all of its rows."""
    return whole(page, name).lines(max(width, _NARROWEST))


def _sections(page: Page, rows: _Rows, width: int) -> Iterator[list[Text]]:
    for row in rows:
        found = [section for make in row if (section := make(page)) is not None]
        yield from _row(found, width)


def _totals(page: Page, width: int) -> list[Text]:
    lines = totals(page, width)
    if lines or any(
        frame.height for name, frame in page.report.tables.items() if name != "overview"
    ):
        return lines
    return [Text("No requests.", "bold")]


def _remarks(page: Page, width: int) -> list[list[Text]]:
    found = [section for make in _REMARKS if (section := make(page)) is not None]
    return [section.lines(width) for section in found]


def _row(found: Sequence[Section], width: int) -> list[list[Text]]:
    if len(found) < 2 or width < _BESIDE:
        return [section.lines(width) for section in found]
    half = (width - _GAP) // 2
    left, right = (section.lines(half) for section in found)
    return [
        [
            Text.assemble(pad(a, half + _GAP), b) if b.plain else a
            for a, b in zip_longest(left, right, fillvalue=Text())
        ]
    ]


def _stacked(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    lines: list[Text] = []
    for block in blocks:
        if lines and block:
            lines.append(Text())
        lines += block
    return lines

"""Sections on the terminal: their headings and blocks, one below the other or side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from apilog.render.sections import ReportView, Section, report_sections, whole_table_section
from apilog.render.sections.section import (
    Block,
    Charts,
    Fact,
    Facts,
    Gap,
    Paragraph,
    Table,
    TextColumn,
    Tiles,
)
from apilog.render.terminal.charts import draw_charts, draw_share
from apilog.render.terminal.fit_text import (
    clip_line,
    flow_parts,
    pad_text,
    shorten_end,
    shorten_middle,
    wrap_text,
)
from apilog.render.terminal.grid import draw_table
from apilog.render.text.escape import escape_terminal

_NARROWEST_WIDTH = 24
_SIDE_BY_SIDE_WIDTH = 150
"""Columns from which two sections share a line."""
_SECTION_GAP = 4
_TILE_GAP = 3
_FACT_BAR_WIDTH = 20
_DENSE_GAP = 2


def report_lines(view: ReportView, width: int) -> list[Text]:
    """Draw the whole report; two sections stand side by side where there is room."""
    width = max(width, _NARROWEST_WIDTH)
    half = (width - _SECTION_GAP) // 2
    blocks: list[list[Text]] = []
    for sections in report_sections(view):
        if len(sections) < 2 or width < _SIDE_BY_SIDE_WIDTH:
            blocks += [draw_section(section, width) for section in sections]
        else:
            left, right = (draw_section(section, half) for section in sections)
            blocks.append(
                [
                    Text.assemble(pad_text(a, half + _SECTION_GAP), b) if b.plain else a
                    for a, b in zip_longest(left, right, fillvalue=Text())
                ]
            )
    return stack_blocks(blocks)


def table_lines(view: ReportView, name: str, width: int) -> list[Text]:
    """Draw one table with all of its rows."""
    return draw_section(whole_table_section(view, name), max(width, _NARROWEST_WIDTH))


def draw_section(section: Section, width: int) -> list[Text]:
    """Draw the heading of a section, if it has one, and its blocks."""
    lines = [line for block in section.blocks for line in _draw_block(block, width)]
    return [_draw_heading(section, width), *lines] if section.title else lines


def draw_dense_section(section: Section, width: int) -> list[Text]:
    """Draw a section of one table with its heading in the line of the column titles.

    The columns that tell the rows apart lose their titles, which their values explain.
    """
    (table,) = section.blocks
    assert isinstance(table, Table)
    columns = list(table.columns)
    for i, column in enumerate(columns):
        if not isinstance(column, TextColumn) or column.align_right:
            break
        columns[i] = replace(column, title="")
    lines = draw_table(replace(table, columns=columns), width)
    titles = lines[0] if len(lines) > table.height + bool(table.hidden) else Text()
    rows = lines[len(lines) - table.height - bool(table.hidden) :]
    margin = len(titles.plain) - len(titles.plain.lstrip())
    if titles.plain and margin - _DENSE_GAP < len(section.title):
        titles = Text()  # so narrow that only one of the two fits
    room = margin - _DENSE_GAP if titles.plain else width
    if len(section.title) + _DENSE_GAP + cell_len(section.subtitle) > room:
        section = replace(section, subtitle="")
    heading = pad_text(_draw_heading(section, room), margin if titles.plain else 0)
    return [Text.assemble(heading, titles[margin:]), *rows]


def _draw_heading(section: Section, width: int) -> Text:
    title = escape_terminal(section.title)
    heading = Text.assemble((title, "bold"))
    room = width - len(title) - 2
    if section.subtitle and room > 3:
        heading.append("  " + shorten_end(escape_terminal(section.subtitle), room), "dim")
    return clip_line(heading, width)


def stack_blocks(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    """Join the lines of all blocks, with an empty line between those that have any."""
    lines: list[Text] = []
    for block in blocks:
        if lines and block:
            lines.append(Text())
        lines += block
    return lines


def _draw_block(block: Block, width: int) -> list[Text]:
    match block:
        case Table():
            return draw_table(block, width)
        case Charts():
            return draw_charts(block, width)
        case Tiles():
            return _draw_tiles(block, width)
        case Paragraph():
            return _draw_paragraph(block, width)
        case Facts():
            facts = [_draw_fact(fact) for fact in block.facts]
            lines = flow_parts(facts, width - block.indent)
            return [Text.assemble(" " * block.indent, line) for line in lines]
        case Gap():
            return [Text()]


def _draw_paragraph(paragraph: Paragraph, width: int) -> list[Text]:
    text = escape_terminal(paragraph.text)
    if paragraph.label:
        label = shorten_middle(escape_terminal(paragraph.label), max(12, width // 2))
        text = f"{label}: {text}"
    return wrap_text(text, width, paragraph.style, " " * paragraph.indent + paragraph.bullet)


def _draw_fact(fact: Fact) -> Text:
    text = escape_terminal(fact.text)
    if fact.share is None:
        return Text(text, fact.style)
    filled, rest = draw_share(fact.share, _FACT_BAR_WIDTH)
    detail = f" {escape_terminal(fact.detail)}"
    return Text.assemble((f"{text} ", fact.style), (filled, "green"), (rest, "dim"), detail)


def _draw_tiles(tiles: Tiles, width: int) -> list[Text]:
    """Draw labels with their numbers below, in columns of the same width."""
    has_changes = any(tile.change for tile in tiles.tiles)
    shown = [
        (
            Text(escape_terminal(tile.label), "dim"),
            Text(tile.value, f"bold {tile.style}".strip()),
            *([Text(tile.change, tile.change_style)] if has_changes else []),
        )
        for tile in tiles.tiles
    ]
    cells = max(cell_len(text.plain) for tile in shown for text in tile) + _TILE_GAP
    rows = math.ceil(len(shown) / max(1, (width - 2 + _TILE_GAP) // cells))
    per_row = math.ceil(len(shown) / rows)
    lines: list[Text] = []
    for start in range(0, len(shown), per_row):
        for texts in zip(*shown[start : start + per_row], strict=True):
            line = Text("  ") + Text("").join(pad_text(text, cells) for text in texts)
            line.rstrip()
            lines.append(clip_line(line, width))
    if has_changes and tiles.compared_with:
        lines.append(clip_line(Text(f"  {tiles.compared_with}", "dim"), width))
    return lines

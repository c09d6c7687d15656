"""Tables on the terminal: columns give way, rows never wrap, no line is wider than asked for.

All text of a table is escaped here, before it is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from rich.text import Text

from apilog.render.sections.section import (
    BarColumn,
    Column,
    HistogramColumn,
    RowGroup,
    ShareColumn,
    Table,
    TextColumn,
)
from apilog.render.terminal.charts import draw_bar, draw_chart, draw_share
from apilog.render.terminal.fit_text import (
    clip_line,
    natural_width,
    pad_text,
    shorten_end,
    shorten_middle,
    wrap_text,
)
from apilog.render.text.escape import escape_terminal

_GAP = 2
_INDENT = 2
_SHORTEST_TEXT = 6
_FIGURES_WIDTH = 46
"""A heading that leaves less room than that beside it gets a line of its own."""
_SHARE_WIDTH = 12

_GridColumn = TextColumn | BarColumn


def draw_table(table: Table, width: int) -> list[Text]:
    """Draw the titles, the rows, and what there is to say about them."""
    columns = [_prepare_column(column) for column in table.columns]
    if table.names_missing_columns:
        return _draw_named_columns(table, columns, width)
    if table.groups:
        return _draw_groups(table, columns, width)
    return _draw_grid(columns, table.height, width) + _draw_note(table.hidden, width)


def _prepare_column(column: Column) -> _GridColumn:
    """Return the column with escaped text; small bars and histograms become text."""
    match column:
        case TextColumn():
            compact = column.compact_cells
            return replace(
                column,
                title=escape_terminal(column.title),
                cells=[escape_terminal(cell) for cell in column.cells],
                compact_cells=compact and [escape_terminal(cell) for cell in compact],
            )
        case BarColumn():
            return column
        case ShareColumn():
            cells = ["".join(draw_share(share, _SHARE_WIDTH)) for share in column.shares]
            return TextColumn(
                title="", cells=cells, styles=column.style, drop_order=column.drop_order
            )
        case HistogramColumn():
            # A block for each bin, below its title.
            cells = [
                " ".join(
                    f"{block * 2:{len(title)}}"
                    for title, block in zip(column.bins, draw_chart(counts, 1)[0], strict=True)
                )
                for counts in column.counts
            ]
            return TextColumn(
                title=" ".join(column.bins),
                cells=cells,
                styles=column.style,
                drop_order=column.drop_order,
            )


def _draw_named_columns(table: Table, columns: Sequence[_GridColumn], width: int) -> list[Text]:
    """Draw the columns that fit and name the others; draw a single row upright."""
    fitting = [column for column, _ in _fit_columns(columns, width - _INDENT)]
    missing = [_title(column) for column in columns[len(fitting) :]]
    texts = [column for column in columns if isinstance(column, TextColumn)]
    if missing and table.height == 1:
        titles = TextColumn(title="", cells=[column.title for column in texts], styles="dim")
        cells = TextColumn(title="", cells=[c.cells[0] for c in texts], is_flexible=True)
        return _draw_grid([titles, cells], len(texts), width)
    lines = _draw_grid(fitting, table.height, width) + _draw_note(table.hidden, width)
    if missing:
        note = f"No room for {', '.join(missing)}: widen the terminal, or use another format."
        lines += wrap_text(note, width, "dim")
    return lines


def _draw_groups(table: Table, columns: Sequence[_GridColumn], width: int) -> list[Text]:
    """Draw headings above their groups, unless they fit into the rows in place of the labels."""
    own_line = [
        bool(group.heading)
        and (not group.replaces_label or len(group.heading) > width - _FIGURES_WIDTH)
        for group in table.groups
    ]
    columns = list(columns)
    label = columns[table.label_column]
    if isinstance(label, TextColumn):
        cells = _labels(label.cells, table.groups, own_line)
        columns[table.label_column] = replace(label, cells=cells)
    title, *rows = _draw_grid(columns, table.height, width)
    lines, numbered = [title], iter(enumerate(rows))
    indent = " " * table.indent
    for group, has_line in zip(table.groups, own_line, strict=True):
        if has_line:
            lines += wrap_text(escape_terminal(group.heading), width, mark=indent)
        for number, row in islice(numbered, group.height):
            remark = escape_terminal(table.remarks.get(number, ""))
            lines += [row, *wrap_text(remark, width, "dim", f"{indent}  ")]
        lines += _draw_note(group.hidden, width, f"{indent}  ")
    return lines


def _labels(
    cells: Sequence[str], groups: Sequence[RowGroup], own_line: Sequence[bool]
) -> list[str]:
    labels: list[str] = []
    for group, has_line in zip(groups, own_line, strict=True):
        own_labels = cells[len(labels) : len(labels) + group.height]
        if group.heading and not has_line:
            own_labels = [escape_terminal(group.heading)] * group.height
        labels += own_labels
    return labels


def _draw_note(note: str, width: int, indent: str = " " * _INDENT) -> list[Text]:
    return [clip_line(Text(indent + escape_terminal(note), "dim"), width)] if note else []


def _draw_grid(columns: Sequence[_GridColumn], rows: int, width: int) -> list[Text]:
    """Draw the titles, unless all are empty, and the rows; at least the first column is kept."""
    fitted = _fit_columns(columns, width - _INDENT)
    titles = [_pad_cell(Text(_title(c), "dim"), c, w) for c, w in fitted]
    lines = [_join_cells(titles, width)]
    for row in range(rows):
        cells = [_pad_cell(_draw_cell(c, row, w), c, w) for c, w in fitted]
        lines.append(_join_cells(cells, width))
    return lines if lines[0].plain else lines[1:]


def _fit_columns(columns: Sequence[_GridColumn], width: int) -> list[tuple[_GridColumn, int]]:
    """Return the columns that there is room for, and their widths."""
    floor = max(12, min(28, width * 28 // 100))
    shown = list(columns)
    if _total_width(shown, floor) > width:
        shown = [
            replace(column, cells=column.compact_cells)
            if isinstance(column, TextColumn) and column.compact_cells is not None
            else column
            for column in shown
        ]
    while len(shown) > 1 and _total_width(shown, floor) > width:
        # Of columns with the same number the last one goes first.
        out = max(range(len(shown)), key=lambda i: (shown[i].drop_order, i))
        if not shown[out].drop_order:
            break
        del shown[out]
    slack = width - _total_width(shown, floor)
    widths = {}
    # Bars come last: they take the room that the text leaves.
    for i in sorted(range(len(shown)), key=lambda i: isinstance(shown[i], BarColumn)):
        column, least = shown[i], _minimum_width(shown[i], floor)
        # What is missing is taken from the columns that can be shortened.
        can_shrink = _minimum_width(column, 0) < least
        shortest = _minimum_width(column, _SHORTEST_TEXT) if can_shrink else least
        extra = max(shortest - least, min(slack, _natural_width(column) - least))
        slack -= extra
        widths[i] = least + extra
    return [(column, widths[i]) for i, column in enumerate(shown)]


def _total_width(columns: Sequence[_GridColumn], floor: int) -> int:
    return sum(_minimum_width(column, floor) for column in columns) + _GAP * (len(columns) - 1)


def _natural_width(column: _GridColumn) -> int:
    if isinstance(column, BarColumn):
        return column.max_width
    return min(column.max_width, natural_width([column.title, *column.cells]))


def _minimum_width(column: _GridColumn, floor: int) -> int:
    """Return the width that a column needs; `floor` is enough for a long text."""
    natural = _natural_width(column)
    if isinstance(column, BarColumn):
        # The eighths of a few cells still tell values apart.
        return min(natural, max(floor // 3 - 3, column.min_width, 4))
    if not column.is_flexible:
        return natural
    return min(natural, max(column.min_width or floor, len(column.title)))


def _title(column: _GridColumn) -> str:
    return column.title if isinstance(column, TextColumn) else ""


def _draw_cell(column: _GridColumn, row: int, width: int) -> Text:
    style = column.styles if isinstance(column.styles, str) else column.styles[row]
    if isinstance(column, BarColumn):
        largest = max((value for value in column.values if value is not None), default=0)
        value = column.values[row]
        return Text(draw_bar(value / largest if value and largest > 0 else 0, width), style)
    shorten = shorten_middle if column.keeps_end else shorten_end
    text = Text(shorten(column.cells[row], width), style)
    if column.braces_style:
        text.highlight_regex(r"\{[^{}]*\}", column.braces_style)
    return text


def _pad_cell(text: Text, column: _GridColumn, width: int) -> Text:
    return pad_text(text, width, right=isinstance(column, TextColumn) and column.align_right)


def _join_cells(cells: Sequence[Text], width: int) -> Text:
    line = Text(" " * _INDENT) + Text(" " * _GAP).join(cells)
    line.rstrip()
    return clip_line(line, width)

"""Tables on the terminal: columns give way, rows never wrap, no line is wider than asked for.

All text of a table is escaped here, before it is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from rich.cells import cell_len
from rich.text import Text

from apilog.render.sections.section import (
    BarColumn,
    Column,
    HistogramColumn,
    ShareColumn,
    Table,
    TextColumn,
)
from apilog.render.terminal.charts import draw_bar, draw_chart, draw_share
from apilog.render.terminal.fit_text import (
    ELLIPSIS,
    clip_line,
    natural_width,
    pad_text,
    shorten_end,
    shorten_list,
    shorten_middle,
    wrap_text,
)
from apilog.render.text.escape import escape_terminal

_GAP = 2
_INDENT = 2
_SHORTEST_TEXT = 6
_FIGURES_WIDTH = 46
"""A heading that leaves less room than that beside it gets a line of its own."""
_LEGIBLE_TEXT = 40
"""Cells that are enough for a text; no bar takes room from less."""
_LIST_PARTS = 2
"""The parts of a list that are shown at least."""
_RARE = 5
"""Columns with this drop order or a higher one go before numbers are written short."""
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
    fitting, dropped = _choose_columns(columns, width - _INDENT)
    missing = [columns[i] for i in sorted(dropped)]
    texts = [column for column in columns if isinstance(column, TextColumn)]
    if missing and table.height == 1:
        titles = TextColumn(title="", cells=[column.title for column in texts], styles="dim")
        cells = TextColumn(title="", cells=[c.cells[0] for c in texts], is_flexible=True)
        return _draw_grid([titles, cells], len(texts), width)
    lines = _draw_grid(fitting, table.height, width) + _draw_note(table.hidden, width)
    for column_note in _describe_missing(missing):
        lines += wrap_text(column_note, width, "dim")
    return lines


def _describe_missing(columns: Sequence[_GridColumn]) -> list[str]:
    """Say which columns are not shown, those that hold nothing apart from the others."""
    texts = [column for column in columns if isinstance(column, TextColumn)]
    full = [column.title for column in texts if not column.is_empty]
    empty = [column.title for column in texts if column.is_empty]
    ways = "widen the terminal, choose --columns, or use -f csv"
    notes = [f"No room for {', '.join(full)}: {ways}."] if full else []
    return [*notes, *([f"Without any value: {', '.join(empty)}."] if empty else [])]


def _draw_groups(table: Table, columns: Sequence[_GridColumn], width: int) -> list[Text]:
    """Draw headings above their groups, unless they fit into the rows in place of the labels."""
    headings = [escape_terminal(group.heading) for group in table.groups]
    own_line = [
        bool(group.heading)
        and (not group.replaces_label or cell_len(heading) > width - _FIGURES_WIDTH)
        for group, heading in zip(table.groups, headings, strict=True)
    ]
    columns = _label_rows(table, columns, headings, own_line)
    # A heading is never shortened: where the figures leave too little room it moves up.
    while table.groups and (cut := _cut_headings(table, columns, headings, own_line, width)):
        own_line = [has_line or i in cut for i, has_line in enumerate(own_line)]
        columns = _label_rows(table, columns, headings, own_line)
    title, *rows = _draw_grid(columns, table.height, width)
    lines, numbered = [title], iter(enumerate(rows))
    indent = " " * table.indent
    for group, heading, has_line in zip(table.groups, headings, own_line, strict=True):
        if has_line:
            lines += wrap_text(heading, width, mark=indent, keeps_words=False)
        for number, row in islice(numbered, group.height):
            remark = escape_terminal(table.remarks.get(number, ""))
            lines += [row, *wrap_text(remark, width, "dim", f"{indent}  ")]
        lines += _draw_note(group.hidden, width, f"{indent}  ")
    return lines


def _label_rows(
    table: Table,
    columns: Sequence[_GridColumn],
    headings: Sequence[str],
    own_line: Sequence[bool],
) -> list[_GridColumn]:
    """Return the columns with the headings that have no line of their own for labels."""
    own_labels = _prepare_column(table.columns[table.label_column])
    assert isinstance(own_labels, TextColumn)
    labels: list[str] = []
    for group, heading, has_line in zip(table.groups, headings, own_line, strict=True):
        cells = own_labels.cells[len(labels) : len(labels) + group.height]
        labels += [heading] * group.height if heading and not has_line else cells
    labelled = list(columns)
    labelled[table.label_column] = replace(own_labels, cells=labels)
    return labelled


def _cut_headings(
    table: Table,
    columns: Sequence[_GridColumn],
    headings: Sequence[str],
    own_line: Sequence[bool],
    width: int,
) -> set[int]:
    """Return the numbers of the groups whose heading would be shortened in its row."""
    room = _fit_columns(columns, width - _INDENT)[table.label_column][1]
    return {
        i
        for i, (heading, has_line) in enumerate(zip(headings, own_line, strict=True))
        if not has_line and cell_len(heading) > room
    }


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
    shown, _ = _choose_columns(columns, width)
    widths = _share_width(shown, width)
    bars = [column for column in shown if isinstance(column, BarColumn) and column.drop_order]
    if bars and any(map(_is_cut, shown, widths)):
        # What a row is about says more than a bar.
        shown = [column for column in shown if column not in bars]
        widths = _share_width(shown, width)
    return list(zip(shown, widths, strict=True))


def _choose_columns(
    columns: Sequence[_GridColumn], width: int
) -> tuple[list[_GridColumn], set[int]]:
    """Return the columns that there is room for, and the numbers of the others."""
    floor = _text_floor(width)
    shown = dict(enumerate(columns))

    def drop_while_too_wide(lowest: int) -> None:
        while len(shown) > 1 and _total_width([*shown.values()], floor) > width:
            # Of columns with the same number the last one goes first.
            out = max(shown, key=lambda i: (shown[i].drop_order, i))
            if shown[out].drop_order < lowest:
                return
            del shown[out]

    drop_while_too_wide(_RARE)
    if _total_width([*shown.values()], floor) > width:
        shown = {i: _compact(column) for i, column in shown.items()}
    drop_while_too_wide(1)
    return [*shown.values()], {*range(len(columns))} - {*shown}


def _compact(column: _GridColumn) -> _GridColumn:
    if isinstance(column, TextColumn) and column.compact_cells is not None:
        return replace(column, cells=column.compact_cells)
    return column


def _share_width(shown: Sequence[_GridColumn], width: int) -> list[int]:
    """Return the width of each column."""
    floor = _text_floor(width)
    slack = width - _total_width(shown, floor)
    widths = {}
    # Bars come last: they take the room that the text leaves.
    for i in sorted(range(len(shown)), key=lambda i: isinstance(shown[i], BarColumn)):
        column, least = shown[i], _minimum_width(shown[i], floor)
        # What is missing is taken from the columns that can be shortened.
        can_shrink = isinstance(column, TextColumn) and column.is_flexible
        shortest = min(least, _SHORTEST_TEXT) if can_shrink else least
        extra = max(shortest - least, min(slack, _natural_width(column) - least))
        slack -= extra
        widths[i] = least + extra
    return [widths[i] for i in range(len(shown))]


def _is_cut(column: _GridColumn, width: int) -> bool:
    """Whether a text has too little room to tell what its row is about."""
    return (
        isinstance(column, TextColumn)
        and column.is_flexible
        and not column.separator
        and width < min(_natural_width(column), _LEGIBLE_TEXT)
    )


def _text_floor(width: int) -> int:
    return max(12, min(28, width * 28 // 100))


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
    if column.separator:
        return min(natural, _width_of_lists(column))
    return min(natural, max(column.min_width or floor, len(column.title)))


def _width_of_lists(column: TextColumn) -> int:
    """Return the room for the first parts of each list, and a mark that there are more."""
    starts = []
    for cell in column.cells:
        parts = cell.split(column.separator)
        more = [ELLIPSIS] if len(parts) > _LIST_PARTS else []
        starts.append(column.separator.join([*parts[:_LIST_PARTS], *more]))
    return natural_width([column.title, *starts])


def _title(column: _GridColumn) -> str:
    return column.title if isinstance(column, TextColumn) else ""


def _draw_cell(column: _GridColumn, row: int, width: int) -> Text:
    style = column.styles if isinstance(column.styles, str) else column.styles[row]
    if isinstance(column, BarColumn):
        largest = max((value for value in column.values if value is not None), default=0)
        value = column.values[row]
        return Text(draw_bar(value / largest if value and largest > 0 else 0, width), style)
    cell = column.cells[row]
    if column.separator:
        short = shorten_list(cell, width, column.separator)
    else:
        short = shorten_middle(cell, width) if column.keeps_end else shorten_end(cell, width)
    text = Text(short, style)
    if column.braces_style:
        text.highlight_regex(r"\{[^{}]*\}", column.braces_style)
    return text


def _pad_cell(text: Text, column: _GridColumn, width: int) -> Text:
    return pad_text(text, width, right=isinstance(column, TextColumn) and column.align_right)


def _join_cells(cells: Sequence[Text], width: int) -> Text:
    line = Text(" " * _INDENT) + Text(" " * _GAP).join(cells)
    line.rstrip()
    return clip_line(line, width)

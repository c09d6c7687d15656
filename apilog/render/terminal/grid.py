"""Tables for the terminal: columns that give way, never wrap and never pass the width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rich.text import Text

from apilog.render.terminal.charts import draw_bar
from apilog.render.terminal.fit_text import clip_line, natural_width, pad_text, shorten_middle

_GAP = 2
_INDENT = 2
_SHORTEST_TEXT = 6


class GridColumn(Protocol):
    """One column of a grid."""

    @property
    def title(self) -> str:
        """Stands above its cells."""

    @property
    def drop(self) -> int:
        """Columns with the largest number go first where there is no room; those with 0 stay."""

    @property
    def right(self) -> bool:
        """Whether its cells are set to the right."""

    @property
    def natural(self) -> int:
        """The width it would like."""

    def minimum(self, floor: int) -> int:
        """The width it can live with; `floor` is what is enough for a long text."""

    def narrowed(self) -> GridColumn:
        """The column for little room."""

    def cell(self, row: int, width: int) -> Text:
        """A cell, no wider than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column of text or formatted numbers, already escaped."""

    title: str
    cells: Sequence[str]
    styles: Sequence[str] | str = ""
    drop: int = 0
    right: bool = False
    flexible: bool = False
    """Whether long cells may be shortened."""
    shorten: Callable[[str, int], str] = shorten_middle
    limit: int = 1_000
    """More cells than these it never takes."""
    least: int = 0
    """Cells that are enough for a flexible column, if they are fewer than usual."""
    short: Sequence[str] | None = None
    """What the cells may say where there is little room."""
    highlight: str = ""
    """A style for what stands in braces."""

    @property
    def natural(self) -> int:
        """The width of its widest cell."""
        return min(self.limit, natural_width([self.title, *self.cells]))

    def minimum(self, floor: int) -> int:
        """Its natural width, or less if it is flexible."""
        if not self.flexible:
            return self.natural
        return min(self.natural, max(self.least or floor, len(self.title)))

    def narrowed(self) -> TextColumn:
        """The column with its short cells, if it has some."""
        return self if self.short is None else replace(self, cells=self.short)

    def cell(self, row: int, width: int) -> Text:
        """The text, shortened if it has to be."""
        text = Text(self.shorten(self.cells[row], width), _row_style(self.styles, row))
        if self.highlight:
            text.highlight_regex(r"\{[^{}]*\}", self.highlight)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class BarColumn:
    """A column of bars, the longest as wide as the column."""

    values: Sequence[float | None]
    styles: Sequence[str] | str = "cyan"
    title: str = ""
    drop: int = 0
    right: bool = False
    natural: int = 24
    least: int = 0
    """Cells that it needs, if they are more than usual."""

    def minimum(self, floor: int) -> int:
        """Few cells: the eighths of each still tell values apart."""
        return min(self.natural, max(floor // 3 - 3, self.least, 4))

    def narrowed(self) -> BarColumn:
        """The same."""
        return self

    def cell(self, row: int, width: int) -> Text:
        """The bar of one value, relative to the largest."""
        largest = max((value for value in self.values if value is not None), default=0)
        value = self.values[row]
        fraction = value / largest if value and largest > 0 else 0
        return Text(draw_bar(fraction, width), _row_style(self.styles, row))


def draw_grid(columns: Sequence[GridColumn], rows: int, width: int) -> list[Text]:
    """The titles and rows as lines; at least the first column is kept."""
    fitted = _fit_columns(columns, width - _INDENT)
    lines = [_assemble_row([_align_text(Text(c.title, "dim"), c, w) for c, w in fitted], width)]
    lines += (
        _assemble_row([_align_text(c.cell(row, w), c, w) for c, w in fitted], width)
        for row in range(rows)
    )
    return lines if lines[0].plain else lines[1:]


def fitting_columns(columns: Sequence[GridColumn], width: int) -> list[GridColumn]:
    """Those columns that a grid of that width would show."""
    return [column for column, _ in _fit_columns(columns, width - _INDENT)]


def _fit_columns(columns: Sequence[GridColumn], width: int) -> list[tuple[GridColumn, int]]:
    floor = max(12, min(28, width * 28 // 100))
    shown = list(columns)
    if _total_width(shown, floor) > width:
        shown = [column.narrowed() for column in shown]
    while len(shown) > 1 and _total_width(shown, floor) > width:
        # Of equals, the last goes.
        out = max(range(len(shown)), key=lambda i: (shown[i].drop, i))
        if not shown[out].drop:
            break
        del shown[out]
    slack = width - _total_width(shown, floor)
    widths = {}
    # Bars take what the text leaves.
    for i in sorted(range(len(shown)), key=lambda i: isinstance(shown[i], BarColumn)):
        column, least = shown[i], shown[i].minimum(floor)
        # What is missing is taken from the columns that can be shortened.
        shortest = column.minimum(_SHORTEST_TEXT) if column.minimum(0) < least else least
        extra = max(shortest - least, min(slack, column.natural - least))
        slack -= extra
        widths[i] = least + extra
    return [(column, widths[i]) for i, column in enumerate(shown)]


def _total_width(columns: Sequence[GridColumn], floor: int) -> int:
    return sum(column.minimum(floor) for column in columns) + _GAP * (len(columns) - 1)


def _align_text(text: Text, column: GridColumn, width: int) -> Text:
    return pad_text(text, width, right=column.right)


def _row_style(styles: Sequence[str] | str, row: int) -> str:
    return styles if isinstance(styles, str) else styles[row]


def _assemble_row(cells: Sequence[Text], width: int) -> Text:
    line = Text(" " * _INDENT) + Text(" " * _GAP).join(cells)
    line.rstrip()
    return clip_line(line, width)

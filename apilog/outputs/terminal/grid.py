"""Tables for the terminal: columns that give way, never wrap and never pass the width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rich.text import Text

from apilog.outputs.terminal.bars import bar
from apilog.outputs.terminal.text import clip, natural_width, pad, shorten_middle

_GAP = 2
_INDENT = 2
_SHORTEST = 6


class Column(Protocol):
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

    def narrowed(self) -> Column:
        """The column for little room."""

    def cell(self, row: int, width: int) -> Text:
        """A cell, no wider than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
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

    def narrowed(self) -> Words:
        """The column with its short cells, if it has some."""
        return self if self.short is None else replace(self, cells=self.short)

    def cell(self, row: int, width: int) -> Text:
        """The text, shortened if it has to be."""
        text = Text(self.shorten(self.cells[row], width), _style(self.styles, row))
        if self.highlight:
            text.highlight_regex(r"\{[^{}]*\}", self.highlight)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
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

    def narrowed(self) -> Bars:
        """The same."""
        return self

    def cell(self, row: int, width: int) -> Text:
        """The bar of one value, relative to the largest."""
        largest = max((value for value in self.values if value is not None), default=0)
        value = self.values[row]
        fraction = value / largest if value and largest > 0 else 0
        return Text(bar(fraction, width), _style(self.styles, row))


def grid(columns: Sequence[Column], rows: int, width: int) -> list[Text]:
    """The titles and rows as lines; at least the first column is kept."""
    fitted = _fit(columns, width - _INDENT)
    lines = [_line([_set(Text(c.title, "dim"), c, w) for c, w in fitted], width)]
    lines += (_line([_set(c.cell(row, w), c, w) for c, w in fitted], width) for row in range(rows))
    return lines if lines[0].plain else lines[1:]


def kept(columns: Sequence[Column], width: int) -> list[Column]:
    """Those columns that a grid of that width would show."""
    return [column for column, _ in _fit(columns, width - _INDENT)]


def _fit(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    floor = max(12, min(28, width * 28 // 100))
    shown = list(columns)
    if _total(shown, floor) > width:
        shown = [column.narrowed() for column in shown]
    while len(shown) > 1 and _total(shown, floor) > width:
        # Of equals, the last goes.
        out = max(range(len(shown)), key=lambda i: (shown[i].drop, i))
        if not shown[out].drop:
            break
        del shown[out]
    slack = width - _total(shown, floor)
    widths = {}
    # Bars take what the text leaves.
    for i in sorted(range(len(shown)), key=lambda i: isinstance(shown[i], Bars)):
        column, least = shown[i], shown[i].minimum(floor)
        # What is missing is taken from the columns that can be shortened.
        shortest = column.minimum(_SHORTEST) if column.minimum(0) < least else least
        extra = max(shortest - least, min(slack, column.natural - least))
        slack -= extra
        widths[i] = least + extra
    return [(column, widths[i]) for i, column in enumerate(shown)]


def _total(columns: Sequence[Column], floor: int) -> int:
    return sum(column.minimum(floor) for column in columns) + _GAP * (len(columns) - 1)


def _set(text: Text, column: Column, width: int) -> Text:
    return pad(text, width, right=column.right)


def _style(styles: Sequence[str] | str, row: int) -> str:
    return styles if isinstance(styles, str) else styles[row]


def _line(cells: Sequence[Text], width: int) -> Text:
    line = Text(" " * _INDENT) + Text(" " * _GAP).join(cells)
    line.rstrip()
    return clip(line, width)

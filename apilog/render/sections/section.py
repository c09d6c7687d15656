"""The parts of a report as data: sections made of tables, charts, facts and paragraphs.

Nothing here knows how it is drawn. Texts are raw, so that every drawing escapes them for its
target. A style is a few words, `bold` or `dim` and a colour, that each drawing may follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

LIST_SEPARATOR = " · "
"""What stands between the parts of a text that is a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column of text or formatted numbers."""

    title: str
    cells: Sequence[str]
    styles: Sequence[str] | str = ""
    """One style for all cells, or one for each."""
    align_right: bool = False
    drop_order: int = 0
    """Columns with the largest number go first where there is no room; those with 0 stay."""
    is_flexible: bool = False
    """Whether long cells may be shortened."""
    keeps_end: bool = True
    """Whether a shortened cell loses its middle, as a path should, and not its end."""
    max_width: int = 1_000
    min_width: int = 0
    """Characters that are enough for a flexible column, if they are fewer than usual."""
    compact_cells: Sequence[str] | None = None
    """Shorter texts for the cells, where there is little room."""
    separator: str = ""
    """What stands between the parts of a cell that is a list; only whole parts are left out."""
    is_empty: bool = False
    """Whether no row has a value."""
    braces_style: str = ""
    """A style for text in braces, such as the placeholders of a route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarColumn:
    """A column of bars, each relative to the largest value."""

    values: Sequence[float | None]
    styles: Sequence[str] | str = "cyan"
    drop_order: int = 0
    max_width: int = 24
    min_width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareColumn:
    """A column of bars, each relative to a whole that is shown as well."""

    shares: Sequence[float | None]
    style: str = "cyan"
    drop_order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramColumn:
    """A column of small histograms over the same bins."""

    bins: Sequence[str]
    counts: Sequence[Sequence[int]]
    """The counts of all bins for each row."""
    style: str = "cyan"
    drop_order: int = 0


Column = TextColumn | BarColumn | ShareColumn | HistogramColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Rows of a table that stand together."""

    height: int
    heading: str = ""
    replaces_label: bool = False
    """Whether the heading may stand in the row itself, in place of its label."""
    hidden: str = ""
    """A note on the rows of the group that are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows in columns, with what is to be said about those that are left out."""

    columns: Sequence[Column]
    height: int
    hidden: str = ""
    """A note on the rows that are left out."""
    groups: Sequence[RowGroup] = ()
    """All rows, group by group; empty where they need no groups."""
    label_column: int = 0
    """The column whose cells a heading may replace."""
    remarks: Mapping[int, str] = field(default_factory=dict)
    """Remarks below single rows, by the number of the row."""
    indent: int = 2
    """Blanks before headings; remarks and notes on groups have two more."""
    names_missing_columns: bool = False
    """Whether the drawing says which columns it has no room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeries:
    """One value for each bucket, and how to draw them."""

    label: str
    peak: str
    """The largest value, formatted."""
    values: Sequence[float | None]
    height: int
    style: str
    merge: Callable[[Sequence[float]], float]
    """Makes one value of several buckets, where there are more of them than room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """Charts one below the other over a common time axis."""

    series: Sequence[ChartSeries]
    times: Sequence[datetime]
    """The starts of the buckets, in the time zone of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A few words, and possibly a bar behind them."""

    text: str
    style: str = ""
    share: float | None = None
    """The length of the bar; None for no bar."""
    detail: str = ""
    """What stands behind the bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts one after the other, on as few lines as they need."""

    facts: Sequence[Fact]
    indent: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A number under its label."""

    label: str
    value: str
    style: str = ""
    change: str = ""
    """How it differs from what it is compared with."""
    change_style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """The numbers that say most, side by side."""

    tiles: Sequence[Tile]
    compared_with: str = ""
    """What their changes are against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A sentence, broken at blanks."""

    text: str
    style: str = ""
    label: str = ""
    """What the sentence is about, such as a path; it may be shortened."""
    indent: int = 2
    bullet: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Some room between two parts of a section."""


Block = Table | Charts | Facts | Tiles | Paragraph | Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report, usually under a heading."""

    title: str = ""
    subtitle: str = ""
    blocks: Sequence[Block] = ()

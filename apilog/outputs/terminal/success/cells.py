"""What the sections of a success report share: columns of formatted values."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.metrics import Unit
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import NULL, display, unit_of
from apilog.outputs.terminal.grid import Words


def numbers(
    frame: pl.DataFrame,
    name: str,
    title: str,
    *,
    drop: int = 0,
    styles: Sequence[str] | str = "",
    unit: Unit | None = None,
) -> Words:
    """A column of numbers with their unit."""
    cells = [shown(value, unit or unit_of(name)) for value in frame[name].to_list()]
    return Words(title=title, cells=cells, right=True, drop=drop, styles=styles)


def texts(frame: pl.DataFrame, name: str, title: str = "", *, style: str = "") -> Words:
    """A column of texts, which may be shortened."""
    cells = [NULL if value is None else terminal_text(str(value)) for value in frame[name]]
    return Words(title=title, cells=cells, styles=style, flexible=True)


def shown(value: float | None, unit: Unit | None) -> str:
    """A number with its unit; a mean of counts has three digits."""
    if unit is None and value is not None:
        return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
    return display(value, unit, "UTC")


def is_grouped(frame: pl.DataFrame, first: str) -> bool:
    """Whether columns of `--by` stand before the table's own first one, or it has none at all."""
    return not frame.columns or frame.columns[0] != first

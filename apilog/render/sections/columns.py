"""Columns of sections, made from columns of a report's tables.

All text that comes from logs is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.metrics import Unit
from apilog.render.sections.section import OTHER, has_values
from apilog.render.terminal.grid import BarColumn, GridColumn, TextColumn
from apilog.render.text.cell_text import (
    NULL,
    column_unit,
    format_value,
    format_values,
    is_metric,
    is_number,
    short_title,
)
from apilog.render.text.escape import escape_terminal
from apilog.text.units import format_count

_FOLDED_KEYS = {OTHER, "(not found)"}
_OPTIONAL_KEYS = {"gateway": 2, "error_source": 1}
_LONG_COUNT = len("999,999")
_KEY_STYLES = {"method": "magenta"}
_LONGEST_KEY = 1_000
_SHORT_KEYS = {"method": 8, "status": 6, "gateway": 16, "error_source": 8}
"""Keys whose values are short, and the cells they get at most; others get `_LONGEST`."""


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric's column to draw if the table has values for it."""

    name: str
    drop: int = 0
    """Where there is no room, the columns with the largest number go first; 0 stays."""
    title: str | None = None


def rate_style(column: str, rate: float | None) -> str:
    """The colour of an error rate by its severity."""
    if not rate:
        return "dim"
    if column == "client_error_rate":
        return "yellow" if rate >= 0.05 else ""
    warn, bad = (0.001, 0.01) if column == "server_error_rate" else (0.01, 0.05)
    return "bold red" if rate >= bad else "yellow" if rate >= warn else "green"


def metric_columns(
    frame: pl.DataFrame, metrics: Sequence[MetricColumn], timezone: str
) -> list[GridColumn]:
    """A column for each of the metrics that has a value in some row."""
    return [
        _metric_column(frame, metric, timezone)
        for metric in metrics
        if has_values(frame, metric.name)
    ]


def share_columns(
    values: Sequence[float | None],
    total: float | None,
    *,
    drop: int,
    styles: Sequence[str] | str = "cyan",
    least: int = 0,
) -> list[GridColumn]:
    """Bars, and beside them each value's share of the total."""
    shares = [value / total if value is not None and total else None for value in values]
    texts = [format_value(share, Unit.RATIO, "UTC") for share in shares]
    return [
        BarColumn(values=values, drop=drop, styles=styles, least=least),
        TextColumn(title="share", cells=texts, right=True, drop=drop + 2, styles="dim"),
    ]


def key_columns(frame: pl.DataFrame, names: Sequence[str]) -> list[GridColumn]:
    """Text that tells the rows apart; a gateway among others goes where there is no room."""
    return [
        replace(_key_column(frame[name]), drop=_OPTIONAL_KEYS.get(name, 0) if len(names) > 1 else 0)
        for name in names
    ]


def column_by_type(column: pl.Series, timezone: str) -> TextColumn:
    """A column of whatever type, as its type asks."""
    if not is_number(column.dtype) and not is_metric(column.name):
        return _key_column(column, timezone)
    texts = format_values(column.to_list(), column_unit(column.name), timezone)
    texts = list(map(escape_terminal, texts))
    return TextColumn(title=escape_terminal(short_title(column.name)), cells=texts, right=True)


def format_short_times(column: pl.Series, timezone: str) -> list[str]:
    """Timestamps to the minute, or to the second if some are no whole minutes."""
    local = column.dt.convert_time_zone(timezone)
    seconds = ":%S" if (local.dt.second() != 0).any() else ""
    return local.dt.to_string(f"%Y-%m-%d %H:%M{seconds}").fill_null(NULL).to_list()


def _metric_column(frame: pl.DataFrame, metric: MetricColumn, timezone: str) -> TextColumn:
    column = frame[metric.name]
    unit, values = column_unit(metric.name), column.to_list()
    styles: Sequence[str] | str = ""
    if isinstance(column.dtype, pl.Datetime):
        texts = format_short_times(column, timezone)
        styles = "dim"
    else:
        texts = format_values(values, unit, timezone)
    short = None
    if unit is Unit.COUNT and max(map(len, texts)) > _LONG_COUNT:
        short = [NULL if value is None else format_count(value, compact=True) for value in values]
    if unit is Unit.RATIO:
        styles = [rate_style(metric.name, value) for value in values]
    return TextColumn(
        title=short_title(metric.name) if metric.title is None else metric.title,
        cells=texts,
        styles=styles,
        right=True,
        drop=metric.drop,
        short=short,
    )


def _key_column(column: pl.Series, timezone: str = "UTC") -> TextColumn:
    texts = [format_value(value, None, timezone) for value in column.to_list()]
    folded = [text in _FOLDED_KEYS or text == NULL for text in texts]
    return TextColumn(
        title=escape_terminal(short_title(column.name)),
        cells=[escape_terminal(_keep_ends(text)) or '""' for text in texts],
        styles=["dim" if dim else _KEY_STYLES.get(column.name, "") for dim in folded],
        flexible=column.name not in _SHORT_KEYS,
        limit=_SHORT_KEYS.get(column.name, _LONGEST_KEY),
        highlight="cyan" if column.name == "route" else "",
    )


def _keep_ends(text: str) -> str:
    """The start and the end, all that is ever shown: measuring a mebibyte takes long."""
    return (
        text if len(text) <= 2 * _LONGEST_KEY else f"{text[:_LONGEST_KEY]}…{text[-_LONGEST_KEY:]}"
    )


def number_column(
    frame: pl.DataFrame,
    name: str,
    title: str,
    *,
    drop: int = 0,
    styles: Sequence[str] | str = "",
    unit: Unit | None = None,
) -> TextColumn:
    """A column of numbers with their unit."""
    cells = [format_mean(value, unit or column_unit(name)) for value in frame[name].to_list()]
    return TextColumn(title=title, cells=cells, right=True, drop=drop, styles=styles)


def text_column(frame: pl.DataFrame, name: str, title: str = "", *, style: str = "") -> TextColumn:
    """A column of texts, which may be shortened."""
    cells = [NULL if value is None else escape_terminal(str(value)) for value in frame[name]]
    return TextColumn(title=title, cells=cells, styles=style, flexible=True)


def format_mean(value: float | None, unit: Unit | None) -> str:
    """A number with its unit; a mean of counts has three digits."""
    if unit is None and value is not None:
        return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
    return format_value(value, unit, "UTC")


def is_grouped(frame: pl.DataFrame, first: str) -> bool:
    """Whether columns of `--by` stand before the table's own first one, or it has none at all."""
    return not frame.columns or frame.columns[0] != first

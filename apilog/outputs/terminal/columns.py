"""Columns of the terminal's tables, made from columns of a report's tables.

All text that comes from logs is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.metrics import Unit
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import (
    NULL,
    display,
    displays,
    is_metric,
    is_number,
    short_title,
    unit_of,
)
from apilog.outputs.terminal.grid import Bars, Column, Words
from apilog.outputs.terminal.page import OTHER, shows
from apilog.units import format_count

_FOLDED = {OTHER, "(not found)"}
_OPTIONAL = {"gateway": 2, "error_source": 1}
_LONG_COUNT = len("999,999")
_KEY_STYLES = {"method": "magenta"}
_LONGEST = 1_000
_SHORT = {"method": 8, "status": 6, "gateway": 16, "error_source": 8}
"""Keys whose values are short, and the cells they get at most; others get `_LONGEST`."""


@dataclass(frozen=True, slots=True)
class Metric:
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


def metric_columns(frame: pl.DataFrame, metrics: Sequence[Metric], timezone: str) -> list[Column]:
    """A column for each of the metrics that has a value in some row."""
    return [_metric(frame, metric, timezone) for metric in metrics if shows(frame, metric.name)]


def share_columns(
    values: Sequence[float | None],
    total: float | None,
    *,
    drop: int,
    styles: Sequence[str] | str = "cyan",
    least: int = 0,
) -> list[Column]:
    """Bars, and beside them each value's share of the total."""
    shares = [value / total if value is not None and total else None for value in values]
    texts = [display(share, Unit.RATIO, "UTC") for share in shares]
    return [
        Bars(values=values, drop=drop, styles=styles, least=least),
        Words(title="share", cells=texts, right=True, drop=drop + 2, styles="dim"),
    ]


def key_columns(frame: pl.DataFrame, names: Sequence[str]) -> list[Column]:
    """Text that tells the rows apart; a gateway among others goes where there is no room."""
    return [
        replace(_key(frame[name]), drop=_OPTIONAL.get(name, 0) if len(names) > 1 else 0)
        for name in names
    ]


def any_column(column: pl.Series, timezone: str) -> Words:
    """A column of whatever type, as its type asks."""
    if not is_number(column.dtype) and not is_metric(column.name):
        return _key(column, timezone)
    texts = displays(column.to_list(), unit_of(column.name), timezone)
    texts = list(map(terminal_text, texts))
    return Words(title=terminal_text(short_title(column.name)), cells=texts, right=True)


def short_time(column: pl.Series, timezone: str) -> list[str]:
    """Timestamps to the minute, or to the second if some are no whole minutes."""
    local = column.dt.convert_time_zone(timezone)
    seconds = ":%S" if (local.dt.second() != 0).any() else ""
    return local.dt.to_string(f"%Y-%m-%d %H:%M{seconds}").fill_null(NULL).to_list()


def _metric(frame: pl.DataFrame, metric: Metric, timezone: str) -> Words:
    column = frame[metric.name]
    unit, values = unit_of(metric.name), column.to_list()
    styles: Sequence[str] | str = ""
    if isinstance(column.dtype, pl.Datetime):
        texts = short_time(column, timezone)
        styles = "dim"
    else:
        texts = displays(values, unit, timezone)
    short = None
    if unit is Unit.COUNT and max(map(len, texts)) > _LONG_COUNT:
        short = [NULL if value is None else format_count(value, compact=True) for value in values]
    if unit is Unit.RATIO:
        styles = [rate_style(metric.name, value) for value in values]
    return Words(
        title=short_title(metric.name) if metric.title is None else metric.title,
        cells=texts,
        styles=styles,
        right=True,
        drop=metric.drop,
        short=short,
    )


def _key(column: pl.Series, timezone: str = "UTC") -> Words:
    texts = [display(value, None, timezone) for value in column.to_list()]
    folded = [text in _FOLDED or text == NULL for text in texts]
    return Words(
        title=terminal_text(short_title(column.name)),
        cells=[terminal_text(_ends(text)) or '""' for text in texts],
        styles=["dim" if dim else _KEY_STYLES.get(column.name, "") for dim in folded],
        flexible=column.name not in _SHORT,
        limit=_SHORT.get(column.name, _LONGEST),
        highlight="cyan" if column.name == "route" else "",
    )


def _ends(text: str) -> str:
    """The start and the end, all that is ever shown: measuring a mebibyte takes long."""
    return text if len(text) <= 2 * _LONGEST else f"{text[:_LONGEST]}…{text[-_LONGEST:]}"

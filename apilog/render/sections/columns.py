"""Columns of sections, made from columns of a report's tables.

Metrics without a value in any row get no column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.metrics import Unit
from apilog.render.sections.report_view import OTHER, ReportView, has_values
from apilog.render.sections.section import BarColumn, Column, TextColumn
from apilog.render.text.cell_text import (
    NULL,
    UNKNOWN_GATEWAY,
    column_unit,
    format_value,
    format_values,
    is_metric,
    is_number,
    named_gateways,
    short_title,
)
from apilog.text.units import format_count

_FOLDED_KEYS = {OTHER, "(not found)", UNKNOWN_GATEWAY}
_OPTIONAL_KEYS = {"gateway": 2, "error_source": 1}
_LONG_COUNT = len("999,999")
_KEY_STYLES = {"method": "magenta"}
_LONGEST_KEY = 1_000
_SHORT_KEYS = {"method": 8, "status": 6, "gateway": 16, "error_source": 8}
"""Keys whose values are short, and the most characters they get; others get `_LONGEST_KEY`."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric that gets a column if the table has values for it."""

    name: str
    drop_order: int = 0
    """See `TextColumn.drop_order`."""
    title: str | None = None


def asked_metrics(view: ReportView, frame: pl.DataFrame) -> list[MetricSpec]:
    """Return the further metrics that were asked for; where there is no room the first stay."""
    asked = view.asked_columns(frame)
    return [MetricSpec(name, place, title) for place, (name, title) in enumerate(asked.items())]


def rate_style(column: str, rate: float | None) -> str:
    """Return the style of an error rate by its severity."""
    if not column.endswith("error_rate"):
        return ""  # nobody knows whether much of it is good or bad
    if not rate:
        return "dim"
    if column == "client_error_rate":
        return "yellow" if rate >= 0.05 else ""
    warn, bad = (0.001, 0.01) if column == "server_error_rate" else (0.01, 0.05)
    return "bold red" if rate >= bad else "yellow" if rate >= warn else "green"


def metric_columns(
    frame: pl.DataFrame, metrics: Sequence[MetricSpec], timezone: str
) -> list[Column]:
    """Return a column for each of the metrics that has a value in some row."""
    columns: list[Column] = []
    for metric in metrics:
        if not has_values(frame, metric.name):
            continue
        column, unit = frame[metric.name], column_unit(metric.name)
        if unit is None and column.dtype.is_integer():
            unit = Unit.COUNT
        values = column.to_list()
        is_time = isinstance(column.dtype, pl.Datetime)
        texts = format_short_times(column, timezone) if is_time else []
        texts = texts or format_values(values, unit, timezone)
        compact = None
        if unit is Unit.COUNT and max(map(len, texts)) > _LONG_COUNT:
            compact = [NULL if v is None else format_count(v, compact=True) for v in values]
        styles: Sequence[str] | str = "dim" if is_time else ""
        if unit is Unit.RATIO:
            styles = [rate_style(metric.name, value) for value in values]
        columns.append(
            TextColumn(
                title=short_title(metric.name) if metric.title is None else metric.title,
                cells=texts,
                styles=styles,
                align_right=True,
                drop_order=metric.drop_order,
                compact_cells=compact,
            )
        )
    return columns


def share_columns(
    values: Sequence[float | None],
    total: float | None,
    *,
    drop_order: int,
    styles: Sequence[str] | str = "cyan",
    min_width: int = 0,
) -> list[Column]:
    """Return bars, and beside them each value's share of the total."""
    shares = [value / total if value is not None and total else None for value in values]
    texts = [format_value(share, Unit.RATIO, "UTC") for share in shares]
    return [
        BarColumn(values=values, drop_order=drop_order, styles=styles, min_width=min_width),
        TextColumn(
            title="share", cells=texts, align_right=True, drop_order=drop_order + 2, styles="dim"
        ),
    ]


def key_columns(frame: pl.DataFrame, names: Sequence[str]) -> list[Column]:
    """Return the columns that tell the rows apart; a gateway goes first where there is no room."""
    return [
        replace(
            _key_column(named_gateways(frame[name])),
            drop_order=_OPTIONAL_KEYS.get(name, 0) if len(names) > 1 else 0,
        )
        for name in names
    ]


def column_by_type(column: pl.Series, timezone: str) -> TextColumn:
    """Return a column of any type, aligned and formatted as the type asks."""
    if not is_number(column.dtype) and not is_metric(column.name):
        return _key_column(column, timezone)
    texts = format_values(column.to_list(), column_unit(column.name), timezone)
    return TextColumn(title=short_title(column.name), cells=texts, align_right=True)


def format_short_times(column: pl.Series, timezone: str) -> list[str]:
    """Format timestamps to the minute, or to the second unless all are whole minutes."""
    local = column.dt.convert_time_zone(timezone)
    seconds = ":%S" if (local.dt.second() != 0).any() else ""
    return local.dt.to_string(f"%Y-%m-%d %H:%M{seconds}").fill_null(NULL).to_list()


def _key_column(column: pl.Series, timezone: str = "UTC") -> TextColumn:
    texts = [format_value(value, None, timezone) for value in column.to_list()]
    # No more than both ends is ever shown, and measuring the width of a mebibyte takes long.
    shown = [
        text if len(text) <= 2 * _LONGEST_KEY else f"{text[:_LONGEST_KEY]}…{text[-_LONGEST_KEY:]}"
        for text in texts
    ]
    folded = [text in _FOLDED_KEYS or text == NULL for text in texts]
    return TextColumn(
        title=short_title(column.name),
        cells=[text or '""' for text in shown],
        styles=["dim" if dim else _KEY_STYLES.get(column.name, "") for dim in folded],
        # A time without its hours tells nothing.
        is_flexible=column.name not in _SHORT_KEYS and not column.dtype.is_temporal(),
        max_width=_SHORT_KEYS.get(column.name, _LONGEST_KEY),
        braces_style="cyan" if column.name == "route" else "",
    )


def number_column(
    frame: pl.DataFrame,
    name: str,
    title: str,
    *,
    drop_order: int = 0,
    styles: Sequence[str] | str = "",
    unit: Unit | None = None,
) -> TextColumn:
    """Return a column of numbers with their unit."""
    cells = [format_mean(value, unit or column_unit(name)) for value in frame[name].to_list()]
    return TextColumn(
        title=title, cells=cells, align_right=True, drop_order=drop_order, styles=styles
    )


def text_column(frame: pl.DataFrame, name: str, title: str = "", *, style: str = "") -> TextColumn:
    """Return a column of texts, which may be shortened."""
    cells = [NULL if value is None else str(value) for value in frame[name]]
    return TextColumn(title=title, cells=cells, styles=style, is_flexible=True)


def format_mean(value: float | None, unit: Unit | None) -> str:
    """Format a number with its unit; a mean of counts has three digits."""
    if unit is None and value is not None:
        return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
    return format_value(value, unit, "UTC")


def is_grouped(frame: pl.DataFrame, first: str) -> bool:
    """Whether columns of `--by` stand before the table's own first one, or it has none at all."""
    return not frame.columns or frame.columns[0] != first

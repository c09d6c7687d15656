"""The tables of a page as data: their titles, keys and columns, and the first rows as text.

The page's script draws all rows from the JSON that the page carries; without it, these stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from apilog.aggregate import TABLES, RowOrder
from apilog.metrics import METRICS, Unit
from apilog.render.data.cell_values import exact_column, plain_values
from apilog.render.sections.columns import format_short_times
from apilog.render.sections.report_view import ReportView, key_names
from apilog.render.text.cell_text import (
    NULL,
    UNKNOWN_GATEWAY,
    column_unit,
    format_value,
    format_values,
    is_metric,
    is_number,
    metric_unit,
    short_title,
)
from apilog.render.text.escape import escape_json, escape_terminal
from apilog.render.text.verdict_text import format_difference

_STATIC_ROWS = (60, 40, 25, 15, 10)
"""How many rows of a table may stand in the page's markup, for readers without scripts."""
_STATIC_CELLS, _FEW_STATIC_CELLS = 800, 350
"""Cells of all tables that stand there, at about 150 bytes each; fewer in a long report."""
_LONGEST_TEXT = 300
"""Characters of a text that are shown; the whole is in the page's data."""

TILES = (
    *("requests", "request_rate", "error_rate", "server_error_rate", "latency_p50_ms"),
    *("latency_p95_ms", "latency_p99_ms", "consumers", "clients", "request_bytes"),
    "response_bytes",
)
"""Columns of the overview that stand at the head of a page."""

FOLDED = {"overview", "traffic", "latency", "onboarding_histogram", "unmatched"}
"""Tables that stand behind a chart or have more than most readers want: shown on demand."""

_TITLES = {
    "overview": "All figures",
    "traffic": "Traffic, bucket by bucket",
    "endpoints": "Endpoints",
    "latency": "Latency of endpoints",
    "errors": "Errors by endpoint, status and source",
    "statuses": "Statuses",
    "coverage": "Calls and the specification",
    "deprecated": "Deprecated, and who calls it",
    "poc": "Proofs of concept",
    "result": "Result",
}
_KEYS: dict[str, tuple[str, ...]] = {
    "overview": (),
    "errors": ("gateway", "method", "route", "status", "error_source"),
    "anomalies": ("timestamp", "metric", "gateway", "method", "route", "consumer"),
    "deprecated": ("method", "route", "operation", "consumer"),
    "objectives": ("name",),
    "onboarding_histogram": ("stage", "from_hours", "to_hours"),
    "retention": ("cohort", "age"),
    "poc": (),
}
"""The keys of tables whose columns don't tell them by themselves."""
_COVERAGE_VALUES = frozenset(
    {"operation", "tags", "state", "deprecated", "sunset", "undeclared_statuses"}
)
_VERDICT_VALUES = frozenset(
    {"state", "value", "limit", "baseline", "low", "high", "p_value", "design_effect", "reason"}
    | {"a", "b", "difference", "verdict", "a_requests", "b_requests", "requests"}
)
_MAIN = {
    "overview": {*("requests", "request_rate", "error_rate", "server_error_rate", "consumers")},
    "gateways": {
        *("requests", "error_rate", "server_error_rate", "latency_p50_ms", "latency_p95_ms"),
        *("latency_p99_ms", "response_bytes", "last_seen"),
    },
    "traffic": {
        *("requests", "error_rate", "client_errors", "server_errors", "latency_p50_ms"),
        *("latency_p95_ms", "latency_p99_ms", "response_bytes"),
    },
    "endpoints": {
        *("requests", "error_rate", "server_error_rate", "latency_p50_ms", "latency_p95_ms"),
        *("latency_p99_ms", "response_bytes"),
    },
    "latency": {
        *("requests", "latency_p50_ms", "latency_p90_ms", "latency_p95_ms", "latency_p99_ms"),
        *("latency_max_ms", "upstream_latency_p95_ms"),
    },
    "consumers": {
        *("requests", "error_rate", "server_errors", "latency_mean_ms", "response_bytes"),
    },
    "statuses": {"requests", "response_bytes"},
    "coverage": {
        *("operation", "state", "deprecated", "requests", "errors", "consumers"),
        "undeclared_statuses",
    },
    "checks": {"state", "value", "limit", "baseline", "requests", "reason"},
    "comparison": {"a", "b", "difference", "verdict", "a_requests", "b_requests"},
    "anomalies": {"value", "expected", "score", "kind", "routes"},
}
"""Columns that are shown at once; the others on demand. All, for a table that is not here."""
_OF_METRIC = frozenset(
    {"value", "expected", "limit", "baseline", "low", "high", "a", "b", "difference"}
)
"""Columns whose unit is that of the metric which the row names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageColumn:
    """A column of values, not of keys."""

    name: str
    """The name in JSON."""
    title: str
    unit: str
    """A `Unit`, `time` or `text`, or `metric` for that of the row's; empty for plain numbers."""
    is_main: bool
    definition: str
    """What the metric is, in a sentence; empty for what is no metric of the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A row as text, already safe for display but not for markup."""

    key: Sequence[str]
    exact_key: str
    """The key as JSON, for `data-key`."""
    cells: Sequence[str]
    """The columns that are shown at once."""
    exact_cells: Sequence[str]
    """Their values for `data-value`: as in JSON, nothing for null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTable:
    """A table of the report, as the page shows it."""

    name: str
    title: str
    keys: Sequence[str]
    key_titles: Sequence[str]
    hidden_keys: Sequence[str]
    """Keys that tell nothing more, which are shown on demand."""
    columns: Sequence[PageColumn]
    height: int
    rows: Sequence[PageRow]
    """The first ones."""

    @property
    def main_columns(self) -> list[PageColumn]:
        """The columns that rows in the markup have."""
        return [column for column in self.columns if column.is_main]

    def describe(self) -> dict[str, Any]:
        """Return what the script has to know of the table, for JSON."""
        columns = [
            {"name": c.name, "title": c.title, "unit": c.unit, "main": c.is_main}
            for c in self.columns
        ]
        return {
            "name": self.name,
            "title": self.title,
            "keys": [*self.keys],
            "hiddenKeys": [*self.hidden_keys],
            "columns": columns,
            "byKeys": self.name in TABLES and TABLES[self.name].order is RowOrder.KEYS,
        }


def describe_tables(view: ReportView, *, is_long: bool) -> list[PageTable]:
    """Return all tables of the report, in its order, with as many rows as a page has room for."""
    most = _FEW_STATIC_CELLS if is_long else _STATIC_CELLS
    tables = [_describe_table(view, name) for name in view.tables]
    for count in _STATIC_ROWS:
        heights = [min(t.height, _static_rows(t.name, count)) for t in tables]
        cells = sum(n * len(t.main_columns) for n, t in zip(heights, tables, strict=True))
        if cells <= most:
            break
    return [
        replace(table, rows=[*_make_rows(view.table(table.name).head(n), table, view)])
        for n, table in zip(heights, tables, strict=True)
    ]


def _static_rows(name: str, count: int) -> int:
    return max(1, count // 3) if name in FOLDED else count


def safe_text(value: object) -> str:
    """Return a text that may stand on a page: nothing in it is invisible or steers the display."""
    text = escape_terminal(str(value))
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _describe_table(view: ReportView, name: str) -> PageTable:
    frame = view.table(name)
    keys = _table_keys(view, name, frame)
    columns = [
        _describe_column(
            name,
            column,
            dtype,
            has_metric="metric" in frame.columns,
            has_values=frame.is_empty() or frame.get_column(column).count() > 0,
        )
        for column, dtype in frame.schema.items()
        if column not in keys
    ]
    return PageTable(
        name=name,
        title=_table_title(view, name),
        keys=keys,
        hidden_keys=[
            key
            for key in keys
            if (key == "gateway" and len(keys) > 1 and frame[key].n_unique() < 2)
            # A threshold names its metric.
            or (key == "metric" and "threshold" in keys)
        ],
        key_titles=[safe_text(short_title(key)) for key in keys],
        columns=columns,
        height=frame.height,
        rows=[],
    )


def _table_title(view: ReportView, name: str) -> str:
    given = next((layout.title for layout in view.report.layout if layout.name == name), "")
    if view.report.layout and name == "timestamp":
        return safe_text(given) or "Over time"
    return safe_text(given) or _TITLES.get(name, name.replace("_", " ").capitalize())


def _table_keys(view: ReportView, name: str, frame: pl.DataFrame) -> list[str]:
    """Return the columns that tell the rows apart."""
    if name == "coverage":
        return [key for key in key_names(frame) if key not in _COVERAGE_VALUES]
    if name in _KEYS:
        return [key for key in _KEYS[name] if key in frame.columns]
    is_grouped = not any(t.name == name and not t.measure for t in view.report.layout)
    if (view.report.command in ("report", "export") and is_grouped) or name in (
        "gateways",
        "traffic",
        "endpoints",
        "statuses",
    ):
        return key_names(frame)
    return [
        column
        for column, dtype in frame.schema.items()
        if column not in _VERDICT_VALUES
        and not is_metric(column)
        and (not is_number(dtype) or column in ("status", "upstream_status"))
        and dtype not in (pl.Boolean, pl.List, pl.Struct)
    ]


def _describe_column(
    table: str, name: str, dtype: pl.DataType, *, has_metric: bool, has_values: bool
) -> PageColumn:
    unit = _unit_of(name)
    if isinstance(dtype, pl.Datetime):
        kind = "time"
    else:
        kind = unit.value if unit and is_number(dtype) else "" if is_number(dtype) else "text"
    if has_metric and name in _OF_METRIC:
        kind = "metric"
    metric = METRICS.get(name.removesuffix("_ms"))
    return PageColumn(
        name=name,
        title=safe_text(short_title(name)),
        unit=kind,
        is_main=has_values and (table not in _MAIN or name in _MAIN[table]),
        definition=metric.definition if metric else "",
    )


def _unit_of(name: str) -> Unit | None:
    """Return the unit of a column; those of a comparison count the requests of each side."""
    return column_unit(name) or (Unit.COUNT if name.endswith("_requests") else None)


def _make_rows(frame: pl.DataFrame, table: PageTable, view: ReportView) -> Iterator[PageRow]:
    # The overview is one row, of which tiles show columns that its table does not.
    columns = table.columns if table.name == "overview" else table.main_columns
    names, timezone = [column.name for column in columns], view.report.timezone
    texts = {
        name: _format_column(frame.get_column(name), timezone) for name in (*table.keys, *names)
    }
    for column in columns:
        if column.unit == "metric":
            pairs = zip(frame.get_column(column.name), frame.get_column("metric"), strict=True)
            texts[column.name] = [
                format_difference(v, m)
                if column.name == "difference"
                else format_value(v, metric_unit(m), timezone)
                for v, m in pairs
            ]
    for i, row in enumerate(plain_values(frame, timezone).iter_rows(named=True)):
        yield PageRow(
            key=[texts[key][i] for key in table.keys],
            exact_key=_json_text([row[key] for key in table.keys]),
            cells=[texts[name][i] for name in names],
            exact_cells=[_exact_text(row[name]) for name in names],
        )


def _exact_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _json_text(value)


def _json_text(value: object) -> str:
    return escape_json(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def _format_column(column: pl.Series, timezone: str) -> list[str]:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return format_short_times(column, timezone)
    if is_number(dtype):
        return format_values(column.to_list(), _unit_of(column.name), timezone)
    values = plain_values(column.to_frame(), timezone).select(exact_column(column.name))
    return [_format_text(column.name, value) for value in values.to_series().to_list()]


def _format_text(name: str, value: object) -> str:
    match value:
        case None:
            return UNKNOWN_GATEWAY if name == "gateway" else NULL
        case bool():
            return "yes" if value else "no"
        case "":
            return '""'
        case _:
            return safe_text(value)

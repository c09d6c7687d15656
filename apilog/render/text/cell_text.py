"""Titles of columns and formatted values, as people read them.

The text is not escaped: the caller escapes it for its target.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime

import polars as pl

from apilog.metrics import METRICS, Unit
from apilog.render.data.cell_values import iso_timestamp
from apilog.report_model import Report, ReportMetric
from apilog.text.units import format_bytes, format_count, format_duration, format_ratio

NULL = "–"
"""The text for a missing value."""

UNKNOWN_GATEWAY = "(unknown)"
"""The text for a gateway that nothing in the log tells."""

_METRIC_UNITS = {metric.column: metric.unit for metric in METRICS.values()}
_further: ContextVar[Mapping[str, ReportMetric]] = ContextVar("further")
"""The metrics of the report that is drawn that are not built in, by name and column."""
_SUCCESS_UNITS = {
    **dict.fromkeys(
        (
            *("rate", "step_rate", "share", "conversion_rate", "conversion_low", "conversion_high"),
            *("completion_rate", "churn_rate", "uptime", "median_usage", "usage", "lift"),
            *("net_revenue_retention", "expansion", "superiority"),
        ),
        Unit.RATIO,
    ),
    **dict.fromkeys(
        (
            *("mrr", "arpu", "arppu", "clv", "price"),
            *("revenue_per_1000_requests", "price_per_1000_requests"),
        ),
        Unit.MONEY,
    ),
    **dict.fromkeys(("median_days_to_convert", "median_days_left"), Unit.DAYS),
    **dict.fromkeys(
        (
            *("accounts", "paying", "started", "running", "finished", "converted", "completed"),
            *("active", "quota", "near_limit", "over_limit", "hardly_used", "ending_soon"),
            *("current", "at_risk", "reached", "effective_trials"),
        ),
        Unit.COUNT,
    ),
}
"""Units of columns of `apilog success` that are no metrics of requests."""
_OBJECTIVE_UNITS = {
    **dict.fromkeys(("objective", "good_ratio", "budget_used"), Unit.RATIO),
    **dict.fromkeys(("bad", "unknown"), Unit.COUNT),
}
"""Units of columns of the table `objectives`."""
_SUFFIX_UNITS = {
    "_ms": Unit.MILLISECONDS,
    "_bytes": Unit.BYTES,
    "_hours": Unit.HOURS,
    "_days": Unit.DAYS,
}
_TIME_WORD = re.compile("_(?:hours|days)(?![a-z])")
"""A unit within a column's name, whose values are drawn as `3h 4m`."""
_TIME_ENDS = {"from_hours", "to_hours"}
_GROUPS = re.compile("_(?:converted|lost)$")
"""Suffixes of columns that are about some of the accounts."""
_SHORT_TITLES = {
    "request_rate": "rate",
    "server_errors": "5xx",
    "server_error_rate": "5xx rate",
    "client_errors": "4xx",
    "client_error_rate": "4xx rate",
    "request_bytes": "received",
    "response_bytes": "sent",
    "error_source": "source",
    "timestamp": "time",
}


def is_metric(column: str) -> bool:
    """Whether a column holds a metric of the catalogue; the others are keys."""
    return column in _METRIC_UNITS or column in _further.get({})


@contextmanager
def units_of(report: Report) -> Iterator[None]:
    """Let the units of the report's own metrics be known while it is drawn."""
    token = _further.set({key: m for m in report.metrics for key in (m.name, m.column)})
    try:
        yield
    finally:
        _further.reset(token)


def column_unit(column: str) -> Unit | None:
    """Return the unit of a column: that of its metric, or else what its suffix says."""
    name = _GROUPS.sub("", column)
    if further := _further.get({}).get(column):
        return Unit(further.unit)
    known = _METRIC_UNITS.get(name) or _OBJECTIVE_UNITS.get(column)
    known = known or _SUCCESS_UNITS.get(column) or _SUCCESS_UNITS.get(name)
    return known or next(
        (unit for suffix, unit in _SUFFIX_UNITS.items() if name.endswith(suffix)), None
    )


def metric_unit(metric: str | None) -> Unit | None:
    """Return the unit of a metric by its name; None if there is no such metric."""
    if metric is None:
        return None
    further = _further.get({}).get(metric)
    known = METRICS.get(metric)
    return known.unit if known else Unit(further.unit) if further else None


def column_title(column: str) -> str:
    """Return a column's name as words, without the unit, which the values have."""
    if further := _further.get({}).get(column):
        return further.name.replace("_", " ")
    if column_unit(column) in (Unit.HOURS, Unit.DAYS):
        return _TIME_WORD.sub("" if column in _TIME_ENDS else " time", column).replace("_", " ")
    return column.removesuffix("_ms").replace("_", " ")


def short_title(column: str) -> str:
    """Return a short title for a column, such as `p95` or `5xx`."""
    name = column.replace("upstream_latency", "upstream").removeprefix("latency_")
    return _SHORT_TITLES.get(column, column_title(name))


def is_number(dtype: pl.DataType) -> bool:
    """Whether a column holds numbers, which are aligned to the right."""
    return dtype.is_numeric() or isinstance(dtype, pl.Duration)


def format_value(value: object, unit: Unit | None, timezone: str) -> str:
    """Format a value with its unit; `–` stands for null, NaN and infinity."""
    match value:
        case None:
            return NULL
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _format_number(value, unit)
        case datetime():
            return iso_timestamp(value, timezone) if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


def named_gateways(column: pl.Series) -> pl.Series:
    """Return a column of keys with a text for gateways that nothing tells; others as they are."""
    return column.cast(pl.String).fill_null(UNKNOWN_GATEWAY) if column.name == "gateway" else column


def format_values(values: Sequence[object], unit: Unit | None, timezone: str) -> list[str]:
    """Format the values of a column, with all rates per the same span of time."""
    if unit is not Unit.PER_SECOND:
        return [format_value(value, unit, timezone) for value in values]
    rates = [value if isinstance(value, int | float) else None for value in values]
    span = _rate_span(max((rate for rate in rates if rate is not None), default=0.0))
    return [NULL if rate is None else _format_rate(rate, span) for rate in rates]


def time_pattern(times: Sequence[datetime]) -> str:
    """Return the shortest `strftime` pattern that tells the times apart."""
    if any(moment.second for moment in times):
        clock = "%H:%M:%S"
    elif any(moment.hour or moment.minute for moment in times):
        clock = "%H:%M"
    else:
        return "%Y-%m-%d"
    return clock if times[0].date() == times[-1].date() else f"%m-%d {clock}"


def _rate_span(per_second: float) -> tuple[int, str]:
    """Return the seconds and name of the shortest span in which there is a request."""
    spans = ((1, "s"), (60, "min"))
    if not per_second:
        return spans[0]
    return next((span for span in spans if per_second * span[0] >= 0.9995), (3600, "h"))


def _format_rate(per_second: float, span: tuple[int, str]) -> str:
    seconds, name = span
    rate = per_second * seconds
    return f"{rate:,.0f}/{name}" if rate >= 99.95 else f"{rate:.3g}/{name}"


def _format_number(value: float, unit: Unit | None) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return NULL
    match unit:
        case Unit.COUNT:
            return format_count(value)
        case Unit.RATIO:
            return format_ratio(value)
        case Unit.MILLISECONDS:
            return format_duration(value)
        case Unit.BYTES:
            return format_bytes(value)
        case Unit.PER_SECOND:
            return _format_rate(value, _rate_span(value))
        case Unit.HOURS:
            return format_duration(value * 3_600_000)
        case Unit.DAYS:
            return format_duration(value * 86_400_000)
        case Unit.MONEY:
            return f"{value:,.2f}"
        case Unit.SCORE:
            return f"{value:.3f}"
        case _:
            return str(value) if isinstance(value, int) else f"{value:.6g}"

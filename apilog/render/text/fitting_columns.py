"""Which columns of a wide table a page has room for: the keys, and what says most.

A merge request or a wiki shows about eight columns side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from apilog.render.text.cell_text import is_metric
from apilog.render.text.verdict_text import CHECKS, COMPARISON

MOST_COLUMNS = 8
"""The columns that are drawn unless others are asked for."""

_METRICS = (
    *("requests", "latency_p95_ms", "error_rate", "latency_p50_ms", "latency_p99_ms"),
    *("server_error_rate", "request_rate", "consumers", "errors", "server_errors"),
    *("response_bytes", "last_seen", "upstream_latency_p95_ms", "latency_mean_ms"),
)
"""Metrics of requests, those that say most first; the others follow as they stand in a table."""
OWN_COLUMNS: Mapping[str, Sequence[str]] = {
    "anomalies": (
        *("timestamp", "metric", "kind", "value", "expected", "route", "routes", "statuses"),
        *("consumer", "end", "method", "gateway", "consumers"),
    ),
    "objectives": (
        *("name", "objective", "good_ratio", "budget_used", "met", "bad", "requests"),
        *("unknown", "allowed_bad"),
    ),
    "alerts": ("alert", "state", "labels", "value", "limit", "since", "threshold", "reason"),
    "funnel": ("stage", "accounts", "rate", "step_rate", "median_hours", "reached", "at_risk"),
    "trials": (
        *("trial_kind", "started", "running", "converted", "conversion_rate"),
        *("median_days_to_convert", "error_rate", "latency_p95_ms"),
    ),
    "revenue": (
        *("plan", "accounts", "paying", "mrr", "arpu", "conversion_rate", "churn_rate"),
        "net_revenue_retention",
    ),
    "plans": (
        *("plan", "quota", "accounts", "requests", "median_usage", "near_limit"),
        *("over_limit", "hardly_used"),
    ),
    "experiments": (*("variant", "metric", "value", "lift", "verdict", "accounts", "low", "high"),),
}
"""Columns of tables that are not metrics by keys, the table's first column first, and then those
that say most. What stands before its first column are groups that were asked for."""
_VERDICT_DETAILS = ("p", "interval", "requests of b", "requests of a", "margin")
"""Columns of drawn verdicts, those that say least first."""


def fitting_columns(
    name: str, frame: pl.DataFrame, wanted: Sequence[str] = (), most: int = MOST_COLUMNS
) -> list[str]:
    """Return the columns of a table that fit, in their order.

    All keys stay, however many were asked for, and so do the metrics that are `wanted`, and one
    column more; columns without a value in any row go first.
    """
    if frame.width <= most:
        return frame.columns
    if name in (CHECKS, COMPARISON):
        gone = [column for column in _VERDICT_DETAILS if column in frame.columns]
        gone = gone[: frame.width - most]
        return [column for column in frame.columns if column not in gone]
    own = OWN_COLUMNS.get(name)
    if own and own[0] in frame.columns:
        keys, ranked = frame.columns[: frame.columns.index(own[0]) + 1], own
    else:
        keys, ranked = [column for column in frame.columns if not is_metric(column)], _METRICS
    endings = ("", "_ms", "_bytes", "_ratio")
    asked = {f"{metric}{ending}" for metric in wanted for ending in endings}
    keys = [*keys, *(column for column in frame.columns if column in asked - {*keys})]
    rank = {column: place for place, column in enumerate(dict.fromkeys((*ranked, *frame.columns)))}
    is_empty = {column: frame[column].null_count() == frame.height for column in frame.columns}
    rest = sorted(
        (column for column in frame.columns if column not in keys),
        key=lambda column: (is_empty[column], rank[column]),
    )
    chosen = {*keys, *rest[: max(1, most - len(keys))]}
    return [column for column in frame.columns if column in chosen]

"""What a watch knows at one moment, for any view to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apilog.aggregate import Order, Plan, TableSpec
from apilog.alerts.rules import Alert, Rule
from apilog.model import Report

_COUNTED = (
    *("requests", "request_rate", "errors", "error_rate", "client_errors", "client_error_rate"),
    *("server_errors", "server_error_rate"),
)
_LATENCY = ("latency_mean", "latency_p50", "latency_p90", "latency_p95", "latency_p99")
_OVER_TIME = tuple(m for m in (*_COUNTED, *_LATENCY) if m != "request_rate")

TABLES = (
    TableSpec(name="overview", metrics=(*_COUNTED, *_LATENCY, "response_bytes")),
    TableSpec(name="traffic", keys=("timestamp",), metrics=_OVER_TIME, order=Order.KEYS),
    TableSpec(
        name="endpoints",
        keys=("gateway", "method", "route"),
        metrics=(*_COUNTED, "latency_p50", "latency_p95", "latency_p99"),
    ),
)
"""The tables of a window, a part of the report's."""

PLAN = Plan(tables=TABLES, max_routes=500, max_rows=1_000, max_keys=5_000, max_cells=200_000)
"""They are kept for each slot of the window, so they are kept small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A moment of a watch."""

    at: datetime
    """The machine's time."""
    report: Report
    """The tables of `TABLES`, and `errors` with the newest requests that failed."""
    step: timedelta
    """That of the traffic."""
    late: int
    """Records that came too late for the window."""
    alerts: tuple[tuple[Rule, Alert], ...] = ()
    """Those that are pending or firing, with their rules."""

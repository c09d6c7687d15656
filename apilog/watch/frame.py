"""A frame: what a watch knows at one moment, and the interface of the views that show it.

A frame is a report on the sliding window, plus the most recent errors and the active alerts; views
only draw it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from apilog.aggregate import ReportPlan, RowOrder, TableSpec
from apilog.alerts.rules import Alert, AlertRule
from apilog.metrics import is_client_error, is_server_error
from apilog.report_model import Report
from apilog.schema import SCHEMA

_COUNTED = (
    *("requests", "request_rate", "errors", "error_rate", "client_errors", "client_error_rate"),
    *("server_errors", "server_error_rate"),
)
_LATENCY = ("latency_mean", "latency_p50", "latency_p90", "latency_p95", "latency_p99")
_OVER_TIME = tuple(m for m in (*_COUNTED, *_LATENCY) if m != "request_rate")

WATCH_TABLES = (
    TableSpec(name="overview", metrics=(*_COUNTED, *_LATENCY, "response_bytes")),
    TableSpec(name="traffic", keys=("timestamp",), metrics=_OVER_TIME, order=RowOrder.KEYS),
    TableSpec(
        name="endpoints",
        keys=("gateway", "method", "route"),
        metrics=(*_COUNTED, "latency_p50", "latency_p95", "latency_p99"),
    ),
)
"""The tables of a window, a part of the report's."""

WATCH_PLAN = ReportPlan(
    tables=WATCH_TABLES, max_routes=500, max_rows=1_000, max_keys=5_000, max_cells=200_000
)
"""They are kept for each slot of the window, so they are kept small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFrame:
    """A moment of a watch."""

    at: datetime
    """The machine's time."""
    report: Report
    """The tables of `TABLES`, and `errors` with the newest requests that failed."""
    step: timedelta
    """That of the traffic."""
    late: int
    """Records that came too late for the window."""
    alerts: tuple[tuple[AlertRule, Alert], ...] = ()
    """Those that are pending or firing, with their rules."""


ERROR_COLUMNS = ("timestamp", "method", "path", "status", "duration_ms", "consumer", "client_ip")
_KEPT_ERRORS = 50


class RecentErrors:
    """A few failed requests, the newest first."""

    def __init__(self) -> None:
        self.frame = pl.DataFrame(schema={name: SCHEMA[name] for name in ERROR_COLUMNS})

    def add(self, records: pl.DataFrame) -> None:
        """Take those that are newer than what is kept."""
        failed = records.lazy().filter(is_client_error() | is_server_error())
        plain = failed.select(pl.col(name).cast(SCHEMA[name]) for name in ERROR_COLUMNS)
        newest = plain.sort("timestamp", nulls_last=False, maintain_order=True).tail(_KEPT_ERRORS)
        rows = pl.concat([self.frame.reverse(), newest.collect()])
        self.frame = rows.sort("timestamp", nulls_last=False, maintain_order=True).tail(
            _KEPT_ERRORS
        )
        self.frame = self.frame.reverse()


class FrameView(Protocol):
    """Shows how a watch stands; entered before the first frame, left after the last."""

    def __enter__(self) -> FrameView:
        """Take hold of the output."""

    def __exit__(self, *error: object) -> None:
        """Give the output back as it was."""

    def show_frame(self, frame: WatchFrame) -> None:
        """Show a new moment."""

    def redraw(self) -> None:
        """The terminal has another size."""

    def show_note(self, text: str) -> None:
        """Say something that is not a frame."""

"""A frame: what a watch knows at one moment, and the interface of the views that show it.

A frame is a report on the sliding window, plus the most recent errors and the active alerts; views
only draw it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from apilog.aggregate import TABLES, ReportPlan, RowOrder, TableSpec
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
"""The tables of a window, some of the report's."""

SCREEN_TABLES = (
    *WATCH_TABLES,
    TABLES["errors"],
    # Callers may be many: a mean needs no histogram for each of them.
    *(
        TableSpec(name=name, keys=(key,), metrics=(*_COUNTED, "latency_mean"))
        for name, key in (("consumers", "consumer"), ("clients", "client_ip"))
    ),
)
"""The tables of a window of which a screen with several pages is drawn."""

NEWEST_ERRORS = "newest_errors"
"""The table of the most recent failed requests of the window."""

WATCH_PLAN = ReportPlan(
    tables=WATCH_TABLES, max_routes=500, max_rows=1_000, max_keys=5_000, max_cells=200_000
)
"""The limits are tight because each slot of the sliding window keeps sums of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFrame:
    """What a watch knows at one moment."""

    at: datetime
    """The time of the machine, not of the log."""
    report: Report
    """The tables of `WATCH_TABLES` or `SCREEN_TABLES`, and `NEWEST_ERRORS`."""
    step: timedelta
    """The step of the traffic table."""
    late: int
    """How many records came too late for the window."""
    ahead: int
    """How many records were far ahead of the log's own time, and are not counted."""
    alerts: tuple[tuple[AlertRule, Alert], ...] = ()


ERROR_COLUMNS = ("timestamp", "method", "path", "status", "duration_ms", "consumer", "client_ip")
_KEPT_ERRORS = 200


class RecentErrors:
    """The most recent failed requests, the newest first."""

    def __init__(self) -> None:
        self.frame = pl.DataFrame(schema={name: SCHEMA[name] for name in ERROR_COLUMNS})

    def add(self, records: pl.DataFrame, until: datetime) -> None:
        """Keep the failed requests before that time that are newer than the kept ones."""
        known = records.lazy().filter(pl.col("timestamp") < until)
        failed = known.filter(is_client_error() | is_server_error())
        plain = failed.select(pl.col(name).cast(SCHEMA[name]) for name in ERROR_COLUMNS)
        # Only the newest of each batch are materialised: most errors of a storm are never kept.
        newest = plain.sort("timestamp", nulls_last=False, maintain_order=True).tail(_KEPT_ERRORS)
        rows = pl.concat([self.frame.reverse(), newest.collect()])
        rows = rows.sort("timestamp", nulls_last=False, maintain_order=True)
        self.frame = rows.tail(_KEPT_ERRORS).reverse()

    def since(self, start: datetime | None) -> pl.DataFrame:
        """Return those from that time on."""
        return self.frame if start is None else self.frame.filter(pl.col("timestamp") >= start)


NoteSink = Callable[[str], None]
"""Receives what the user should know beside the frames."""


class FrameView(Protocol):
    """A view of the frames; it is entered before the first frame and left after the last."""

    def __enter__(self) -> FrameView:
        """Take over the output."""

    def __exit__(self, *error: object) -> None:
        """Give the output back as it was."""

    def show_frame(self, frame: WatchFrame) -> None:
        """Show a new frame."""

    def redraw(self) -> None:
        """Draw the last frame again, because the size of the terminal has changed."""

    def wait(self, seconds: float) -> None:
        """Wait that long, or until the user does something."""

    def suspend(self) -> None:
        """Stop the process as the terminal asks, with the output given back meanwhile."""

    @property
    def has_quit(self) -> bool:
        """Whether the user has asked to leave."""

    def show_note(self, text: str) -> None:
        """Show a note beside the frames."""

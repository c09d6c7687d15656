"""Evaluating alerts once over sources, as from cron, and the report of it.

The state file remembers what earlier runs found, so that a breach is notified once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.alerts.manager import AlertManager
from apilog.alerts.rules import Alert, AlertNotice, AlertRule, AlertStatus
from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import SourcePass, filters_of
from apilog.options import ReadOptions, Source
from apilog.report_model import CheckState, Report
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow, parse_window
from apilog.version import __version__

ALERTS_TABLE = "alerts"
OK_STATE = "ok"
"""The state of a rule that has neither pending nor firing alerts."""

_ALERTS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "alert": pl.String,
    "state": pl.String,
    "severity": pl.String,
    "labels": pl.String,
    "value": pl.Float64,
    "limit": pl.Float64,
    "since": TIMESTAMP,
    "requests": pl.Int64,
    "threshold": pl.String,
    "reason": pl.String,
}


def alerts_table(
    rules: Sequence[AlertRule], active: Sequence[tuple[AlertRule, Alert]]
) -> pl.DataFrame:
    """Return one row per pending or firing alert, and one per rule that has none."""
    rows: list[dict[str, object]] = [
        {
            "alert": rule.name,
            "state": alert.status.value,
            "severity": rule.severity.value,
            "threshold": rule.condition,
            "labels": " ".join(f"{column}={value}" for column, value in alert.labels) or None,
            "value": alert.value,
            "limit": alert.limit,
            "requests": alert.requests,
            "since": alert.since,
            "reason": alert.reason or None,
        }
        for rule, alert in active
    ]
    failing = {rule.name for rule, _ in active}
    for rule in rules:
        if rule.name not in failing:
            head = {"alert": rule.name, "state": OK_STATE, "severity": rule.severity.value}
            rows.append({**head, "threshold": rule.condition})
    return pl.DataFrame(rows, schema=_ALERTS_SCHEMA)


_MARGIN = timedelta(days=1)
"""How much more of a store is read, to see that it goes back as far as rules look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvaluation:
    """The result of evaluating all alerts once."""

    report: Report
    notices: Sequence[AlertNotice]
    at: datetime | None
    """The event time of the evaluation; None if there is no record and none was given."""

    @property
    def state(self) -> CheckState:
        """FAIL if an alert fires, INCONCLUSIVE if there was nothing to evaluate, else PASS."""
        if AlertStatus.FIRING.value in self.report.tables[ALERTS_TABLE]["state"]:
            return CheckState.FAIL
        return CheckState.PASS if self.at else CheckState.INCONCLUSIVE


_LAST_MOMENTS = timedelta(minutes=1)


def _end_of_hour(newest: datetime) -> datetime:
    """Return the full hour where the newest request is of the last moments before it.

    No request may come just then: the hour is over nevertheless, if it is by the clock.
    """
    end = newest.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return end if newest >= end - _LAST_MOMENTS and end <= datetime.now(UTC) else newest


def evaluate_sources(
    sources: Sequence[Source], alerts: AlertManager, options: ReadOptions
) -> BatchEvaluation:
    """Read the sources and evaluate the alerts at `until` (exclusive), else the newest record.

    An input that can't be read has its error in the summary. Without any record and without
    `until` nothing is evaluated. Rules have windows of their own: `since` has no effect.
    """
    until = parse_window(None, options.until, options.tz).until
    alerts.know_routes(declared_routes(options))
    source_pass = SourcePass(
        sources,
        options,
        alerts.columns,
        lambda records: records.filter(pl.col("timestamp") < until) if until else records,
        window=TimeWindow(since=until and until - alerts.lookback - _MARGIN, until=until),
        # The windows of rules are short; the logs tell more of routes.
        learns_first=alerts.looks_at_routes,
    )
    now = until
    for records in source_pass.iter_results():
        newest = records["timestamp"].max()
        if until is None and isinstance(newest, datetime):
            now = max(now or newest, newest)
        # Slots that have fallen out of the windows are dropped as time goes on, so that a long log
        # takes no more memory than its windows.
        if now is not None:
            alerts.add(records, now)
    over = now if now is None or until else _end_of_hour(now)
    notices = [] if now is None else alerts.evaluate(now, hours_until=over)
    report = Report(
        version=__version__,
        command="check",
        since=None,
        until=now,
        input=source_pass.input,
        tables={ALERTS_TABLE: alerts_table(alerts.rules, alerts.active_alerts)},
        timezone=options.tz,
        filters=filters_of(options, TimeWindow(until=until)),
        notes=source_pass.notes,
    )
    return BatchEvaluation(report=report, notices=notices, at=now)

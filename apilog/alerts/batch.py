"""Evaluating alerts once over sources, as from cron, and the report of it.

The state file remembers what earlier runs found, so that a breach is notified once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from apilog.alerts.manager import AlertManager
from apilog.alerts.rules import Alert, AlertNotice, AlertRule, AlertStatus
from apilog.engine.source_pass import SourcePass
from apilog.options import ReadOptions, Source
from apilog.report_model import Report
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow, parse_window
from apilog.version import __version__

ALERTS_TABLE = "alerts"
OK_STATE = "ok"
"""The state of a rule none of whose alerts is pending or firing."""

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
    rules: Sequence[AlertRule], standing: Sequence[tuple[AlertRule, Alert]]
) -> pl.DataFrame:
    """A row for each alert that is pending or firing, and one for each rule that is all right."""
    failing = {rule.name for rule, _ in standing}
    rows = [_alert_row(rule, alert) for rule, alert in standing]
    rows += [
        {"alert": rule.name, "state": OK_STATE, **_rule_cells(rule)}
        for rule in rules
        if rule.name not in failing
    ]
    return pl.DataFrame(rows, schema=_ALERTS_SCHEMA)


def _rule_cells(rule: AlertRule) -> dict[str, object]:
    return {"severity": rule.severity.value, "threshold": rule.condition}


def _alert_row(rule: AlertRule, alert: Alert) -> dict[str, object]:
    return {
        "alert": rule.name,
        "state": alert.status.value,
        **_rule_cells(rule),
        "labels": " ".join(f"{column}={value}" for column, value in alert.labels) or None,
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "since": alert.since,
        "reason": alert.reason or None,
    }


_MARGIN = timedelta(days=1)
"""So much more is read of a store, to see that it goes back as far as rules look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvaluation:
    """What came of a run."""

    report: Report
    """Its table is `alerts`."""
    notices: Sequence[AlertNotice]
    """What targets are told."""
    at: datetime | None
    """The time that they were evaluated for; None without a record, if none was given."""

    @property
    def is_firing(self) -> bool:
        """Whether an alert fires."""
        return bool((self.report.tables[ALERTS_TABLE]["state"] == AlertStatus.FIRING).any())


def evaluate_sources(
    sources: Sequence[Source], alerts: AlertManager, options: ReadOptions
) -> BatchEvaluation:
    """Read the sources and evaluate the alerts for `until` (exclusive), else the newest record.

    An input that can't be read has its error in the summary. Without any record and `until`
    nothing is evaluated. Rules have time windows of their own: `since` has no effect.
    """
    until = parse_window(None, options.until, options.tz).until
    source_pass = SourcePass(
        sources,
        options,
        alerts.columns,
        lambda records: _records_before(records, until),
        window=TimeWindow(since=until and until - alerts.lookback - _MARGIN, until=until),
    )
    now = until
    for records in source_pass.iter_results():
        newest = records["timestamp"].max()
        if until is None and isinstance(newest, datetime):
            now = max(now or newest, newest)
        if now is not None:
            alerts.add(records, now)
    notices = [] if now is None else alerts.evaluate(now)
    report = Report(
        version=__version__,
        command="check",
        since=None,
        until=now,
        input=source_pass.input,
        tables={ALERTS_TABLE: alerts_table(alerts.rules, alerts.active_alerts)},
        timezone=options.tz,
        notes=source_pass.notes,
    )
    return BatchEvaluation(report=report, notices=notices, at=now)


def _records_before(records: pl.DataFrame, until: datetime | None) -> pl.DataFrame:
    return records if until is None else records.filter(pl.col("timestamp") < until)

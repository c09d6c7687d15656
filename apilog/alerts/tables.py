"""How alerts stand, as a table of a report."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.alerts.rules import Alert, Rule
from apilog.schema import TIMESTAMP

ALERTS = "alerts"
OK = "ok"
"""The state of a rule none of whose alerts is pending or firing."""

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
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


def alerts_table(rules: Sequence[Rule], standing: Sequence[tuple[Rule, Alert]]) -> pl.DataFrame:
    """A row for each alert that is pending or firing, and one for each rule that is all right."""
    failing = {rule.name for rule, _ in standing}
    rows = [_row(rule, alert) for rule, alert in standing]
    rows += [
        {"alert": rule.name, "state": OK, **_of_rule(rule)}
        for rule in rules
        if rule.name not in failing
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _of_rule(rule: Rule) -> dict[str, object]:
    return {"severity": rule.severity.value, "threshold": rule.condition}


def _row(rule: Rule, alert: Alert) -> dict[str, object]:
    return {
        "alert": rule.name,
        "state": alert.status.value,
        **_of_rule(rule),
        "labels": " ".join(f"{column}={value}" for column, value in alert.labels) or None,
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "since": alert.since,
        "reason": alert.reason or None,
    }

"""Rules, observations and notices for the tests of alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from apilog.alerts.rules import (
    AlertLabels,
    AlertNotice,
    AlertRule,
    Observation,
    RuleVerdict,
    Severity,
)
from apilog.alerts.transitions import advance_alert
from apilog.checks import parse_threshold

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = '/"x\\{}\n\x1b]0;owned\x07<!channel> & \u202e'


def rule(threshold: str = "error_rate < 5%", **more: Any) -> AlertRule:
    """Return a critical rule over five minutes."""
    given = {"name": "errors", "window": 5 * MINUTE, "severity": Severity.CRITICAL, **more}
    return AlertRule(threshold=parse_threshold(threshold), **given)


def observed(
    verdict: RuleVerdict, labels: AlertLabels = (), value: float | None = 0.072
) -> Observation:
    """Return the evaluation of an error rate."""
    limit = 0.05 if value is not None else None
    return Observation(labels=labels, verdict=verdict, value=value, limit=limit, requests=1200)


def notice(labels: AlertLabels = (), **more: Any) -> AlertNotice:
    """Return the notice of an alert that begins to fire."""
    _, firing = advance_alert(rule(**more), None, observed(RuleVerdict.FAILS, labels), START)
    assert firing
    return firing

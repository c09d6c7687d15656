"""What becomes of an alert with each evaluation: pending, firing, resolved.

A pure function: it reads no clock, tells nobody, and forgets nothing that it returns.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from apilog.alerts.rules import Alert, Event, Notice, Observation, Rule, Status, Verdict


def advance(
    rule: Rule, alert: Alert | None, seen: Observation, now: datetime
) -> tuple[Alert | None, Notice | None]:
    """The alert after an evaluation, and what is to be told of it.

    It fires after `rule.intervals` failures without one that holds between them; what can't be
    decided changes nothing. It is told of when it begins to fire, again after `rule.repeat`, and
    when it is over. None is an alert that is all right.
    """
    if alert and alert.condition != rule.condition:
        alert = None
    match seen.verdict:
        case Verdict.FAILS:
            return _failed(rule, alert, seen, now)
        case Verdict.UNDECIDED:
            return alert, None
        case _:
            return None, _resolved(rule, alert, seen, now)


def _failed(
    rule: Rule, alert: Alert | None, seen: Observation, now: datetime
) -> tuple[Alert, Notice | None]:
    breaches = (alert.breaches if alert else 0) + 1
    failing = Alert(
        rule=rule.name,
        condition=rule.condition,
        labels=seen.labels,
        status=Status.FIRING if breaches >= rule.intervals else Status.PENDING,
        since=alert.since if alert else now,
        breaches=breaches,
        notified=alert.notified if alert else None,
        value=seen.value,
        limit=seen.limit,
        requests=seen.requests,
        reason=seen.reason,
    )
    if failing.status is Status.PENDING or not _is_due(rule, failing, now):
        return failing, None
    told = replace(failing, notified=now)
    repeated = failing.notified is not None
    return told, Notice(event=Event.FIRING, rule=rule, alert=told, at=now, is_repeated=repeated)


def _is_due(rule: Rule, alert: Alert, now: datetime) -> bool:
    if alert.notified is None:
        return True
    return rule.repeat is not None and now - alert.notified >= rule.repeat


def _resolved(rule: Rule, alert: Alert | None, seen: Observation, now: datetime) -> Notice | None:
    if alert is None or alert.notified is None:
        return None
    healed = replace(
        alert, value=seen.value, limit=seen.limit, requests=seen.requests, reason=seen.reason
    )
    return Notice(event=Event.RESOLVED, rule=rule, alert=healed, at=now)

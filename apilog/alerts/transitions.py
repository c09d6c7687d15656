"""The state machine of alerts: pending, firing, resolved.

`advance_alert` is pure: it reads no clock, notifies nobody, and returns all it decides.
`ActiveAlerts` applies it to every alert of every rule and bounds how many there can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from apilog.alerts.rules import (
    Alert,
    AlertLabels,
    AlertNotice,
    AlertRule,
    AlertStatus,
    NoticeEvent,
    Observation,
    RuleVerdict,
)


def advance_alert(
    rule: AlertRule, alert: Alert | None, seen: Observation, now: datetime
) -> tuple[Alert | None, AlertNotice | None]:
    """The alert after an evaluation, and what is to be told of it.

    It fires after `rule.intervals` failures without one that holds between them; what can't be
    decided changes nothing. It is told of when it begins to fire, again after `rule.repeat`, and
    when it is over. None is an alert that is all right.
    """
    if alert and alert.condition != rule.condition:
        alert = None
    match seen.verdict:
        case RuleVerdict.FAILS:
            return _record_failure(rule, alert, seen, now)
        case RuleVerdict.UNDECIDED:
            return alert, None
        case _:
            return None, _resolution_notice(rule, alert, seen, now)


def _record_failure(
    rule: AlertRule, alert: Alert | None, seen: Observation, now: datetime
) -> tuple[Alert, AlertNotice | None]:
    breaches = (alert.breaches if alert else 0) + 1
    failing = Alert(
        rule=rule.name,
        condition=rule.condition,
        labels=seen.labels,
        status=AlertStatus.FIRING if breaches >= rule.intervals else AlertStatus.PENDING,
        since=alert.since if alert else now,
        breaches=breaches,
        notified=alert.notified if alert else None,
        value=seen.value,
        limit=seen.limit,
        requests=seen.requests,
        reason=seen.reason,
    )
    if failing.status is AlertStatus.PENDING or not _is_notice_due(rule, failing, now):
        return failing, None
    told = replace(failing, notified=now)
    repeated = failing.notified is not None
    return told, AlertNotice(
        event=NoticeEvent.FIRING, rule=rule, alert=told, at=now, is_repeated=repeated
    )


def _is_notice_due(rule: AlertRule, alert: Alert, now: datetime) -> bool:
    if alert.notified is None:
        return True
    return rule.repeat is not None and now - alert.notified >= rule.repeat


def _resolution_notice(
    rule: AlertRule, alert: Alert | None, seen: Observation, now: datetime
) -> AlertNotice | None:
    if alert is None or alert.notified is None:
        return None
    healed = replace(
        alert, value=seen.value, limit=seen.limit, requests=seen.requests, reason=seen.reason
    )
    return AlertNotice(event=NoticeEvent.RESOLVED, rule=rule, alert=healed, at=now)


MOST_ALERTS = 1_000
"""Alerts of one rule; a `for each` over what an attacker chooses must not fill the memory."""


class ActiveAlerts:
    """The alerts of some rules."""

    def __init__(self, rules: Sequence[AlertRule], alerts: Iterable[Alert] = ()) -> None:
        """Alerts of rules that there are no more are forgotten."""
        self.rules = rules
        names = {rule.name for rule in rules}
        self._alerts = {alert.key: alert for alert in alerts if alert.rule in names}

    @property
    def in_order(self) -> list[Alert]:
        """Those that are pending or firing, in the order in which they began to fail."""
        return sorted(self._alerts.values(), key=lambda alert: (alert.since, alert.key))

    @property
    def firing(self) -> list[Alert]:
        """Those that fire."""
        return [alert for alert in self.in_order if alert.status is AlertStatus.FIRING]

    def apply_observations(
        self, rule: AlertRule, observations: Sequence[Observation], now: datetime
    ) -> list[AlertNotice]:
        """Take in one evaluation of a rule; what is to be told.

        An alert that is not among the observations has no requests any more.
        """
        seen = {one.labels: one for one in observations}
        known = [alert.labels for alert in self._alerts.values() if alert.rule == rule.name]
        notices = []
        for labels in dict.fromkeys([*known, *seen]):
            one = seen.get(labels) or _absent_observation(labels)
            notices.append(self._advance_one(rule, labels, one, now))
        return [notice for notice in notices if notice]

    def _advance_one(
        self, rule: AlertRule, labels: AlertLabels, seen: Observation, now: datetime
    ) -> AlertNotice | None:
        alert, notice = advance_alert(rule, self._alerts.get((rule.name, labels)), seen, now)
        if alert is None:
            self._alerts.pop((rule.name, labels), None)
        elif alert.key in self._alerts or self._count_alerts(rule) < MOST_ALERTS:
            self._alerts[alert.key] = alert
        else:
            return None
        return notice

    def _count_alerts(self, rule: AlertRule) -> int:
        return sum(alert.rule == rule.name for alert in self._alerts.values())


def _absent_observation(labels: AlertLabels) -> Observation:
    return Observation(labels=labels, verdict=RuleVerdict.ABSENT, reason="no more requests")

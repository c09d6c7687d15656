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
    AlertNotice,
    AlertRule,
    AlertStatus,
    NoticeEvent,
    Observation,
    RuleVerdict,
)


def advance_alert(
    rule: AlertRule, alert: Alert | None, observation: Observation, now: datetime
) -> tuple[Alert | None, AlertNotice | None]:
    """Return the alert after an observation, and the notice to send; None is a healthy alert.

    An alert fires after `rule.intervals` failures without a success between them; what can't be
    decided changes nothing. Notices are sent when it begins to fire, again each `rule.repeat`,
    and when it is resolved.
    """
    # What failed by another condition says nothing about this one.
    if alert and alert.condition != rule.condition:
        alert = None
    # Too few requests neither heal nor break: else quiet nights would make alerts flap.
    if observation.verdict is RuleVerdict.UNDECIDED:
        return alert, None
    notified = alert.notified if alert else None
    if observation.verdict is not RuleVerdict.FAILS:
        if alert is None or notified is None:
            return None, None
        healed = replace(
            alert,
            value=observation.value,
            limit=observation.limit,
            requests=observation.requests,
            reason=observation.reason,
        )
        return None, AlertNotice(event=NoticeEvent.RESOLVED, rule=rule, alert=healed, at=now)
    breaches = (alert.breaches if alert else 0) + 1
    failing = Alert(
        rule=rule.name,
        condition=rule.condition,
        labels=observation.labels,
        status=AlertStatus.FIRING if breaches >= rule.intervals else AlertStatus.PENDING,
        since=alert.since if alert else now,
        breaches=breaches,
        notified=notified,
        value=observation.value,
        limit=observation.limit,
        requests=observation.requests,
        reason=observation.reason,
    )
    is_due = notified is None or (rule.repeat is not None and now - notified >= rule.repeat)
    if not failing.is_firing or not is_due:
        return failing, None
    failing = replace(failing, notified=now)
    repeated = notified is not None
    return failing, AlertNotice(
        event=NoticeEvent.FIRING, rule=rule, alert=failing, at=now, is_repeated=repeated
    )


MOST_ALERTS = 1_000
"""The most alerts of one rule: a `for each` over values of an attacker must not fill the memory."""


class ActiveAlerts:
    """The pending and firing alerts of some rules."""

    def __init__(self, rules: Sequence[AlertRule], alerts: Iterable[Alert] = ()) -> None:
        """Begin with saved alerts; those of rules that no longer exist are forgotten."""
        self.rules = rules
        names = {rule.name for rule in rules}
        self._alerts = {alert.key: alert for alert in alerts if alert.rule in names}

    @property
    def in_order(self) -> list[Alert]:
        """All alerts in the order in which they began to fail."""
        return sorted(self._alerts.values(), key=lambda alert: (alert.since, alert.key))

    def apply_observations(
        self, rule: AlertRule, observations: Sequence[Observation], now: datetime
    ) -> list[AlertNotice]:
        """Advance all alerts of a rule by one evaluation, and return the notices to send.

        An alert that no observation is about has no requests any more.
        """
        by_labels = {one.labels: one for one in observations}
        labels_so_far = [alert.labels for alert in self._alerts.values() if alert.rule == rule.name]
        count = len(labels_so_far)
        notices = []
        for labels in dict.fromkeys([*labels_so_far, *by_labels]):
            observation = by_labels.get(labels) or Observation(
                labels=labels, verdict=RuleVerdict.ABSENT, reason="no more requests"
            )
            before = self._alerts.pop((rule.name, labels), None)
            alert, notice = advance_alert(rule, before, observation, now)
            count -= before is not None
            if alert and count >= MOST_ALERTS:
                continue
            if alert:
                self._alerts[alert.key] = alert
                count += 1
            if notice:
                notices.append(notice)
        return notices

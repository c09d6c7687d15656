"""All alerts that are not all right, advanced together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from apilog.alerts.machine import advance
from apilog.alerts.rules import Alert, Labels, Notice, Observation, Rule, Status, Verdict

MOST_ALERTS = 1_000
"""Alerts of one rule; a `for each` over what an attacker chooses must not fill the memory."""


class Board:
    """The alerts of some rules."""

    def __init__(self, rules: Sequence[Rule], alerts: Iterable[Alert] = ()) -> None:
        """Alerts of rules that there are no more are forgotten."""
        self.rules = rules
        names = {rule.name for rule in rules}
        self._alerts = {alert.key: alert for alert in alerts if alert.rule in names}

    @property
    def alerts(self) -> list[Alert]:
        """Those that are pending or firing, in the order in which they began to fail."""
        return sorted(self._alerts.values(), key=lambda alert: (alert.since, alert.key))

    @property
    def firing(self) -> list[Alert]:
        """Those that fire."""
        return [alert for alert in self.alerts if alert.status is Status.FIRING]

    def evaluated(
        self, rule: Rule, observations: Sequence[Observation], now: datetime
    ) -> list[Notice]:
        """Take in one evaluation of a rule; what is to be told.

        An alert that is not among the observations has no requests any more.
        """
        seen = {one.labels: one for one in observations}
        known = [alert.labels for alert in self._alerts.values() if alert.rule == rule.name]
        notices = []
        for labels in dict.fromkeys([*known, *seen]):
            one = seen.get(labels) or _absent(labels)
            notices.append(self._advance(rule, labels, one, now))
        return [notice for notice in notices if notice]

    def _advance(
        self, rule: Rule, labels: Labels, seen: Observation, now: datetime
    ) -> Notice | None:
        alert, notice = advance(rule, self._alerts.get((rule.name, labels)), seen, now)
        if alert is None:
            self._alerts.pop((rule.name, labels), None)
        elif alert.key in self._alerts or self._count(rule) < MOST_ALERTS:
            self._alerts[alert.key] = alert
        else:
            return None
        return notice

    def _count(self, rule: Rule) -> int:
        return sum(alert.rule == rule.name for alert in self._alerts.values())


def _absent(labels: Labels) -> Observation:
    return Observation(labels=labels, verdict=Verdict.ABSENT, reason="no more requests")

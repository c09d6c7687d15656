"""The alert manager: count records, evaluate rules, notify targets, save the state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from apilog.alerts.delivery import AlertDispatcher, ProblemSink
from apilog.alerts.evaluation import HISTORY_LENGTH, HourHistory, RuleEvaluator
from apilog.alerts.rules import Alert, AlertNotice, AlertRule
from apilog.alerts.settings import AlertSettings
from apilog.alerts.state_file import SavedAlerts, load_state, save_state
from apilog.alerts.targets import AlertSnapshot
from apilog.alerts.transitions import ActiveAlerts
from apilog.checks.threshold import SCORED_METRICS


class AlertManager:
    """The alerts of a configuration, and what is kept of them."""

    def __init__(self, settings: AlertSettings, tell: ProblemSink) -> None:
        """Begins with what the state file remembers, if there is one: InputError if it can't.

        `tell` hears of targets that fail, on any thread.
        """
        self._state = settings.state_file
        memory = load_state(settings.state_file) if settings.state_file else SavedAlerts()
        self._saved: SavedAlerts | None = None
        self._history = HourHistory(memory.hours)
        self._evaluator = RuleEvaluator(settings.rules, self._history, settings.min_requests)
        self._board = ActiveAlerts(settings.rules, memory.alerts)
        self._dispatch = AlertDispatcher(settings.notifiers, settings.snapshot_writers, tell)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that it reads."""
        return self._evaluator.columns

    @property
    def longest_window(self) -> timedelta:
        """The longest time that a rule looks at."""
        return max(rule.window for rule in self._board.rules)

    @property
    def lookback(self) -> timedelta:
        """How far back a record can matter."""
        scores = any(rule.threshold.metric.name in SCORED_METRICS for rule in self._board.rules)
        return max(self.longest_window, HISTORY_LENGTH) if scores else self.longest_window

    @property
    def rules(self) -> Sequence[AlertRule]:
        """All rules."""
        return self._board.rules

    @property
    def active_alerts(self) -> tuple[tuple[AlertRule, Alert], ...]:
        """The alerts that are pending or firing, with their rules."""
        rules = {rule.name: rule for rule in self._board.rules}
        return tuple((rules[alert.rule], alert) for alert in self._board.in_order)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records; `now` is the time that the log has reached."""
        self._evaluator.add_records(records, now)

    def evaluate(self, now: datetime) -> list[AlertNotice]:
        """Hold all rules against what is known now; targets are told of what is returned."""
        notices = [
            notice
            for rule, observations in self._evaluator.observe_rules(now)
            for notice in self._board.apply_observations(rule, observations, now)
        ]
        for notice in notices:
            self._dispatch.send_notice(notice)
        board = self._board
        self._dispatch.publish_snapshot(
            AlertSnapshot(rules=board.rules, alerts=board.in_order, at=now)
        )
        return notices

    def save(self) -> None:
        """Have the state file remember it; raises OutputError if that can't be written."""
        memory = SavedAlerts(alerts=tuple(self._board.in_order), hours=self._history.known_hours)
        if self._state and memory != self._saved:
            save_state(self._state, memory)
            self._saved = memory

    def close(self) -> bool:
        """Wait for targets that are still being told; whether all were."""
        return self._dispatch.close()

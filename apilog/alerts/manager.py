"""The alert manager: count records, evaluate rules, notify targets, save the state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from apilog.alerts.delivery import AlertDispatcher, ProblemSink
from apilog.alerts.evaluation import RuleEvaluator
from apilog.alerts.hour_history import HISTORY_LENGTH, HourHistory
from apilog.alerts.rules import Alert, AlertNotice, AlertRule
from apilog.alerts.settings import AlertSettings, alert_settings
from apilog.alerts.state_file import SavedAlerts, load_state, save_state
from apilog.alerts.targets import AlertSnapshot
from apilog.alerts.transitions import ActiveAlerts
from apilog.checks.threshold import SCORED_METRICS
from apilog.config import load_config
from apilog.errors import UsageError


class AlertManager:
    """The alerts of a configuration: rules, sliding windows, active alerts and targets."""

    def __init__(self, settings: AlertSettings, report: ProblemSink) -> None:
        """Begin with the content of the state file, if there is one; raises InputError.

        `report` receives the failures of targets, on any thread.
        """
        self.rules = settings.rules
        self._state_file = settings.state_file
        saved = load_state(settings.state_file) if settings.state_file else SavedAlerts()
        self._last_saved: SavedAlerts | None = None
        self._history = HourHistory(saved.hours)
        self._evaluator = RuleEvaluator(settings.rules, self._history, settings.min_requests)
        self._active = ActiveAlerts(settings.rules, saved.alerts)
        self._dispatcher = AlertDispatcher(settings.notifiers, settings.snapshot_writers, report)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that the rules read."""
        return self._evaluator.columns

    @property
    def looks_at_routes(self) -> bool:
        """Whether a rule is about one route, or each."""
        subjects = [rule.threshold.subject for rule in self.rules]
        return any("route" in (*s.each, *dict(s.where)) for s in subjects)

    @property
    def named_routes(self) -> tuple[tuple[str, str], ...]:
        """The rules that name a route, and the route."""
        pairs = ((rule.name, dict(rule.threshold.subject.where)) for rule in self.rules)
        return tuple((name, where["route"]) for name, where in pairs if "route" in where)

    @property
    def longest_window(self) -> timedelta:
        """The longest sliding window of a rule."""
        return max(rule.window for rule in self.rules)

    @property
    def lookback(self) -> timedelta:
        """How far back a record can matter."""
        if any(rule.threshold.metric.name in SCORED_METRICS for rule in self.rules):
            return max(self.longest_window, HISTORY_LENGTH)
        return self.longest_window

    @property
    def active_alerts(self) -> tuple[tuple[AlertRule, Alert], ...]:
        """The pending and firing alerts, with their rules."""
        rules = {rule.name: rule for rule in self.rules}
        return tuple((rules[alert.rule], alert) for alert in self._active.in_order)

    def know_routes(self, routes: Iterable[str]) -> None:
        """Take these routes for such that are there, whatever they are answered."""
        self._evaluator.know_routes(routes)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records; `now` is the event time."""
        self._evaluator.add_records(records, now)

    def evaluate(self, now: datetime, hours_until: datetime | None = None) -> list[AlertNotice]:
        """Evaluate all rules at the event time `now`; return the notices that targets are sent.

        Hours are over that end until `hours_until`, if it is later.
        """
        notices = [
            notice
            for rule, observations in self._evaluator.observe_rules(now, hours_until or now)
            for notice in self._active.apply_observations(rule, observations, now)
        ]
        for notice in notices:
            self._dispatcher.send_notice(notice)
        # Also without notices: its time tells a monitoring system that alerts are still evaluated.
        self._dispatcher.publish_snapshot(
            AlertSnapshot(rules=self.rules, alerts=self._active.in_order, at=now)
        )
        return notices

    def save(self) -> None:
        """Write the state file if anything has changed; raises OutputError."""
        saved = SavedAlerts(alerts=tuple(self._active.in_order), hours=self._history.known_hours)
        if self._state_file and saved != self._last_saved:
            save_state(self._state_file, saved)
            self._last_saved = saved

    def close(self) -> bool:
        """Wait for notices that are still being sent; return whether all were delivered."""
        return self._dispatcher.close()


def configured_alerts(
    config: Path | None, state: Path | None, report: ProblemSink
) -> AlertManager | None:
    """Return the alerts of a configuration file, or None if it has no rules.

    Raises ApilogError for what can't be parsed, and for a state file that can't be read.
    """
    settings = alert_settings(load_config(config))
    if settings.rules:
        state_file = state or settings.state_file
        return AlertManager(replace(settings, state_file=state_file), report)
    if state:
        raise UsageError("--state is for alerts, and none are configured", NO_ALERTS_HINT)
    return None


NO_ALERTS_HINT = "add [[alerts.rules]] to apilog.toml, or name the file with --config"

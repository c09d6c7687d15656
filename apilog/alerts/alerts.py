"""Alerts as a whole: records in, evaluations, and targets told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from apilog.alerts.board import Board
from apilog.alerts.delivery import Dispatch, Tell
from apilog.alerts.evaluator import Evaluator
from apilog.alerts.history import KEPT, History
from apilog.alerts.memory import Memory, load, save
from apilog.alerts.rules import Alert, Notice, Rule
from apilog.alerts.settings import Settings
from apilog.alerts.targets.base import Standing
from apilog.checks.catalogue import SCORED


class Alerts:
    """The alerts of a configuration, and what is kept of them."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        """Begins with what the state file remembers, if there is one: InputError if it can't.

        `tell` hears of targets that fail, on any thread.
        """
        self._state = settings.state
        memory = load(settings.state) if settings.state else Memory()
        self._saved: Memory | None = None
        self._history = History(memory.hours)
        self._evaluator = Evaluator(settings.rules, self._history, settings.min_requests)
        self._board = Board(settings.rules, memory.alerts)
        self._dispatch = Dispatch(settings.notifiers, settings.exporters, tell)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that it reads."""
        return self._evaluator.columns

    @property
    def longest(self) -> timedelta:
        """The longest time that a rule looks at."""
        return max(rule.over for rule in self._board.rules)

    @property
    def reach(self) -> timedelta:
        """How far back a record can matter."""
        scores = any(rule.threshold.metric.name in SCORED for rule in self._board.rules)
        return max(self.longest, KEPT) if scores else self.longest

    @property
    def rules(self) -> Sequence[Rule]:
        """All rules."""
        return self._board.rules

    @property
    def standing(self) -> tuple[tuple[Rule, Alert], ...]:
        """The alerts that are pending or firing, with their rules."""
        rules = {rule.name: rule for rule in self._board.rules}
        return tuple((rules[alert.rule], alert) for alert in self._board.alerts)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records; `now` is the time that the log has reached."""
        self._evaluator.add(records, now)

    def evaluate(self, now: datetime) -> list[Notice]:
        """Hold all rules against what is known now; targets are told of what is returned."""
        notices = [
            notice
            for rule, observations in self._evaluator.observe(now)
            for notice in self._board.evaluated(rule, observations, now)
        ]
        for notice in notices:
            self._dispatch.send(notice)
        board = self._board
        self._dispatch.publish(Standing(rules=board.rules, alerts=board.alerts, at=now))
        return notices

    def save(self) -> None:
        """Have the state file remember it; raises OutputError if that can't be written."""
        memory = Memory(alerts=tuple(self._board.alerts), hours=self._history.hours)
        if self._state and memory != self._saved:
            save(self._state, memory)
            self._saved = memory

    def close(self) -> bool:
        """Wait for targets that are still being told; whether all were."""
        return self._dispatch.close()

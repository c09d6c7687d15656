"""Rules held against the last minutes: a ring of sums for each length of time they look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import polars as pl

from apilog.aggregate.rolling import Ring
from apilog.alerts.history import History
from apilog.alerts.rules import Labels, Observation, Rule, Verdict
from apilog.checks import Fixed, Policy, Result, State, evaluate
from apilog.checks.catalogue import SCORED
from apilog.checks.measure import Measurement, Measures
from apilog.checks.measure import State as Sums
from apilog.checks.samples import Key
from apilog.checks.unusual import evaluate_hour
from apilog.metrics import Kind

_MOST_KEYS = 5_000
"""Values of a `for each` that are kept apart, in each slot of a ring."""


class Evaluator:
    """What rules say of the records that were added."""

    def __init__(self, rules: Sequence[Rule], history: History, min_requests: int) -> None:
        self._rules = rules
        self._history = history
        self._policy = Policy(min_requests=min_requests)
        self._windows = {over: _Window(rules, over) for over in {r.over for r in rules}}
        self._known_since: datetime | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that it reads."""
        own = (window.columns for window in self._windows.values())
        return frozenset({"timestamp", "status"}).union(*own)

    def add(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records; `now` is the time that the log has reached."""
        self._know(records["timestamp"].min(), now)
        self._history.count(records)
        for window in self._windows.values():
            window.ring.add(records, now)

    def observe(self, now: datetime) -> Iterator[tuple[Rule, list[Observation]]]:
        """Each rule with what is to be said of it now."""
        self._know(None, now)
        self._history.pass_to(now, self._known_since or now)
        measured = {over: window.measured(now) for over, window in self._windows.items()}
        for rule in self._rules:
            metric = SCORED.get(rule.threshold.metric.name)
            if metric:
                hour = self._history.last_score(metric, now)
                results = [evaluate_hour(rule.threshold, hour)]
                yield rule, [_of_hour(result) for result in results]
            else:
                is_complete = self._windows[rule.over].ring.is_complete(now)
                found = self._evaluated(rule, measured[rule.over])
                yield rule, [_observation(one, is_complete=is_complete) for one in found]

    def _evaluated(self, rule: Rule, measures: Measures) -> list[Result]:
        return evaluate(rule.threshold, measures.of(rule.threshold.subject), policy=self._policy)

    def _know(self, oldest: object, now: datetime) -> None:
        known = [t for t in (oldest, self._known_since or now) if isinstance(t, datetime)]
        self._known_since = min(known)


class _Window:
    """The sums of all rules that look at the same length of time."""

    def __init__(self, rules: Sequence[Rule], over: timedelta) -> None:
        own = (r.threshold for r in rules if r.over == over)
        subjects = [t.subject for t in own if t.metric.name not in SCORED]
        self._measurement = Measurement(subjects, max_keys=_MOST_KEYS, max_rows=_MOST_KEYS)
        self.columns = self._measurement.columns
        self.ring: Ring[Sums] = Ring(self._measurement, over)

    def measured(self, now: datetime) -> Measures:
        state = self.ring.merged(now)
        seconds = (now - self.ring.since(now)).total_seconds()
        return self._measurement.finish(state, seconds=seconds or None)


def _of_hour(result: Result) -> Observation:
    verdicts = {State.PASS: Verdict.HOLDS, State.FAIL: Verdict.FAILS}
    verdict = verdicts.get(result.state, Verdict.UNDECIDED)
    return _observed(result, verdict, result.value)


def _observation(result: Result, *, is_complete: bool) -> Observation:
    """What a result says of the last minutes, of which not all may be known yet."""
    threshold = result.threshold
    if threshold.metric.kind is Kind.COUNT and not is_complete:
        # More may have come than was seen: too few says nothing, too many does.
        is_certain = result.state is State.FAIL and threshold.operator.is_upper
        return _observed(result, Verdict.FAILS if is_certain else Verdict.UNDECIDED, result.value)
    if result.state is State.FAIL:
        return _observed(result, Verdict.FAILS, result.value)
    if result.state is State.PASS:
        return _observed(result, Verdict.HOLDS, result.value)
    if result.requests:
        return _observed(result, Verdict.UNDECIDED, result.value)
    return _silence(result, is_complete=is_complete)


def _silence(result: Result, *, is_complete: bool) -> Observation:
    """What a window without requests says: how many there are is known, nothing else."""
    threshold = result.threshold
    is_volume = threshold.metric.kind is Kind.RATE or threshold.metric.name == "requests"
    if not is_volume or threshold.each or not isinstance(threshold.limit, Fixed):
        return _observed(result, Verdict.ABSENT, None)
    if not is_complete:
        return _observed(result, Verdict.UNDECIDED, None)
    holds = threshold.operator.holds(0, threshold.limit.quantity.value)
    return _observed(result, Verdict.HOLDS if holds else Verdict.FAILS, 0.0)


def _observed(result: Result, verdict: Verdict, value: float | None) -> Observation:
    limit = result.threshold.limit
    return Observation(
        labels=_labels(result.threshold.each, result.key),
        verdict=verdict,
        value=value,
        limit=limit.quantity.value if isinstance(limit, Fixed) else None,
        requests=result.requests,
        reason=result.reason,
    )


def _labels(columns: Sequence[str], key: Key) -> Labels:
    pairs = zip(columns, key, strict=True)
    return tuple((column, "" if value is None else str(value)) for column, value in pairs)

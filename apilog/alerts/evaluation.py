"""Evaluating rules on sliding windows of records, and on the hours of the past weeks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import polars as pl

from apilog.aggregate.sliding_window import SlidingWindow
from apilog.alerts.hour_history import HourHistory
from apilog.alerts.rules import AlertRule, Observation, RuleVerdict
from apilog.checks import DecisionPolicy, FixedLimit, ThresholdResult, evaluate_threshold
from apilog.checks.evaluate import evaluate_hour
from apilog.checks.measurement import Measurement, MeasurementResult, MeasurementState
from apilog.checks.threshold import SCORED_METRICS
from apilog.metrics import METRICS, MetricKind
from apilog.report_model import CheckState

_MOST_KEYS = 5_000
"""How many values of a `for each` are kept apart in each slot of a sliding window."""


class RuleEvaluator:
    """Evaluates all rules on the records that were added."""

    def __init__(self, rules: Sequence[AlertRule], history: HourHistory, min_requests: int) -> None:
        self._rules = rules
        self._history = history
        self._policy = DecisionPolicy(min_requests=min_requests)
        self._windows = {length: _RuleWindow(rules, length) for length in {r.window for r in rules}}
        scored = {SCORED_METRICS.get(rule.threshold.metric.name) for rule in rules}
        self._is_timed = any(name and METRICS[name].histogram for name in scored)
        """Whether a rule asks for the durations of whole hours."""
        self._known_since: datetime | None = None
        """The oldest event time from which on all records were seen."""
        self._known_routes: set[str] = set()

    def know_routes(self, routes: Iterable[str]) -> None:
        """Take these routes for such that are there, even while all are answered 404.

        Those of requests that were answered otherwise are known, too.
        """
        # A scanner whose every path is answered must not fill the memory.
        for route in routes:
            if len(self._known_routes) >= _MOST_KEYS:
                break
            self._known_routes.add(route)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that the rules read."""
        columns = (window.columns for window in self._windows.values())
        own = {"timestamp", "status"} | ({"duration_ms"} if self._is_timed else set())
        return frozenset(own).union(*columns)

    def add_records(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records; `now` is the event time."""
        oldest = records["timestamp"].min()
        since = self._known_since or now
        self._known_since = min(oldest, since) if isinstance(oldest, datetime) else since
        self._history.count_records(records, timed=self._is_timed)
        if "route" in records.columns:
            found = records.filter(pl.col("status").ne_missing(404))["route"]
            self.know_routes(found.cast(pl.String).drop_nulls().unique())
        for window in self._windows.values():
            window.slots.add(records, now)

    def observe_rules(
        self, now: datetime, hours_until: datetime | None = None
    ) -> Iterator[tuple[AlertRule, list[Observation]]]:
        """Yield each rule with its observations at the event time `now`.

        Hours are over that end until `hours_until`, now by default.
        """
        over = hours_until or now
        self._known_since = self._known_since or now
        self._history.complete_hours(over, self._known_since)
        known = frozenset(self._known_routes)
        measured = {length: window.measure(now, known) for length, window in self._windows.items()}
        for rule in self._rules:
            threshold = rule.threshold
            if metric := SCORED_METRICS.get(threshold.metric.name):
                hour = self._history.score_last_hour(metric, over)
                result = evaluate_hour(threshold, hour)
                yield rule, [_make_observation(result, _VERDICTS[result.state], result.value)]
            else:
                is_complete = self._windows[rule.window].slots.is_complete(now)
                samples = measured[rule.window].samples_of(threshold.subject)
                results = evaluate_threshold(threshold, samples, policy=self._policy)
                yield rule, [_observe_window(one, is_complete=is_complete) for one in results]


class _RuleWindow:
    """The sliding window of all rules that look at the same length of time."""

    def __init__(self, rules: Sequence[AlertRule], length: timedelta) -> None:
        thresholds = (rule.threshold for rule in rules if rule.window == length)
        subjects = [t.subject for t in thresholds if t.metric.name not in SCORED_METRICS]
        # The routes of a window of minutes must be those of the next one.
        self._measurement = Measurement(
            subjects, max_keys=_MOST_KEYS, max_rows=_MOST_KEYS, learns_routes=False
        )
        self.columns = self._measurement.columns
        self.slots: SlidingWindow[MeasurementState] = SlidingWindow(
            self._measurement.partial, self._measurement.merge, length
        )

    def measure(self, now: datetime, known_routes: frozenset[str]) -> MeasurementResult:
        """Return the measurements of the window that ends at `now`."""
        # Shortly after the start, a rate is over the time that was seen, not the whole window.
        state = self.slots.merge_slots(now)
        seconds = (now - self.slots.since(now)).total_seconds()
        return self._measurement.finish(state, seconds or None, known_routes)


_VERDICTS = {
    CheckState.PASS: RuleVerdict.HOLDS,
    CheckState.FAIL: RuleVerdict.FAILS,
    CheckState.INCONCLUSIVE: RuleVerdict.UNDECIDED,
}


def _observe_window(result: ThresholdResult, *, is_complete: bool) -> Observation:
    """Return what a result says of a window that may not have been seen whole yet."""
    threshold, verdict, value = result.threshold, _VERDICTS[result.state], result.value
    kind, limit = threshold.metric.kind, threshold.limit
    if kind is MetricKind.COUNT and not is_complete:
        # More may have come than was seen: too few proves nothing, too many does.
        is_proven = verdict is RuleVerdict.FAILS and threshold.operator.is_upper
        verdict = RuleVerdict.FAILS if is_proven else RuleVerdict.UNDECIDED
    elif verdict is RuleVerdict.UNDECIDED and not result.requests:
        # Of a window without requests their number is known, and nothing else.
        value = None
        is_volume = kind is MetricKind.RATE or threshold.metric.name == "requests"
        if not is_volume or threshold.each or not isinstance(limit, FixedLimit):
            verdict = RuleVerdict.ABSENT
        elif is_complete:
            holds = threshold.operator.holds(0, limit.quantity.value)
            verdict, value = RuleVerdict.HOLDS if holds else RuleVerdict.FAILS, 0.0
    return _make_observation(result, verdict, value)


def _make_observation(
    result: ThresholdResult, verdict: RuleVerdict, value: float | None
) -> Observation:
    limit = result.threshold.limit
    pairs = zip(result.threshold.each, result.key, strict=True)
    return Observation(
        labels=tuple((column, "" if cell is None else str(cell)) for column, cell in pairs),
        verdict=verdict,
        value=value,
        limit=limit.quantity.value if isinstance(limit, FixedLimit) else None,
        requests=result.requests,
        reason=result.reason,
    )

"""Evaluating rules on sliding windows of records, and on the hours of the past weeks.

An hour counts only if it was seen whole: one that was seen in part is not taken for a quiet one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.aggregate import score_hours
from apilog.aggregate.sliding_window import SlidingWindow
from apilog.alerts.rules import AlertLabels, AlertRule, Observation, RuleVerdict
from apilog.checks import (
    CheckState,
    DecisionPolicy,
    FixedLimit,
    ThresholdResult,
    evaluate_threshold,
)
from apilog.checks.evaluate import evaluate_hour
from apilog.checks.measurement import Measurement, MeasurementResult, SampleKey
from apilog.checks.measurement import MeasurementState as Sums
from apilog.checks.threshold import SCORED_METRICS
from apilog.metrics import MetricKind, is_client_error, is_server_error
from apilog.schema import TIMESTAMP

HOUR = timedelta(hours=1)
HISTORY_LENGTH = timedelta(days=29)
"""How long hours are remembered: those of 28 earlier days, and the last one."""
_HOURS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "requests": pl.Int64,
    "errors": pl.Int64,
}

HourCounts = tuple[int, int]
"""Requests, and how many of them were errors."""


class HourHistory:
    """Known hours, by their starts."""

    def __init__(self, hours: Mapping[datetime, HourCounts] | None = None) -> None:
        self._hours = dict(hours or {})
        self._counting: dict[datetime, HourCounts] = {}

    @property
    def known_hours(self) -> Mapping[datetime, HourCounts]:
        """What is known, in order."""
        return dict(sorted(self._hours.items()))

    def add_hours(self, hours: pl.DataFrame) -> None:
        """Take in whole hours, `timestamp, requests, errors`.

        Of two counts of an hour the larger is kept: the smaller one saw a part of the logs.
        """
        for start, requests, errors in hours.select(*_HOURS_SCHEMA).iter_rows():
            self._keep_larger(start, (requests, errors))

    def count_records(self, records: pl.DataFrame) -> None:
        """Count records of hours that are not over yet."""
        counted = (
            records.lazy()
            .select(
                pl.col("timestamp").dt.truncate("1h"),
                (is_client_error() | is_server_error()).fill_null(False).alias("failed"),
            )
            .drop_nulls("timestamp")
            .group_by("timestamp")
            .agg(requests=pl.len().cast(pl.Int64), errors=pl.col("failed").sum().cast(pl.Int64))
            .collect()
        )
        for start, requests, errors in counted.iter_rows():
            known = self._counting.get(start, (0, 0))
            self._counting[start] = (known[0] + requests, known[1] + errors)

    def complete_hours(self, now: datetime, since: datetime) -> None:
        """Take the counts of hours that are over, if they began after `since`; forget old ones."""
        hour = _hour_start(max(since, now - HISTORY_LENGTH) + HOUR - timedelta(microseconds=1))
        while hour + HOUR <= now:
            self._keep_larger(hour, self._counting.get(hour, (0, 0)))
            hour += HOUR
        self._counting = {start: c for start, c in self._counting.items() if start + HOUR > now}
        self._hours = {start: c for start, c in self._hours.items() if start > now - HISTORY_LENGTH}

    def score_last_hour(self, metric: str, now: datetime) -> dict[str, object] | None:
        """The last hour before now as `score_hours` has it; None if it can't be judged."""
        last = _hour_start(now) - HOUR
        if last not in self._hours:
            return None
        scored = score_hours(self._hours_frame(last)).filter(
            pl.col("timestamp") == last, pl.col("metric") == metric
        )
        return scored.row(0, named=True) if scored.height else None

    def _keep_larger(self, start: datetime, counts: HourCounts) -> None:
        known = self._hours.get(start)
        self._hours[start] = max(known, counts) if known else counts

    def _hours_frame(self, last: datetime) -> pl.DataFrame:
        """All hours up to the last, those that aren't known as nulls."""
        first = min(start for start in self._hours if start <= last)
        starts = _hour_range(first, last)
        counts = [self._hours.get(start, (None, None)) for start in starts]
        frame = pl.DataFrame(
            [(start, *known) for start, known in zip(starts, counts, strict=True)],
            schema=_HOURS_SCHEMA,
            orient="row",
        )
        return frame.with_columns(end=pl.col("timestamp") + HOUR)


def _hour_range(first: datetime, last: datetime) -> list[datetime]:
    return [first + i * HOUR for i in range((last - first) // HOUR + 1)]


def _hour_start(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


_MOST_KEYS = 5_000
"""Values of a `for each` that are kept apart, in each slot of a ring."""


class RuleEvaluator:
    """What rules say of the records that were added."""

    def __init__(self, rules: Sequence[AlertRule], history: HourHistory, min_requests: int) -> None:
        self._rules = rules
        self._history = history
        self._policy = DecisionPolicy(min_requests=min_requests)
        self._windows = {over: _RuleWindow(rules, over) for over in {r.window for r in rules}}
        self._known_since: datetime | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that it reads."""
        own = (window.columns for window in self._windows.values())
        return frozenset({"timestamp", "status"}).union(*own)

    def add_records(self, records: pl.DataFrame, now: datetime) -> None:
        """Count records; `now` is the time that the log has reached."""
        self._extend_known(records["timestamp"].min(), now)
        self._history.count_records(records)
        for window in self._windows.values():
            window.ring.add(records, now)

    def observe_rules(self, now: datetime) -> Iterator[tuple[AlertRule, list[Observation]]]:
        """Each rule with what is to be said of it now."""
        self._extend_known(None, now)
        self._history.complete_hours(now, self._known_since or now)
        measured = {over: window.measure(now) for over, window in self._windows.items()}
        for rule in self._rules:
            metric = SCORED_METRICS.get(rule.threshold.metric.name)
            if metric:
                hour = self._history.score_last_hour(metric, now)
                results = [evaluate_hour(rule.threshold, hour)]
                yield rule, [_observe_hour(result) for result in results]
            else:
                is_complete = self._windows[rule.window].ring.is_complete(now)
                found = self._evaluate_threshold(rule, measured[rule.window])
                yield rule, [_observe_window(one, is_complete=is_complete) for one in found]

    def _evaluate_threshold(
        self, rule: AlertRule, measures: MeasurementResult
    ) -> list[ThresholdResult]:
        return evaluate_threshold(
            rule.threshold, measures.samples_of(rule.threshold.subject), policy=self._policy
        )

    def _extend_known(self, oldest: object, now: datetime) -> None:
        known = [t for t in (oldest, self._known_since or now) if isinstance(t, datetime)]
        self._known_since = min(known)


class _RuleWindow:
    """The sums of all rules that look at the same length of time."""

    def __init__(self, rules: Sequence[AlertRule], over: timedelta) -> None:
        own = (r.threshold for r in rules if r.window == over)
        subjects = [t.subject for t in own if t.metric.name not in SCORED_METRICS]
        self._measurement = Measurement(subjects, max_keys=_MOST_KEYS, max_rows=_MOST_KEYS)
        self.columns = self._measurement.columns
        self.ring: SlidingWindow[Sums] = SlidingWindow(self._measurement, over)

    def measure(self, now: datetime) -> MeasurementResult:
        state = self.ring.merge_slots(now)
        seconds = (now - self.ring.since(now)).total_seconds()
        return self._measurement.finish(state, seconds=seconds or None)


def _observe_hour(result: ThresholdResult) -> Observation:
    verdicts = {CheckState.PASS: RuleVerdict.HOLDS, CheckState.FAIL: RuleVerdict.FAILS}
    verdict = verdicts.get(result.state, RuleVerdict.UNDECIDED)
    return _make_observation(result, verdict, result.value)


def _observe_window(result: ThresholdResult, *, is_complete: bool) -> Observation:
    """What a result says of the last minutes, of which not all may be known yet."""
    threshold = result.threshold
    if threshold.metric.kind is MetricKind.COUNT and not is_complete:
        # More may have come than was seen: too few says nothing, too many does.
        is_certain = result.state is CheckState.FAIL and threshold.operator.is_upper
        return _make_observation(
            result, RuleVerdict.FAILS if is_certain else RuleVerdict.UNDECIDED, result.value
        )
    if result.state is CheckState.FAIL:
        return _make_observation(result, RuleVerdict.FAILS, result.value)
    if result.state is CheckState.PASS:
        return _make_observation(result, RuleVerdict.HOLDS, result.value)
    if result.requests:
        return _make_observation(result, RuleVerdict.UNDECIDED, result.value)
    return _observe_silence(result, is_complete=is_complete)


def _observe_silence(result: ThresholdResult, *, is_complete: bool) -> Observation:
    """What a window without requests says: how many there are is known, nothing else."""
    threshold = result.threshold
    is_volume = threshold.metric.kind is MetricKind.RATE or threshold.metric.name == "requests"
    if not is_volume or threshold.each or not isinstance(threshold.limit, FixedLimit):
        return _make_observation(result, RuleVerdict.ABSENT, None)
    if not is_complete:
        return _make_observation(result, RuleVerdict.UNDECIDED, None)
    holds = threshold.operator.holds(0, threshold.limit.quantity.value)
    return _make_observation(result, RuleVerdict.HOLDS if holds else RuleVerdict.FAILS, 0.0)


def _make_observation(
    result: ThresholdResult, verdict: RuleVerdict, value: float | None
) -> Observation:
    limit = result.threshold.limit
    return Observation(
        labels=_label_pairs(result.threshold.each, result.key),
        verdict=verdict,
        value=value,
        limit=limit.quantity.value if isinstance(limit, FixedLimit) else None,
        requests=result.requests,
        reason=result.reason,
    )


def _label_pairs(columns: Sequence[str], key: SampleKey) -> AlertLabels:
    pairs = zip(columns, key, strict=True)
    return tuple((column, "" if value is None else str(value)) for column, value in pairs)

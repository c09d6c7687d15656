"""Evaluation: whether a threshold holds for what was measured: pass, fail or inconclusive.

Nothing passes that was not measured, and what chance may explain fails nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from apilog.aggregate import RowOrder, TableSpec, score_last_hour
from apilog.checks.design_effect import INDEPENDENT, DesignEffects, measure_design_effects
from apilog.checks.measurement import Measurement, MeasurementResult
from apilog.checks.samples import MetricSample, SampleKey, SubjectSamples
from apilog.checks.significance import (
    NullHypothesis,
    is_no_proportion,
    limit_p_value,
    one_sided,
    p_value,
    sample_difference_interval,
    value_interval,
)
from apilog.checks.threshold import (
    ENDPOINT_COLUMNS,
    SCORED_METRICS,
    BaselineLimit,
    FixedLimit,
    Threshold,
)
from apilog.errors import UsageError
from apilog.metrics import METRICS, MetricKind, Unit
from apilog.report_model import CheckState
from apilog.statistics.two_samples import Alternative, benjamini_hochberg
from apilog.text.units import format_count, format_duration, format_ratio
from apilog.time import TimeWindow

NOT_IN_BASELINE = "not in the baseline"
"""The reason where a baseline has nothing to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPolicy:
    """The evidence that is asked for before anything is decided."""

    min_requests: int = 100
    """Fewer requests decide nothing."""
    confidence: float = 0.99
    """The confidence of a failure, one-sided, and of each bound that is shown with it."""
    strict_limits: bool = False
    """Whether a limit that is a number is held against the value alone, whatever chance does."""

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that ask for nothing."""
        if not 0.5 <= self.confidence < 1:
            raise UsageError(
                f"a confidence of {self.confidence:g} is not from 0.5 up to 1", "write 0.99"
            )
        if self.min_requests < 0:
            raise UsageError(f"at least {self.min_requests} requests is no minimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """The outcome for one value of a threshold's columns."""

    threshold: Threshold
    key: SampleKey
    """The values of `threshold.each`."""
    state: CheckState
    value: float | None = None
    limit: float | None = None
    baseline: float | None = None
    requests: int = 0
    """The number of requests that the value was measured on."""
    low: float | None = None
    """The lower bound of the value, or of its difference to the baseline; one-sided."""
    high: float | None = None
    p_value: float | None = None
    """The p-value, given that the limit is kept; adjusted within a `for each`. None if untested."""
    design: DesignEffects | None = None
    """What the variance of a comparison was widened by; None if too little history tells it."""
    reason: str = ""

    @property
    def design_effect(self) -> float | None:
        """How many times the variance of the value is that of independent requests."""
        return self.design.current if self.design else None


def evaluate_threshold(
    threshold: Threshold,
    current: SubjectSamples,
    baseline: SubjectSamples | None = None,
    policy: DecisionPolicy = DecisionPolicy(),
) -> list[ThresholdResult]:
    """Return the results of a threshold: one, or with `for each` one per value.

    A threshold on the baseline takes the samples of both.
    """
    samples = dict(current.samples)
    # Endpoints of the baseline never fold; of thousands of consumers some may have.
    is_complete = not current.is_folded or {*threshold.each} <= {*ENDPOINT_COLUMNS}
    if baseline and threshold.is_comparison and _is_about_volume(threshold) and is_complete:
        # What only the baseline has did vanish: that is a volume of 0, not a missing one.
        nothing = MetricSample(value=0, size=0, events=0, seconds=current.seconds)
        samples = {key: nothing for key in baseline.samples if key not in samples} | samples
    if not samples:
        reason = "no value to check it for" if current.total else f"no {threshold.metric.sample}s"
        return [
            ThresholdResult(
                threshold=threshold,
                key=(None,) * len(threshold.each),
                state=CheckState.INCONCLUSIVE,
                reason=reason,
            )
        ]
    results = [
        _evaluate_sample(threshold, key, sample, current.total, baseline, policy)
        for key, sample in samples.items()
    ]
    # A hundred routes at 99 % would raise one false alarm each time. The adjustment bounds the
    # share of false ones among the alarms: https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    adjusted = benjamini_hochberg([result.p_value for result in results])
    return [
        result if p is None else _decide_tested(replace(result, p_value=p), p, policy)
        for result, p in zip(results, adjusted, strict=True)
    ]


def _evaluate_sample(
    threshold: Threshold,
    key: SampleKey,
    sample: MetricSample,
    total: int,
    baseline: SubjectSamples | None,
    policy: DecisionPolicy,
) -> ThresholdResult:
    """Return the result for one sample; one that is tested has its p-value, but no state yet."""
    result = ThresholdResult(
        threshold=threshold,
        key=key,
        state=CheckState.INCONCLUSIVE,
        value=sample.value,
        requests=sample.size,
    )
    reason = _why_undecided(threshold, sample, total, policy)
    if isinstance(threshold.limit, BaselineLimit):
        base = baseline.samples.get(key) if baseline else None
        return _evaluate_comparison(result, threshold.limit, sample, base, policy, reason)
    limit = threshold.limit.quantity.value
    if reason or sample.value is None:
        return replace(result, limit=limit, reason=reason)
    low, high = value_interval(threshold.metric, sample, one_sided(policy.confidence))
    result = replace(result, limit=limit, low=low, high=high)
    if sample.relative_error:
        result = replace(result, reason=ESTIMATE_REASON)
    p = None
    if not policy.strict_limits:
        p = limit_p_value(threshold.metric, sample, limit, _side_of_failure(threshold))
    if p is None:
        holds = threshold.operator.holds(sample.value, limit)
        return replace(result, state=CheckState.PASS if holds else CheckState.FAIL)
    return replace(result, p_value=p)


def _evaluate_comparison(
    result: ThresholdResult,
    against: BaselineLimit,
    sample: MetricSample,
    base: MetricSample | None,
    policy: DecisionPolicy,
    reason: str,
) -> ThresholdResult:
    """Return the result with what the baseline says; `reason` is why the sample decides nothing."""
    threshold = result.threshold
    if base is not None and base.value is not None:
        limit = against.limit_for(base.value)
        result = replace(result, baseline=base.value, limit=limit)
    reason = reason or _why_baseline_undecided(threshold, base, policy)
    if base is not None and any(is_no_proportion(threshold.metric, s) for s in (sample, base)):
        reason = reason or OTHER_REQUESTS_REASON
    if reason or base is None:
        return replace(result, reason=reason)
    metric = threshold.metric
    null, confidence = NullHypothesis(against.factor, against.margin), one_sided(policy.confidence)
    expected = (result.limit or 0.0) * (
        1.0 if metric.kind is MetricKind.COUNT else sample.seconds or 0.0
    )
    design = measure_design_effects(metric, sample, base, expected)
    widened = design or INDEPENDENT
    low, high = sample_difference_interval(metric, sample, base, confidence, null, widened)
    p = p_value(metric, sample, base, null, _side_of_failure(threshold), widened)
    return replace(result, low=low, high=high, p_value=p, design=design)


def _side_of_failure(threshold: Threshold) -> Alternative:
    return Alternative.GREATER if threshold.operator.is_upper else Alternative.LESS


OTHER_REQUESTS_REASON = "its numerator counts other requests than its denominator: nothing tests it"
ESTIMATE_REASON = "the value is an estimate"
CHANCE_REASON = "chance alone may make the difference"
CHANCE_BEYOND_LIMIT_REASON = "chance alone may put it beyond the limit"


def _decide_tested(result: ThresholdResult, p: float, policy: DecisionPolicy) -> ThresholdResult:
    """Return the result with its state.

    A failure is significant, and the interval that is shown, of the value or of its difference to
    the baseline, leaves out whatever the limit allows, so that no table contradicts its verdict.
    """
    assert result.value is not None
    assert result.limit is not None
    operator = result.threshold.operator
    if operator.holds(result.value, result.limit):
        return replace(result, state=CheckState.PASS)
    nearest = result.low if operator.is_upper else result.high
    allowed = result.limit - (result.baseline or 0.0)
    excludes_limit = nearest is not None and not operator.holds(nearest, allowed)
    if p < 1 - policy.confidence and excludes_limit:
        return replace(result, state=CheckState.FAIL)
    reason = CHANCE_BEYOND_LIMIT_REASON if result.baseline is None else CHANCE_REASON
    return replace(result, state=CheckState.PASS, reason=reason)


def _why_undecided(
    threshold: Threshold, sample: MetricSample, total: int, policy: DecisionPolicy
) -> str:
    """Return why the sample decides nothing; empty if it decides."""
    if not total:
        return f"no {threshold.metric.sample}s"
    if not _is_about_volume(threshold) and sample.size < policy.min_requests:
        few = _format_few(sample.size, threshold)
        return f"{few}, fewer than {policy.min_requests}" if sample.size else few
    if sample.value is None:
        return "nothing tells it"
    return ""


def _why_baseline_undecided(
    threshold: Threshold, base: MetricSample | None, policy: DecisionPolicy
) -> str:
    """Return why the baseline decides nothing; empty if it decides."""
    if base is None or base.value is None:
        return NOT_IN_BASELINE
    if not base.size:
        return "no requests in the baseline"
    if not _is_about_volume(threshold) and base.size < policy.min_requests:
        return (
            f"{_format_few(base.size, threshold)} in the baseline, fewer than {policy.min_requests}"
        )
    return ""


def _is_about_volume(threshold: Threshold) -> bool:
    """Whether it is about the number of requests, where few of them are an answer."""
    metric = threshold.metric
    return metric.kind is MetricKind.RATE or metric.name == "requests" or metric.is_exact


def _format_few(size: int, threshold: Threshold) -> str:
    metric = threshold.metric
    what = metric.sample
    if metric.sampled:
        what = "duration" if metric.unit is Unit.MILLISECONDS else "value"
    if threshold.where and not size:
        return f"no {what}s of such requests"
    return f"{format_count(size) if size else 'no'} {what}{'' if size == 1 else 's'}"


_HOURS_TABLE = "hours"
_UNJUDGED_REASON = "the last hour is not known whole, or has fewer than 3 earlier days"


def hours_until(window: TimeWindow, scored: Iterable[Threshold]) -> Measurement:
    """Return the measurement of all hours up to the end of a window; earlier ones are history."""
    counted = ("requests", "errors", "server_errors")
    timed = {SCORED_METRICS[t.metric.name] for t in scored} & {"latency_p95"}
    table = TableSpec(
        name=_HOURS_TABLE, keys=("timestamp",), metrics=(*counted, *timed), order=RowOrder.KEYS
    )
    return Measurement((), TimeWindow(until=window.until), tables=(table,), bucket="1h")


def last_whole_hour(
    threshold: Threshold, hours: MeasurementResult, timezone: str
) -> Mapping[str, Any] | None:
    """Return the last whole hour as `score_last_hour` has it; None if it can't be scored."""
    since, until = hours.window.since, hours.window.until
    if since is None or until is None:
        return None
    group = hours.table_groups(_HOURS_TABLE)
    is_whole = (pl.col("timestamp") >= since) & (pl.col("timestamp").dt.offset_by("1h") <= until)
    named = group.table.with_row_index("row").filter(is_whole)
    latencies = group.histograms.get("duration_ms")
    if latencies is not None:
        latencies = latencies.join(named.select("row", "timestamp"), on="row").drop("row")
    metric = SCORED_METRICS[threshold.metric.name]
    return score_last_hour(named.drop("row"), metric, timezone, latencies=latencies)


_FORMATS_BY_UNIT: dict[Unit, Callable[[float | None], str]] = {
    Unit.COUNT: format_count,
    Unit.RATIO: format_ratio,
    Unit.MILLISECONDS: format_duration,
}


def evaluate_hour(threshold: Threshold, hour: Mapping[str, Any] | None) -> ThresholdResult:
    """Return whether the threshold holds for an hour as `score_last_hour` has it."""
    assert isinstance(threshold.limit, FixedLimit)
    limit = threshold.limit.quantity.value
    if hour is None or hour["score"] is None:
        return ThresholdResult(
            threshold=threshold, key=(), state=CheckState.INCONCLUSIVE, reason=_UNJUDGED_REASON
        )
    # Without its sign, so that `anomaly(requests) < 6` is broken by spikes and by drops.
    score = abs(hour["score"])
    kind = "spike" if hour["score"] > 0 else "drop"
    unit = METRICS[hour["metric"]].unit
    format_value = _FORMATS_BY_UNIT[unit]
    state = CheckState.PASS if threshold.operator.holds(score, limit) else CheckState.FAIL
    return ThresholdResult(
        threshold=threshold,
        key=(),
        state=state,
        value=score,
        limit=limit,
        requests=int(hour["requests"]),
        reason=(
            f"a {kind} at {hour['timestamp']:%Y-%m-%d %H:%M} UTC: {format_value(hour['value'])}, "
            f"expected {format_value(hour['expected'])}"
        ),
    )

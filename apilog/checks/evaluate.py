"""Whether a threshold holds for what was measured: pass, fail or inconclusive.

Nothing passes that was not measured, and a difference that chance may have made fails nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from apilog.checks.comparing import Null, interval, interval_of_difference, p_value
from apilog.checks.samples import Key, Measured, Sample
from apilog.checks.threshold import Baseline, Threshold
from apilog.errors import UsageError
from apilog.metrics import Kind
from apilog.statistics.multiple import benjamini_hochberg
from apilog.statistics.proportions import Alternative
from apilog.units import format_count


class State(StrEnum):
    """What came out for a threshold."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked of the data before they decide."""

    min_requests: int = 100
    confidence: float = 0.99
    """One-sided of a comparison, two-sided of an interval."""

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that ask for nothing."""
        if not 0.5 <= self.confidence < 1:
            raise UsageError(
                f"a confidence of {self.confidence:g} is not from 0.5 up to 1", "write 0.99"
            )
        if self.min_requests < 0:
            raise UsageError(f"at least {self.min_requests} requests is no minimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out for one value of a threshold's columns."""

    threshold: Threshold
    key: Key
    """Values of `threshold.each`."""
    state: State
    value: float | None = None
    limit: float | None = None
    baseline: float | None = None
    requests: int = 0
    """What the value was measured on."""
    low: float | None = None
    """Of the value, or of its difference to the baseline."""
    high: float | None = None
    p_value: float | None = None
    """Of a comparison, that the limit is kept in truth; adjusted within a `for each`."""
    reason: str = ""


def evaluate(
    threshold: Threshold,
    current: Measured,
    baseline: Measured | None = None,
    policy: Policy = Policy(),
) -> list[Result]:
    """The results of a threshold: one, or with `for each` one a value.

    A threshold against the baseline takes the samples of both.
    """
    samples = {**_vanished(threshold, current, baseline), **current.samples}
    if not samples:
        none = f"no {threshold.metric.sample}s"
        nothing = none if not current.total else "no value to check it for"
        return [
            Result(
                threshold=threshold,
                key=(None,) * len(threshold.each),
                state=State.INCONCLUSIVE,
                reason=nothing,
            )
        ]
    results = [
        _measured(threshold, key, sample, current.total, baseline, policy)
        for key, sample in samples.items()
    ]
    if threshold.is_comparison:
        results = _decided(results, policy)
    return results


def overall(results: Sequence[Result]) -> State:
    """The state of a threshold: inconclusive only if none of its values could be decided."""
    states = {result.state for result in results}
    if State.FAIL in states:
        return State.FAIL
    return State.PASS if State.PASS in states else State.INCONCLUSIVE


def _vanished(
    threshold: Threshold, current: Measured, baseline: Measured | None
) -> dict[Key, Sample]:
    """How many requests there are of what only the baseline has: none."""
    if baseline is None or not threshold.is_comparison or not _is_volume(threshold):
        return {}
    nothing = Sample(value=0, size=0, events=0, seconds=current.seconds)
    return {key: nothing for key in baseline.samples if key not in current.samples}


def _measured(
    threshold: Threshold,
    key: Key,
    sample: Sample,
    total: int,
    baseline: Measured | None,
    policy: Policy,
) -> Result:
    """The result for one sample; of a comparison before chance is allowed for."""
    result = Result(
        threshold=threshold,
        key=key,
        state=State.INCONCLUSIVE,
        value=sample.value,
        requests=sample.size,
    )
    why = _too_little(threshold, sample, total, policy)
    if isinstance(threshold.limit, Baseline):
        base = baseline.samples.get(key) if baseline else None
        if base is not None and base.value is not None:
            limit = threshold.limit.of(base.value)
            result = replace(result, baseline=base.value, limit=limit)
        why = why or _too_little_before(threshold, base, policy)
        if why or base is None:
            return replace(result, reason=why)
        return _compared(result, threshold.limit, sample, base, policy)
    limit = threshold.limit.quantity.value
    if why or sample.value is None:
        return replace(result, limit=limit, reason=why)
    low, high = interval(threshold.metric, sample, policy.confidence)
    holds = threshold.operator.holds(sample.value, limit)
    state = State.PASS if holds else State.FAIL
    return replace(result, state=state, limit=limit, low=low, high=high)


def _compared(
    result: Result, limit: Baseline, sample: Sample, base: Sample, policy: Policy
) -> Result:
    """The comparison with its p-value; not yet decided."""
    metric, operator = result.threshold.metric, result.threshold.operator
    low, high = interval_of_difference(metric, sample, base, policy.confidence)
    side = Alternative.GREATER if operator.is_upper else Alternative.LESS
    p = p_value(metric, sample, base, Null(limit.factor, limit.margin), side)
    return replace(result, low=low, high=high, p_value=p)


def _decided(results: Sequence[Result], policy: Policy) -> list[Result]:
    """Comparisons with their states, p-values adjusted for how many there are."""
    adjusted = benjamini_hochberg([result.p_value for result in results])
    return [
        result if p is None else _judged(replace(result, p_value=p), p, policy)
        for result, p in zip(results, adjusted, strict=True)
    ]


def _judged(result: Result, p: float, policy: Policy) -> Result:
    """A failure is significant, and its limit lies outside of the interval that is shown."""
    assert result.value is not None
    assert result.limit is not None
    if result.threshold.operator.holds(result.value, result.limit):
        return replace(result, state=State.PASS)
    if p < 1 - policy.confidence and _is_outside(result):
        return replace(result, state=State.FAIL)
    return replace(result, state=State.PASS, reason="chance alone may make the difference")


def _is_outside(result: Result) -> bool:
    """Whether the interval of the difference leaves out what the limit allows."""
    assert result.limit is not None
    assert result.baseline is not None
    allowed = result.limit - result.baseline
    if result.threshold.operator.is_upper:
        return result.low is not None and result.low > allowed
    return result.high is not None and result.high < allowed


def _too_little(threshold: Threshold, sample: Sample, total: int, policy: Policy) -> str:
    """Why the sample decides nothing; empty if it does."""
    if not total:
        return f"no {threshold.metric.sample}s"
    if not _is_volume(threshold) and sample.size < policy.min_requests:
        few = _few(sample.size, threshold)
        return f"{few}, fewer than {policy.min_requests}" if sample.size else few
    if sample.value is None:
        return "nothing tells it"
    return ""


def _too_little_before(threshold: Threshold, base: Sample | None, policy: Policy) -> str:
    """Why the baseline decides nothing; empty if it does."""
    if base is None or base.value is None:
        return "not in the baseline"
    if not base.size:
        return "no requests in the baseline"
    if not _is_volume(threshold) and base.size < policy.min_requests:
        return f"{_few(base.size, threshold)} in the baseline, fewer than {policy.min_requests}"
    return ""


def _is_volume(threshold: Threshold) -> bool:
    """Whether it is about how many requests there are, where few of them are an answer."""
    return threshold.metric.kind is Kind.RATE or threshold.metric.name == "requests"


def _few(size: int, threshold: Threshold) -> str:
    what = threshold.metric.sample if not threshold.metric.durations else "duration"
    return f"{format_count(size) if size else 'no'} {what}{'' if size == 1 else 's'}"

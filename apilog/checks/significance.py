"""One sample held against another: how likely chance alone makes the difference, and how large
it may be. Which test is made is decided by what the metric is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apilog.aggregate.ddsketch import bucket_of, bucket_upper_edge, bucket_value_ms
from apilog.checks.measurement import MetricSample
from apilog.metrics import Metric, MetricKind
from apilog.statistics.rank_tests import RankedBuckets, quantile_interval, separation_p_value
from apilog.statistics.two_samples import (
    Alternative,
    Bounds,
    EventRate,
    Proportion,
    SampleMean,
    difference_interval,
    fisher_exact_test,
    mean_interval,
    rate_interval,
    sample_variance,
    two_mean_test,
    two_proportion_test,
    two_rate_test,
    wilson_interval,
)


@dataclass(frozen=True, slots=True)
class NullHypothesis:
    """What is believed until the data speak against it: current is factor · baseline + margin."""

    factor: float = 1.0
    margin: float = 0.0


def p_value(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    alternative: Alternative,
) -> float | None:
    """The p-value of the difference between two samples; None for a metric without a test.

    One-sided, or for both sides twice the smaller one, 1 at most.
    """
    test = _TESTS.get(metric.kind)
    if test is None or not (_has_evidence(metric, current) and _has_evidence(metric, base)):
        return None
    if alternative is not Alternative.TWO_SIDED:
        return test(metric, current, base, null, alternative)
    sides = (Alternative.GREATER, Alternative.LESS)
    return min(1.0, 2 * min(test(metric, current, base, null, side) for side in sides))


def value_interval(metric: Metric, sample: MetricSample, confidence: float) -> Bounds:
    """The two-sided interval of a value; None where nothing bounds it."""
    if not _has_evidence(metric, sample):
        return None, None
    match metric.kind:
        case MetricKind.PROPORTION:
            return wilson_interval(_as_proportion(sample), confidence) or (None, None)
        case MetricKind.QUANTILE:
            assert metric.quantile is not None
            low, high = quantile_interval(
                RankedBuckets.from_counts(sample.histogram), metric.quantile, confidence
            )
            return _bounds_around_value(sample, low, high)
        case MetricKind.MEAN:
            return mean_interval(_as_mean(sample), confidence)
        case MetricKind.RATE:
            return rate_interval(_as_rate(metric, sample), confidence)
        case _:
            return None, None


def sample_difference_interval(
    metric: Metric, current: MetricSample, base: MetricSample, confidence: float
) -> Bounds:
    """The two-sided interval of current − base."""
    if current.value is None or base.value is None:
        return None, None
    around, around_base = (
        _value_interval_of(metric, sample, confidence) for sample in (current, base)
    )
    return difference_interval(current.value, around, base.value, around_base)


def _bounds_around_value(sample: MetricSample, low: int | None, high: int | None) -> Bounds:
    """The bounds as milliseconds, the value between them: it is exact where extremes tell it."""
    value = 0.0 if sample.value is None else sample.value
    return (
        None if low is None else min(value, bucket_value_ms(low)),
        None if high is None else max(value, bucket_value_ms(high)),
    )


def _has_evidence(metric: Metric, sample: MetricSample) -> bool:
    """Whether there is something to reckon with: of a count, none is also some."""
    return sample.size > 0 or metric.kind in (MetricKind.COUNT, MetricKind.RATE)


def _value_interval_of(metric: Metric, sample: MetricSample, confidence: float) -> Bounds:
    if metric.kind is MetricKind.COUNT:
        return rate_interval(_as_rate(metric, sample), confidence)
    return value_interval(metric, sample, confidence)


def _as_proportion(sample: MetricSample) -> Proportion:
    assert sample.events is not None
    return Proportion(sample.events, sample.size)


def _test_proportions(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    alternative: Alternative,
) -> float:
    """The score test; where no more than the baseline is allowed, also Fisher's.

    Fisher's test is exact: with few events the normal approximation raises false alarms.
    """
    first, second = _as_proportion(current), _as_proportion(base)
    score = two_proportion_test(
        first,
        second,
        factor=null.factor,
        margin=null.margin,
        alternative=alternative,
        continuity=True,
    )
    sign = 1 if alternative is Alternative.GREATER else -1
    is_strict = sign * (null.factor - 1) < 0 or sign * null.margin < 0
    exact = None if is_strict else fisher_exact_test(first, second, alternative)
    return max(p for p in (score, exact, 0.0) if p is not None)


def _test_quantiles(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    alternative: Alternative,
) -> float:
    assert metric.quantile is not None
    ranked, ranked_base = (
        RankedBuckets.from_counts(current.histogram),
        RankedBuckets.from_counts(base.histogram),
    )
    if alternative is Alternative.GREATER:
        return separation_p_value(
            ranked_base,
            ranked,
            metric.quantile,
            lambda bucket: bucket_of(null.factor * bucket_upper_edge(bucket) + null.margin),
        )
    return separation_p_value(
        ranked,
        ranked_base,
        metric.quantile,
        lambda bucket: bucket_of((bucket_upper_edge(bucket) - null.margin) / null.factor),
    )


def _as_mean(sample: MetricSample) -> SampleMean:
    assert sample.value is not None
    counts = ((bucket_value_ms(bucket), n) for bucket, n in sample.histogram.items())
    return SampleMean(sample.value, sample_variance(counts), sample.size)


def _test_means(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    alternative: Alternative,
) -> float:
    return two_mean_test(
        _as_mean(current),
        _as_mean(base),
        factor=null.factor,
        margin=null.margin,
        alternative=alternative,
    )


def _as_rate(metric: Metric, sample: MetricSample) -> EventRate:
    """A count is compared with one of a window of the same length, which is 1."""
    time = sample.seconds if metric.kind is MetricKind.RATE else 1.0
    return EventRate(sample.events or 0, time or 1.0)


def _test_rates(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    alternative: Alternative,
) -> float:
    return two_rate_test(
        _as_rate(metric, current),
        _as_rate(metric, base),
        factor=null.factor,
        margin=null.margin,
        alternative=alternative,
    )


_TESTS: dict[
    MetricKind, Callable[[Metric, MetricSample, MetricSample, NullHypothesis, Alternative], float]
] = {
    MetricKind.PROPORTION: _test_proportions,
    MetricKind.QUANTILE: _test_quantiles,
    MetricKind.MEAN: _test_means,
    MetricKind.COUNT: _test_rates,
    MetricKind.RATE: _test_rates,
}

"""Significance: how likely chance alone makes a difference of samples, and how large it may be.

The kind of the metric decides which test and which interval apply.
"""

from __future__ import annotations

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
    """The belief until the data contradict it: the current value is factor · baseline + margin."""

    factor: float = 1.0
    margin: float = 0.0


def p_value(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    alternative: Alternative,
) -> float | None:
    """Return the p-value of the difference between two samples; None for a metric without a test.

    It is one-sided, or for both sides twice the smaller one, 1 at most.
    """
    if metric.kind is MetricKind.OTHER:
        return None
    if not (_has_evidence(metric, current) and _has_evidence(metric, base)):
        return None
    if alternative is not Alternative.TWO_SIDED:
        return _one_sided_p_value(metric, current, base, null, alternative)
    # Doubling is conservative, and unlike other ways it works for tests that have one side only.
    sides = (Alternative.GREATER, Alternative.LESS)
    return min(1.0, 2 * min(_one_sided_p_value(metric, current, base, null, s) for s in sides))


def _one_sided_p_value(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    side: Alternative,
) -> float:
    match metric.kind:
        case MetricKind.PROPORTION:
            return _test_proportions(current, base, null, side)
        case MetricKind.QUANTILE:
            return _test_quantiles(metric, current, base, null, side)
        case MetricKind.MEAN:
            means = (_as_mean(sample) for sample in (current, base))
            return two_mean_test(*means, factor=null.factor, margin=null.margin, alternative=side)
        case _:
            rates = (_as_rate(metric, sample) for sample in (current, base))
            return two_rate_test(*rates, factor=null.factor, margin=null.margin, alternative=side)


def value_interval(metric: Metric, sample: MetricSample, confidence: float) -> Bounds:
    """Return the two-sided confidence interval of a value; None where nothing bounds it."""
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
            # The value is exact where it is the least or greatest, the bounds are buckets: they
            # are widened to hold it.
            value = 0.0 if sample.value is None else sample.value
            return (
                None if low is None else min(value, bucket_value_ms(low)),
                None if high is None else max(value, bucket_value_ms(high)),
            )
        case MetricKind.MEAN:
            return mean_interval(_as_mean(sample), confidence)
        case MetricKind.RATE:
            return rate_interval(_as_rate(metric, sample), confidence)
        case _:
            return None, None


def sample_difference_interval(
    metric: Metric, current: MetricSample, base: MetricSample, confidence: float
) -> Bounds:
    """Return the two-sided confidence interval of current − base."""
    if current.value is None or base.value is None:
        return None, None
    bounds, base_bounds = (
        rate_interval(_as_rate(metric, sample), confidence)
        if metric.kind is MetricKind.COUNT
        else value_interval(metric, sample, confidence)
        for sample in (current, base)
    )
    return difference_interval(current.value, bounds, base.value, base_bounds)


def _has_evidence(metric: Metric, sample: MetricSample) -> bool:
    """Whether there is something to test: no events at all are evidence for a count."""
    return sample.size > 0 or metric.kind in (MetricKind.COUNT, MetricKind.RATE)


def _as_proportion(sample: MetricSample) -> Proportion:
    assert sample.events is not None
    return Proportion(sample.events, sample.size)


def _test_proportions(
    current: MetricSample, base: MetricSample, null: NullHypothesis, side: Alternative
) -> float:
    """Return the larger p-value of the score test and, where it applies, of Fisher's exact test.

    With few events the normal approximation of the score test raises false alarms. Fisher's test
    knows no factor or margin, so that it is left out where less than the baseline is demanded.
    """
    first, second = _as_proportion(current), _as_proportion(base)
    score = two_proportion_test(
        first,
        second,
        factor=null.factor,
        margin=null.margin,
        alternative=side,
        continuity=True,
    )
    sign = 1 if side is Alternative.GREATER else -1
    is_strict = sign * (null.factor - 1) < 0 or sign * null.margin < 0
    exact = None if is_strict else fisher_exact_test(first, second, side)
    return max(p for p in (score, exact, 0.0) if p is not None)


def _test_quantiles(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    side: Alternative,
) -> float:
    assert metric.quantile is not None
    ranked, ranked_base = (
        RankedBuckets.from_counts(sample.histogram) for sample in (current, base)
    )
    # The hypothesis moves the edges of buckets: durations are known no more exactly than these.
    if side is Alternative.GREATER:
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


def _as_rate(metric: Metric, sample: MetricSample) -> EventRate:
    """Return the sample as a rate; counts are of windows of the same length, which is 1 here."""
    time = sample.seconds if metric.kind is MetricKind.RATE else 1.0
    return EventRate(sample.events or 0, time or 1.0)

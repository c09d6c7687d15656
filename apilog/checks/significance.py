"""Significance: how likely chance alone makes a difference of samples, and how large it may be.

The kind of the metric decides which test and which interval apply.
"""

from __future__ import annotations

from dataclasses import dataclass

from apilog.aggregate.ddsketch import (
    GAMMA,
    bucket_of,
    bucket_position,
    bucket_value_ms,
    position_ms,
)
from apilog.checks.design_effect import INDEPENDENT, DesignEffects
from apilog.checks.samples import MetricSample
from apilog.metrics import Metric, MetricKind
from apilog.statistics.dispersion import widen_confidence, widen_p_value
from apilog.statistics.distributions import normal_quantile, normal_tail
from apilog.statistics.rank_tests import (
    QuantileBounds,
    RankedBuckets,
    quantile_excess,
    quantile_interval,
    quantile_p_value,
)
from apilog.statistics.two_samples import (
    Alternative,
    Bounds,
    EventRate,
    Proportion,
    SampleMean,
    difference_interval,
    fisher_exact_test,
    mean_difference_interval,
    mean_interval,
    mean_p_value,
    proportion_p_value,
    rate_interval,
    sample_mean,
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
    design: DesignEffects = INDEPENDENT,
) -> float | None:
    """Return the p-value of the difference between two samples; None for a metric without a test.

    It is one-sided, or for both sides twice the smaller one, 1 at most.
    """
    if metric.kind is MetricKind.OTHER:
        return None
    if not (_has_evidence(metric, current) and _has_evidence(metric, base)):
        return None
    if alternative is not Alternative.TWO_SIDED:
        return _one_sided_p_value(metric, current, base, null, alternative, design)
    # Doubling is conservative, and unlike other ways it works for tests that have one side only.
    sides = (Alternative.GREATER, Alternative.LESS)
    return min(
        1.0, 2 * min(_one_sided_p_value(metric, current, base, null, s, design) for s in sides)
    )


def _one_sided_p_value(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    side: Alternative,
    design: DesignEffects,
) -> float:
    match metric.kind:
        case MetricKind.PROPORTION:
            p = _test_proportions(
                _as_proportion(current, design.current),
                _as_proportion(base, design.base),
                null,
                side,
            )
        case MetricKind.QUANTILE:
            return _test_quantiles(metric, current, base, null, side)
        case MetricKind.MEAN:
            means = (_as_mean(sample) for sample in (current, base))
            return two_mean_test(*means, factor=null.factor, margin=null.margin, alternative=side)
        case _:
            first, second = (
                _as_rate(metric, current, design.current),
                _as_rate(metric, base, design.base),
            )
            p = two_rate_test(
                first, second, factor=null.factor, margin=null.margin, alternative=side
            )
    return p if design.degrees is None else widen_p_value(p, design.degrees)


def one_sided(confidence: float) -> float:
    """Return the confidence of the two-sided interval each of whose bounds has this confidence.

    >>> round(one_sided(0.99), 9)
    0.98
    """
    return 2 * confidence - 1


def limit_p_value(
    metric: Metric, sample: MetricSample, limit: float, side: Alternative
) -> float | None:
    """Return the one-sided p-value of the value, given that in truth it is the limit.

    None for what is no sample of anything: counts and rates of requests are what happened.
    """
    if not sample.size or sample.value is None:
        return None
    if sample.relative_error:
        return _estimate_limit_p_value(sample.value, sample.relative_error, limit, side)
    match metric.kind:
        case MetricKind.PROPORTION if sample.events is not None:
            return proportion_p_value(_as_proportion(sample), limit, side)
        case MetricKind.QUANTILE:
            return _quantile_limit_p_value(metric, sample, limit, side)
        case MetricKind.MEAN:
            return mean_p_value(_as_mean(sample), limit, side)
        case _:
            return None


def _estimate_limit_p_value(
    value: float, relative_error: float, limit: float, side: Alternative
) -> float:
    """Return how likely an estimate of the limit is as far beyond it as the value."""
    error = relative_error * limit
    if error <= 0:
        return 0.0
    return normal_tail((value - limit if side is Alternative.GREATER else limit - value) / error)


def _quantile_limit_p_value(
    metric: Metric, sample: MetricSample, limit: float, side: Alternative
) -> float:
    """Return the p-value of as many durations beyond the limit."""
    assert metric.quantile is not None
    assert sample.value is not None
    # The value is exact where it is the least or greatest; the others of its bucket are with it.
    own = bucket_of(sample.value)
    values = {b: sample.value if b == own else bucket_value_ms(b) for b in sample.histogram}
    if side is Alternative.GREATER:
        beyond = sum(n for b, n in sample.histogram.items() if values[b] > limit)
        share = 1 - metric.quantile
    else:
        beyond = sum(n for b, n in sample.histogram.items() if values[b] < limit)
        share = metric.quantile
    # No more than so many are expected: Conover (1999), section 3.2, the quantile test.
    return proportion_p_value(Proportion(beyond, sample.size), share, Alternative.GREATER)


def value_interval(
    metric: Metric, sample: MetricSample, confidence: float, design_effect: float = 1.0
) -> Bounds:
    """Return the two-sided confidence interval of a value; None where nothing bounds it."""
    if not _has_evidence(metric, sample):
        return None, None
    if sample.relative_error and sample.value is not None:
        margin = normal_quantile((1 + confidence) / 2) * sample.relative_error * sample.value
        return sample.value - margin, sample.value + margin
    match metric.kind:
        case MetricKind.PROPORTION:
            return wilson_interval(_as_proportion(sample, design_effect), confidence) or (
                None,
                None,
            )
        case MetricKind.QUANTILE:
            assert metric.quantile is not None
            low, high = quantile_interval(
                RankedBuckets.from_counts(sample.histogram), metric.quantile, confidence
            )
            # The value is exact where it is the least or greatest, the bounds are buckets: its own
            # bucket is that value, the others are widened to hold it.
            value = 0.0 if sample.value is None else sample.value
            own = bucket_of(value)
            return (
                None if low is None else value if low == own else min(value, bucket_value_ms(low)),
                None
                if high is None
                else value
                if high == own
                else max(value, bucket_value_ms(high)),
            )
        case MetricKind.MEAN:
            return mean_interval(_as_mean(sample), confidence)
        case MetricKind.RATE:
            return rate_interval(_as_rate(metric, sample, design_effect), confidence)
        case _:
            return None, None


def sample_difference_interval(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    confidence: float,
    null: NullHypothesis = NullHypothesis(),
    design: DesignEffects = INDEPENDENT,
) -> Bounds:
    """Return the two-sided confidence interval of current − base.

    Of a quantile it is the one whose test has this null hypothesis.
    """
    if current.value is None or base.value is None:
        return None, None
    if metric.kind is MetricKind.QUANTILE:
        if not (_has_evidence(metric, current) and _has_evidence(metric, base)):
            return None, None
        return _quantile_difference(metric, current, base, null, confidence)
    if metric.kind is MetricKind.MEAN:
        return mean_difference_interval(_as_mean(current), _as_mean(base), confidence)
    if design.degrees is not None:
        confidence = widen_confidence(confidence, design.degrees)
    bounds, base_bounds = (
        rate_interval(_as_rate(metric, sample, effect), confidence)
        if metric.kind is MetricKind.COUNT
        else value_interval(metric, sample, confidence, effect)
        for sample, effect in ((current, design.current), (base, design.base))
    )
    return difference_interval(current.value, bounds, base.value, base_bounds)


def is_no_proportion(metric: Metric, sample: MetricSample) -> bool:
    """Whether a value that is called a proportion is none, as it counts other requests, too."""
    return metric.kind is MetricKind.PROPORTION and sample.events is None


def _has_evidence(metric: Metric, sample: MetricSample) -> bool:
    """Whether there is something to test: no events at all are evidence for a count."""
    if is_no_proportion(metric, sample):
        return False
    return sample.size > 0 or metric.kind in (MetricKind.COUNT, MetricKind.RATE)


def _as_proportion(sample: MetricSample, design_effect: float = 1.0) -> Proportion:
    """Return the proportion, of as many independent requests as say as much."""
    # Rao and Scott (1992), https://doi.org/10.2307/2532311
    assert sample.events is not None
    return Proportion(sample.events / design_effect, sample.size / design_effect)


def _test_proportions(
    first: Proportion, second: Proportion, null: NullHypothesis, side: Alternative
) -> float:
    """Return the larger p-value of the score test and, where it applies, of Fisher's exact test.

    With few events the normal approximation of the score test raises false alarms. Fisher's test
    knows no factor or margin, so that it is left out where less than the baseline is demanded.
    """
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
    of_current, of_limit = _quantile_bounds(metric, current, base, null)
    if side is Alternative.GREATER:
        return quantile_p_value(of_current, of_limit)
    return quantile_p_value(of_limit, of_current)


def _quantile_bounds(
    metric: Metric, current: MetricSample, base: MetricSample, null: NullHypothesis
) -> tuple[QuantileBounds, QuantileBounds]:
    """Return the bounds of the current quantile, and of what the hypothesis makes of the base's."""
    assert metric.quantile is not None
    ranked, ranked_base = (
        RankedBuckets.from_counts(sample.histogram) for sample in (current, base)
    )

    def move(position: float) -> float:
        return bucket_position(null.factor * position_ms(position) + null.margin)

    return (
        QuantileBounds(ranked, metric.quantile),
        QuantileBounds(ranked_base, metric.quantile, move),
    )


def _quantile_difference(
    metric: Metric,
    current: MetricSample,
    base: MetricSample,
    null: NullHypothesis,
    confidence: float,
) -> Bounds:
    """Return the interval of current − base that leaves out the limit just where the test does."""
    assert current.value is not None
    assert base.value is not None
    z = normal_quantile((1 + confidence) / 2)
    limit = null.factor * base.value + null.margin
    of_current, of_limit = _quantile_bounds(metric, current, base, null)
    more = quantile_excess(of_current, of_limit, z)
    less = quantile_excess(of_limit, of_current, z)
    # Distances on the scale of buckets are ratios.
    bounds = (
        None if more is None else limit * GAMMA**more,
        None if less is None else limit * GAMMA**-less,
    )
    low, high = (None if bound is None else bound - base.value for bound in bounds)
    difference = current.value - base.value
    return (
        None if low is None else min(low, difference),
        None if high is None else max(high, difference),
    )


def _as_mean(sample: MetricSample) -> SampleMean:
    assert sample.value is not None
    counts = ((bucket_value_ms(bucket), n) for bucket, n in sample.histogram.items())
    return sample_mean(sample.value, counts)


def _as_rate(metric: Metric, sample: MetricSample, design_effect: float = 1.0) -> EventRate:
    """Return the sample as a rate, over as much time as says as much if events are independent.

    Counts are of windows of the same length, which is 1 here.
    """
    time = sample.seconds if metric.kind is MetricKind.RATE else 1.0
    return EventRate((sample.events or 0) / design_effect, (time or 1.0) / design_effect)

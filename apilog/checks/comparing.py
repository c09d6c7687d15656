"""One sample held against another: how likely chance alone makes the difference, and how large
it may be. Which test is made is decided by what the metric is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apilog.aggregate.histogram import bucket_of, upper_edge, value_of
from apilog.checks.samples import Sample
from apilog.metrics import Kind, Metric
from apilog.statistics.differences import Bounds, difference
from apilog.statistics.means import Mean, mean_interval, two_means, variance_of
from apilog.statistics.proportions import Alternative, Proportion, fisher, two_proportion, wilson
from apilog.statistics.quantiles import Ranked, quantile_interval, separation
from apilog.statistics.rates import Rate, rate_interval, two_rates


@dataclass(frozen=True, slots=True)
class Null:
    """What is believed until the data speak against it: current is factor · baseline + margin."""

    factor: float = 1.0
    margin: float = 0.0


def p_value(
    metric: Metric, current: Sample, base: Sample, null: Null, alternative: Alternative
) -> float | None:
    """The p-value of the difference between two samples; None for a metric without a test.

    One-sided, or for both sides twice the smaller one, 1 at most.
    """
    test = _TESTS.get(metric.kind)
    if test is None or not (_tells(metric, current) and _tells(metric, base)):
        return None
    if alternative is not Alternative.TWO_SIDED:
        return test(metric, current, base, null, alternative)
    sides = (Alternative.GREATER, Alternative.LESS)
    return min(1.0, 2 * min(test(metric, current, base, null, side) for side in sides))


def interval(metric: Metric, sample: Sample, confidence: float) -> Bounds:
    """The two-sided interval of a value; None where nothing bounds it."""
    if not _tells(metric, sample):
        return None, None
    match metric.kind:
        case Kind.PROPORTION:
            return wilson(_proportion(sample), confidence) or (None, None)
        case Kind.QUANTILE:
            assert metric.quantile is not None
            low, high = quantile_interval(Ranked.of(sample.histogram), metric.quantile, confidence)
            return _around_value(sample, low, high)
        case Kind.MEAN:
            return mean_interval(_mean(sample), confidence)
        case Kind.RATE:
            return rate_interval(_rate(metric, sample), confidence)
        case _:
            return None, None


def interval_of_difference(
    metric: Metric, current: Sample, base: Sample, confidence: float
) -> Bounds:
    """The two-sided interval of current − base."""
    if current.value is None or base.value is None:
        return None, None
    around, around_base = (_around(metric, sample, confidence) for sample in (current, base))
    return difference(current.value, around, base.value, around_base)


def _around_value(sample: Sample, low: int | None, high: int | None) -> Bounds:
    """The bounds as milliseconds, the value between them: it is exact where extremes tell it."""
    value = 0.0 if sample.value is None else sample.value
    return (
        None if low is None else min(value, value_of(low)),
        None if high is None else max(value, value_of(high)),
    )


def _tells(metric: Metric, sample: Sample) -> bool:
    """Whether there is something to reckon with: of a count, none is also some."""
    return sample.size > 0 or metric.kind in (Kind.COUNT, Kind.RATE)


def _around(metric: Metric, sample: Sample, confidence: float) -> Bounds:
    if metric.kind is Kind.COUNT:
        return rate_interval(_rate(metric, sample), confidence)
    return interval(metric, sample, confidence)


def _proportion(sample: Sample) -> Proportion:
    assert sample.events is not None
    return Proportion(sample.events, sample.size)


def _proportions(
    metric: Metric, current: Sample, base: Sample, null: Null, alternative: Alternative
) -> float:
    """The score test; where no more than the baseline is allowed, also Fisher's.

    Fisher's test is exact: with few events the normal approximation raises false alarms.
    """
    first, second = _proportion(current), _proportion(base)
    score = two_proportion(
        first,
        second,
        factor=null.factor,
        margin=null.margin,
        alternative=alternative,
        continuity=True,
    )
    sign = 1 if alternative is Alternative.GREATER else -1
    is_strict = sign * (null.factor - 1) < 0 or sign * null.margin < 0
    exact = None if is_strict else fisher(first, second, alternative)
    return max(p for p in (score, exact, 0.0) if p is not None)


def _quantiles(
    metric: Metric, current: Sample, base: Sample, null: Null, alternative: Alternative
) -> float:
    assert metric.quantile is not None
    ranked, ranked_base = Ranked.of(current.histogram), Ranked.of(base.histogram)
    if alternative is Alternative.GREATER:
        return separation(
            ranked_base,
            ranked,
            metric.quantile,
            lambda bucket: bucket_of(null.factor * upper_edge(bucket) + null.margin),
        )
    return separation(
        ranked,
        ranked_base,
        metric.quantile,
        lambda bucket: bucket_of((upper_edge(bucket) - null.margin) / null.factor),
    )


def _mean(sample: Sample) -> Mean:
    assert sample.value is not None
    counts = ((value_of(bucket), n) for bucket, n in sample.histogram.items())
    return Mean(sample.value, variance_of(counts), sample.size)


def _means(
    metric: Metric, current: Sample, base: Sample, null: Null, alternative: Alternative
) -> float:
    return two_means(
        _mean(current),
        _mean(base),
        factor=null.factor,
        margin=null.margin,
        alternative=alternative,
    )


def _rate(metric: Metric, sample: Sample) -> Rate:
    """A count is compared with one of a window of the same length, which is 1."""
    time = sample.seconds if metric.kind is Kind.RATE else 1.0
    return Rate(sample.events or 0, time or 1.0)


def _rates(
    metric: Metric, current: Sample, base: Sample, null: Null, alternative: Alternative
) -> float:
    return two_rates(
        _rate(metric, current),
        _rate(metric, base),
        factor=null.factor,
        margin=null.margin,
        alternative=alternative,
    )


_TESTS: dict[Kind, Callable[[Metric, Sample, Sample, Null, Alternative], float]] = {
    Kind.PROPORTION: _proportions,
    Kind.QUANTILE: _quantiles,
    Kind.MEAN: _means,
    Kind.COUNT: _rates,
    Kind.RATE: _rates,
}

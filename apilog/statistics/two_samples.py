"""Proportions, rates and means: their intervals, and tests whether two of them differ.

A proportion out of none has no interval and no test (None); every other figure is a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

from apilog.statistics.distributions import (
    binomial_at_least,
    binomial_at_most,
    hypergeometric_at_least,
    normal_quantile,
    normal_tail,
)

_HALVINGS = 80
"""More than the bits of a float."""


class Interval(NamedTuple):
    """The values between two bounds, both included."""

    low: float
    high: float


Bounds = tuple[float | None, float | None]
"""Low and high; None where the data bound nothing."""


class Alternative(StrEnum):
    """What holds if the null hypothesis does not."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    """The first is more than the second by more than the margin."""
    LESS = "less"
    """The first is more than the second by less than the margin."""


class Proportion(NamedTuple):
    """The number of successes among n tries; fractions where several tries say as much as one."""

    successes: float
    n: float

    @property
    def rate(self) -> float:
        """The share of successes; n is not 0."""
        return self.successes / self.n


class EventRate(NamedTuple):
    """The number of events in a length of time above 0, as of requests.

    It is taken as Poisson: events come independently of each other.
    """

    events: float
    time: float

    @property
    def value(self) -> float:
        return self.events / self.time


class SampleMean(NamedTuple):
    """The mean of n values, and the variance of these values."""

    value: float
    variance: float
    n: int
    third_moment: float = 0.0
    """The third central moment of the values: positive where a few of them are long."""


def wilson_interval(proportion: Proportion, confidence: float = 0.95) -> Interval | None:
    """Return Wilson's score interval of a proportion.

    >>> [round(bound, 4) for bound in wilson_interval(Proportion(3, 20))]
    [0.0524, 0.3604]
    """
    # E. B. Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953. Unlike p ± z·s it stays
    # within 0 and 1 and has a width where nothing, or everything, succeeds.
    return effective_interval(proportion.successes, proportion.n, confidence)


def effective_interval(successes: float, n: float, confidence: float = 0.95) -> Interval | None:
    """Return Wilson's interval of a share that is known as surely as by so many observations.

    None for none.
    """
    if n <= 0:
        return None
    z = -normal_quantile((1 - confidence) / 2)
    middle = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(successes * (n - successes) / n + z * z / 4)
    # Rounding must not leave 0 or 1 outside where there are no successes, or nothing else.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return Interval(low, high)


def proportion_p_value(proportion: Proportion, rate: float, alternative: Alternative) -> float:
    """Return the p-value of the exact binomial test that the share of successes is `rate`.

    The alternative is one-sided: the share is greater, or less.

    >>> round(proportion_p_value(Proportion(2, 100), 0.01, Alternative.GREATER), 4)
    0.2642
    """
    # Clopper and Pearson (1934), https://doi.org/10.1093/biomet/26.4.404
    n = round(proportion.n)
    if alternative is Alternative.GREATER:
        return binomial_at_least(math.floor(proportion.successes), n, rate)
    return binomial_at_most(math.ceil(proportion.successes), n, rate)


def rate_interval(rate: EventRate, confidence: float) -> Interval:
    """Return the score interval of a rate: all λ with (events − λ·time)² ≤ z²·λ·time.

    >>> [round(bound, 2) for bound in rate_interval(EventRate(10, 1), 0.95)]
    [5.43, 18.41]
    """
    z2 = normal_quantile((1 + confidence) / 2) ** 2
    middle, half = rate.events + z2 / 2, math.sqrt(z2 * (rate.events + z2 / 4))
    return Interval(max(0.0, middle - half) / rate.time, (middle + half) / rate.time)


def mean_interval(mean: SampleMean, confidence: float) -> Interval:
    """Return the interval of a mean, which is taken as normal."""
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(mean.variance / mean.n)
    return Interval(mean.value - half, mean.value + half)


def mean_difference_interval(first: SampleMean, second: SampleMean, confidence: float) -> Interval:
    """Return the interval of first − second, with the larger variance of `two_mean_test`."""
    pooled = pooled_mean(first, second).variance * (1 / first.n + 1 / second.n)
    variance = max(mean_difference_variance(first, second), pooled)
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(variance)
    difference = first.value - second.value
    return Interval(difference - half, difference + half)


def sample_mean(value: float, counts: Iterable[tuple[float, int]]) -> SampleMean:
    """Return the mean, and the moments of values, each with how often it occurs.

    >>> sample_mean(2.0, [(1.0, 2), (3.0, 2)])
    SampleMean(value=2.0, variance=1.3333333333333333, n=4, third_moment=0.0)
    """
    values = [*counts]
    n = sum(count for _, count in values)
    if n < 2:
        return SampleMean(value, 0.0, n)
    middle = math.fsum(value * count for value, count in values) / n
    squares = math.fsum(count * (value - middle) ** 2 for value, count in values)
    cubes = math.fsum(count * (value - middle) ** 3 for value, count in values)
    return SampleMean(value, squares / (n - 1), n, cubes / n)


def difference_interval(
    first: float, around: Bounds, second: float, around_second: Bounds
) -> Bounds:
    """Return the interval of first − second, given the interval of each.

    >>> [round(bound, 2) for bound in difference_interval(10, (7, 14), 5, (4, 9))]
    [0.0, 9.12]
    """
    # The distances to the bounds add up as squares: the method of variance estimates recovery,
    # Zou and Donner (2008), https://doi.org/10.1002/sim.3095. From two Wilson intervals it makes
    # method 10 of Newcombe (1998),
    # https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I
    (low, high), (low2, high2) = around, around_second
    middle = first - second
    return (
        None if low is None or high2 is None else middle - math.hypot(first - low, high2 - second),
        None if high is None or low2 is None else middle + math.hypot(high - first, second - low2),
    )


def two_proportion_test(
    first: Proportion,
    second: Proportion,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    continuity: bool = False,
) -> float | None:
    """Return the p-value of the score test that first is factor · second + margin.

    Where neither varies, the null hypothesis either holds (1) or not (0). `continuity` moves the
    difference towards none by half a step of each count.
    """
    if not first.n or not second.n:
        return None
    excess = first.rate - factor * second.rate - margin
    if continuity:
        # Yates (1934), https://doi.org/10.2307/2983604
        step = (1 / first.n + factor / second.n) / 2
        excess = math.copysign(max(0.0, abs(excess) - step), excess)
    # The variance under the null hypothesis is that of the likeliest two proportions that keep it:
    # Farrington and Manning (1990), https://doi.org/10.1002/sim.4780091208. For equality that is
    # the pooled test.
    if factor == 1 and not margin:
        p = q = (first.successes + second.successes) / (first.n + second.n)
    else:
        low, high = max(0.0, -margin / factor), min(1.0, (1 - margin) / factor)
        # The likelihood is concave: halve the interval by the sign of its slope.
        for _ in range(_HALVINGS):
            q = (low + high) / 2
            p = factor * q + margin
            if not (low < q < high and 0 < p < 1):
                break
            slope = factor * _log_likelihood_slope(first, p) + _log_likelihood_slope(second, q)
            low, high = (q, high) if slope > 0 else (low, q)
        q = (low + high) / 2
        p, q = min(1.0, max(0.0, factor * q + margin)), min(1.0, max(0.0, q))
    variance = p * (1 - p) / first.n + factor**2 * q * (1 - q) / second.n
    return normal_p_value(excess, variance, alternative)


def _log_likelihood_slope(proportion: Proportion, p: float) -> float:
    return proportion.successes / p - (proportion.n - proportion.successes) / (1 - p)


def fisher_exact_test(
    first: Proportion, second: Proportion, alternative: Alternative
) -> float | None:
    """Return the one-sided p-value of Fisher's exact test of equality.

    It is never too small, however few successes there are. Fractions are rounded to less evidence.

    >>> round(fisher_exact_test(Proportion(3, 3), Proportion(0, 3), Alternative.GREATER), 9)
    0.05
    """
    if not first.n or not second.n:
        return None
    if alternative is Alternative.LESS:
        first, second = second, first
    n, m = math.ceil(first.n), math.ceil(second.n)
    fewest, most = math.floor(first.successes), min(m, math.ceil(second.successes))
    return hypergeometric_at_least(fewest, n, fewest + most, n + m - fewest - most)


def two_rate_test(
    first: EventRate,
    second: EventRate,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float:
    """Return the p-value of the test that first is factor · second + margin.

    Without a margin it is exact, with both tails doubled. With one, the difference is taken as
    normal.
    """
    if margin:
        variance = first.events / first.time**2 + factor**2 * second.events / second.time**2
        excess = first.value - factor * second.value - margin
        return normal_p_value(excess, variance, alternative)
    # Given all events, the first's share of them is binomial: Przyborowski and Wilenski (1940),
    # https://doi.org/10.1093/biomet/31.3-4.313
    share = factor * first.time / (factor * first.time + second.time)
    # Fractions are rounded to less evidence.
    fewest, most = math.floor(first.events), math.ceil(first.events)
    more = binomial_at_least(fewest, fewest + math.ceil(second.events), share)
    less = binomial_at_most(most, most + math.floor(second.events), share)
    return _choose_tail(more, less, alternative)


def two_mean_test(
    first: SampleMean,
    second: SampleMean,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float:
    """Return the p-value of the test that first is factor · second + margin.

    It is the largest of Welch's, that corrected for skewness, and that of the values of both
    together. So it also holds where a few long values make up the mean, which the smaller sample
    may have none of, and finds little there. It is for samples of a hundred values or more.
    """
    if alternative is Alternative.TWO_SIDED:
        sides = (Alternative.GREATER, Alternative.LESS)
        return min(
            1.0,
            2
            * min(
                two_mean_test(first, second, factor=factor, margin=margin, alternative=side)
                for side in sides
            ),
        )
    expected = scaled_mean(second, factor, margin)
    sign = 1 if alternative is Alternative.GREATER else -1
    excess = sign * (first.value - expected.value)
    if abs(excess) < 1e-12 * max(1.0, abs(expected.value)):
        return 0.5
    own = mean_difference_variance(first, expected)
    if own <= 0:
        return 0.0 if excess > 0 else 1.0
    z = excess / math.sqrt(own)
    skew = sign * _difference_skewness(first, first, expected, expected) / own**1.5
    # Welch (1947), https://doi.org/10.1093/biomet/34.1-2.28.
    own_p = max(normal_tail(z), normal_tail(_straighten(z, skew)))
    both = pooled_mean(first, expected)
    # If both are of one distribution, their values together tell its tail: the distribution of
    # the difference over all ways to part them, with the first term of Edgeworth's expansion
    # (Hall, The Bootstrap and Edgeworth Expansion, 1992, section 2.3).
    variance = both.variance * (1 / first.n + 1 / second.n)
    z = excess / math.sqrt(variance)
    skew = sign * _difference_skewness(both, first, both, second) / variance**1.5
    correction: float = skew * (z * z - 1) / 6 * NormalDist().pdf(z)
    return min(1.0, max(own_p, normal_tail(z), normal_tail(z) + correction))


def scaled_mean(mean: SampleMean, factor: float, margin: float) -> SampleMean:
    """Return the sample of all values times the factor, plus the margin."""
    return SampleMean(
        mean.value * factor + margin,
        mean.variance * factor**2,
        mean.n,
        mean.third_moment * factor**3,
    )


def mean_difference_variance(first: SampleMean, second: SampleMean) -> float:
    """Return the variance of the difference of two means, each sample with its own."""
    return first.variance / first.n + second.variance / second.n


def _difference_skewness(
    first: SampleMean, of_first: SampleMean, second: SampleMean, of_second: SampleMean
) -> float:
    """Return the third moment of the difference of two means of so many values."""
    return first.third_moment / of_first.n**2 - second.third_moment / of_second.n**2


def pooled_mean(first: SampleMean, second: SampleMean) -> SampleMean:
    """Return the moments of the values of two samples together."""
    n = first.n + second.n
    value = (first.value * first.n + second.value * second.n) / n
    squares = cubes = 0.0
    for mean in (first, second):
        shift, spread = mean.value - value, mean.variance * (mean.n - 1)
        squares += spread + mean.n * shift**2
        cubes += mean.n * (mean.third_moment + shift**3) + 3 * shift * spread
    return SampleMean(value, squares / (n - 1), n, cubes / n)


def mean_p_value(mean: SampleMean, limit: float, alternative: Alternative) -> float:
    """Return the one-sided p-value of the mean, given that in truth it is the limit.

    It is the larger of the normal one and that corrected for skewness.
    """
    sign = 1 if alternative is Alternative.GREATER else -1
    variance = mean.variance / mean.n
    if variance <= 0:
        return 0.0 if sign * (mean.value - limit) > 0 else 1.0
    z = sign * (mean.value - limit) / math.sqrt(variance)
    skew = sign * mean.third_moment / mean.n**2 / variance**1.5
    if skew < -_MOST_SKEW:
        # The tail on the side of the limit is hardly in the sample.
        return max(0.5, normal_tail(z))
    return max(normal_tail(z), normal_tail(_straighten(z, skew)))


_MOST_SKEW = 0.3
"""The skewness of a mean beyond which no correction helps: of a dozen values that outweigh all."""


def _straighten(z: float, skew: float) -> float:
    """Return Student's t without the skewness of the mean in it.

    It is the transformation of Hall (1992), https://doi.org/10.1111/j.2517-6161.1992.tb01872.x.
    """
    return z + skew / 3 * z**2 + skew**2 / 27 * z**3 + skew / 6


def normal_p_value(excess: float, variance: float, alternative: Alternative) -> float:
    """Return the p-value of a normal value that is expected to be 0."""
    # What is left of a difference that is exactly the margin is rounding.
    if abs(excess) < 1e-12:
        z = 0.0
    else:
        z = math.copysign(math.inf, excess) if variance <= 0 else excess / math.sqrt(variance)
    return _choose_tail(normal_tail(z), normal_tail(-z), alternative)


def _choose_tail(greater: float, less: float, alternative: Alternative) -> float:
    match alternative:
        case Alternative.GREATER:
            return greater
        case Alternative.LESS:
            return less
        case Alternative.TWO_SIDED:
            return min(1.0, 2 * min(greater, less))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for how many tests there are, in the order given.

    Rejecting all up to q keeps the expected share of false rejections at q. None is a test that
    could not be made: it does not count and stays None.

    >>> benjamini_hochberg([0.01, None, 0.04, 0.03])
    [0.03, None, 0.04, 0.04]
    """
    # Benjamini and Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    ascending = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    least = 1.0
    for rank, (p, i) in reversed([*enumerate(ascending, 1)]):
        least = min(least, p * len(ascending) / rank)
        adjusted[i] = least
    return adjusted

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
)

_NORMAL = NormalDist()
_HALVINGS = 80
"""More than the bits of a float."""


class Interval(NamedTuple):
    """What lies between two bounds, both included."""

    low: float
    high: float


class Alternative(StrEnum):
    """What holds if the null hypothesis does not."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    """The first is more than the second by more than the margin."""
    LESS = "less"
    """The first is more than the second by less than the margin."""


class Proportion(NamedTuple):
    """So many successes out of so many tries."""

    successes: int
    n: int

    @property
    def rate(self) -> float:
        """Successes by tries; there have to be some."""
        return self.successes / self.n


def wilson_interval(proportion: Proportion, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a proportion (Wilson 1927).

    >>> [round(bound, 4) for bound in wilson_interval(Proportion(3, 20))]
    [0.0524, 0.3604]
    """
    successes, n = proportion
    if not n:
        return None
    z = _two_sided_z(confidence)
    middle = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(successes * (n - successes) / n + z * z / 4)
    # Rounding must not leave 0 or 1 outside where there are no successes, or nothing else.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return Interval(low, high)


def newcombe_interval(
    first: Proportion, second: Proportion, confidence: float = 0.95
) -> Interval | None:
    """Newcombe's interval of the difference first − second (1998, method 10).

    It is put together from the Wilson intervals of both.
    """
    one, two = wilson_interval(first, confidence), wilson_interval(second, confidence)
    if one is None or two is None:
        return None
    p, q = first.rate, second.rate
    down = math.hypot(p - one.low, two.high - q)
    up = math.hypot(one.high - p, q - two.low)
    return Interval(p - q - down, p - q + up)


def two_proportion_test(
    first: Proportion,
    second: Proportion,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    continuity: bool = False,
) -> float | None:
    """The p-value of the score test that first is factor · second + margin.

    The variance is the one under the null hypothesis, with the proportions that fit the data
    best of all for which it holds (Farrington and Manning 1990); for equality it is the pooled
    test. Where neither varies, the null hypothesis either holds (1) or not (0). `continuity`
    moves the difference towards none by half a step of each count (Yates 1934).
    """
    if not first.n or not second.n:
        return None
    excess = first.rate - factor * second.rate - margin
    if continuity:
        step = (1 / first.n + factor / second.n) / 2
        excess = math.copysign(max(0.0, abs(excess) - step), excess)
    p, q = _restricted_proportions(first, second, factor, margin)
    variance = p * (1 - p) / first.n + factor**2 * q * (1 - q) / second.n
    return normal_p_value(excess, variance, alternative)


def fisher_exact_test(
    first: Proportion, second: Proportion, alternative: Alternative
) -> float | None:
    """The one-sided p-value of Fisher's exact test of equality (1934).

    Never too small, however few successes there are.

    >>> round(fisher_exact_test(Proportion(3, 3), Proportion(0, 3), Alternative.GREATER), 9)
    0.05
    """
    if not first.n or not second.n:
        return None
    if alternative is Alternative.LESS:
        first, second = second, first
    marked = first.successes + second.successes
    others = first.n + second.n - marked
    return hypergeometric_at_least(first.successes, first.n, marked, others)


def normal_p_value(excess: float, variance: float, alternative: Alternative) -> float:
    """The p-value of a normal value that is expected to be 0."""
    # What is left of a difference that is exactly the margin is rounding.
    if abs(excess) < 1e-12:
        z = 0.0
    else:
        z = math.copysign(math.inf, excess) if variance <= 0 else excess / math.sqrt(variance)
    match alternative:
        case Alternative.GREATER:
            return normal_tail(z)
        case Alternative.LESS:
            return normal_tail(-z)
        case Alternative.TWO_SIDED:
            return min(1.0, 2 * normal_tail(abs(z)))


def normal_tail(z: float) -> float:
    """The chance that a standard normal value is more than z; exact far out too."""
    return math.erfc(z / math.sqrt(2)) / 2


def normal_quantile(p: float) -> float:
    """The value that a standard normal one is below with the chance p."""
    return _NORMAL.inv_cdf(p)


def _two_sided_z(confidence: float) -> float:
    return -normal_quantile((1 - confidence) / 2)


def _restricted_proportions(
    first: Proportion, second: Proportion, factor: float, margin: float
) -> tuple[float, float]:
    """The likeliest two proportions of which the first is factor · second + margin."""
    if factor == 1 and not margin:
        pooled = (first.successes + second.successes) / (first.n + second.n)
        return pooled, pooled
    low, high = max(0.0, -margin / factor), min(1.0, (1 - margin) / factor)
    # The likelihood is concave: halve the interval by the sign of its slope.
    for _ in range(_HALVINGS):
        q = (low + high) / 2
        p = factor * q + margin
        if not (low < q < high and 0 < p < 1):
            break
        slope = factor * _likelihood_slope(first, p) + _likelihood_slope(second, q)
        low, high = (q, high) if slope > 0 else (low, q)
    q = (low + high) / 2
    return min(1.0, max(0.0, factor * q + margin)), min(1.0, max(0.0, q))


def _likelihood_slope(proportion: Proportion, p: float) -> float:
    """Of the logarithm of the likelihood, at p."""
    return proportion.successes / p - (proportion.n - proportion.successes) / (1 - p)


class EventRate(NamedTuple):
    """So many events in so much time, above 0."""

    events: int
    time: float

    @property
    def value(self) -> float:
        """Events per unit of time."""
        return self.events / self.time


def rate_interval(rate: EventRate, confidence: float) -> Interval:
    """The score interval of a Poisson rate: all λ with (events − λ·time)² ≤ z²·λ·time.

    >>> [round(bound, 2) for bound in rate_interval(EventRate(10, 1), 0.95)]
    [5.43, 18.41]
    """
    z2 = normal_quantile((1 + confidence) / 2) ** 2
    middle, half = rate.events + z2 / 2, math.sqrt(z2 * (rate.events + z2 / 4))
    return Interval(max(0.0, middle - half) / rate.time, (middle + half) / rate.time)


def two_rate_test(
    first: EventRate,
    second: EventRate,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float:
    """The p-value of the test that first is factor · second + margin.

    Without a margin it is exact: the first's share of all events is binomial (Przyborowski and
    Wilenski 1940), both tails doubled. With one, the difference is taken as normal.
    """
    if margin:
        variance = first.events / first.time**2 + factor**2 * second.events / second.time**2
        excess = first.value - factor * second.value - margin
        return normal_p_value(excess, variance, alternative)
    total = first.events + second.events
    share = factor * first.time / (factor * first.time + second.time)
    more = binomial_at_least(first.events, total, share)
    fewer = binomial_at_most(first.events, total, share)
    match alternative:
        case Alternative.GREATER:
            return more
        case Alternative.LESS:
            return fewer
        case Alternative.TWO_SIDED:
            return min(1.0, 2 * min(more, fewer))


class SampleMean(NamedTuple):
    """The mean of n values, and the variance of these values."""

    value: float
    variance: float
    n: int


def sample_variance(counts: Iterable[tuple[float, int]]) -> float:
    """The sample variance of values that occur so many times; 0 for fewer than two.

    >>> sample_variance([(1.0, 2), (3.0, 2)])
    1.3333333333333333
    """
    values = [*counts]
    n = sum(count for _, count in values)
    if n < 2:
        return 0.0
    middle = math.fsum(value * count for value, count in values) / n
    return math.fsum(count * (value - middle) ** 2 for value, count in values) / (n - 1)


def mean_interval(mean: SampleMean, confidence: float) -> Interval:
    """The interval of the mean, taken as normal."""
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(mean.variance / mean.n)
    return Interval(mean.value - half, mean.value + half)


def two_mean_test(
    first: SampleMean,
    second: SampleMean,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float:
    """The p-value of the test that first is factor · second + margin.

    Welch's (1947), with the normal for Student's t: for a hundred values or more.
    """
    excess = first.value - factor * second.value - margin
    variance = first.variance / first.n + factor**2 * second.variance / second.n
    return normal_p_value(excess, variance, alternative)


Bounds = tuple[float | None, float | None]
"""Low and high; None where the data bound nothing."""


def difference_interval(
    first: float, around: Bounds, second: float, around_second: Bounds
) -> Bounds:
    """The interval of first − second: distances to the bounds add up as squares.

    The method of variance estimates recovery (Zou and Donner 2008). From two Wilson intervals it
    makes Newcombe's.

    >>> [round(bound, 2) for bound in difference_interval(10, (7, 14), 5, (4, 9))]
    [0.0, 9.12]
    """
    (low, high), (low2, high2) = around, around_second
    middle = first - second
    return (
        None if low is None or high2 is None else middle - math.hypot(first - low, high2 - second),
        None if high is None or low2 is None else middle + math.hypot(high - first, second - low2),
    )


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values (Benjamini and Hochberg 1995), in the order given.

    Rejecting all up to q keeps the expected share of false rejections at q. None is a test that
    could not be made: it does not count and stays None.

    >>> benjamini_hochberg([0.01, None, 0.04, 0.03])
    [0.03, None, 0.04, 0.04]
    """
    made = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    least = 1.0
    for rank, (p, i) in reversed([*enumerate(made, 1)]):
        least = min(least, p * len(made) / rank)
        adjusted[i] = least
    return adjusted

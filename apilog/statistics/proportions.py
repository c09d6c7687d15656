"""One proportion and two: intervals, and the test whether they differ.

A proportion is `successes` out of `n`; one out of none has no interval and no test (None).
"""

from __future__ import annotations

import math
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

from apilog.statistics.tails import hypergeometric_at_least

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


def wilson(proportion: Proportion, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a proportion (Wilson 1927).

    >>> [round(bound, 4) for bound in wilson(Proportion(3, 20))]
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


def newcombe(first: Proportion, second: Proportion, confidence: float = 0.95) -> Interval | None:
    """Newcombe's interval of the difference first − second (1998, method 10).

    It is put together from the Wilson intervals of both.
    """
    one, two = wilson(first, confidence), wilson(second, confidence)
    if one is None or two is None:
        return None
    p, q = first.rate, second.rate
    down = math.hypot(p - one.low, two.high - q)
    up = math.hypot(one.high - p, q - two.low)
    return Interval(p - q - down, p - q + up)


def two_proportion(
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
    p, q = _restricted(first, second, factor, margin)
    variance = p * (1 - p) / first.n + factor**2 * q * (1 - q) / second.n
    return normal_p_value(excess, variance, alternative)


def fisher(first: Proportion, second: Proportion, alternative: Alternative) -> float | None:
    """The one-sided p-value of Fisher's exact test of equality (1934).

    Never too small, however few successes there are.

    >>> round(fisher(Proportion(3, 3), Proportion(0, 3), Alternative.GREATER), 9)
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


def _restricted(
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
        slope = factor * _slope(first, p) + _slope(second, q)
        low, high = (q, high) if slope > 0 else (low, q)
    q = (low + high) / 2
    return min(1.0, max(0.0, factor * q + margin)), min(1.0, max(0.0, q))


def _slope(proportion: Proportion, p: float) -> float:
    """Of the logarithm of the likelihood, at p."""
    return proportion.successes / p - (proportion.n - proportion.successes) / (1 - p)

"""One proportion and two: intervals, and the test whether they differ.

A proportion is `successes` out of `n`; one out of none has no interval and no test (None).
"""

from __future__ import annotations

import math
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

_NORMAL = NormalDist()


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
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float | None:
    """The p-value of the score test that first − second is the margin.

    The variance is the one under the null hypothesis, with the proportions that fit the data
    best of all that differ by the margin (Farrington and Manning 1990); with a margin of 0 it is
    the pooled test. Where neither varies, the difference is either the margin (1) or not (0).
    """
    if not first.n or not second.n:
        return None
    excess = first.rate - second.rate - margin
    p, q = _restricted(first, second, margin)
    variance = p * (1 - p) / first.n + q * (1 - q) / second.n
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


def _restricted(first: Proportion, second: Proportion, margin: float) -> tuple[float, float]:
    """The likeliest two proportions that differ by the margin."""
    if not margin:
        pooled = (first.successes + second.successes) / (first.n + second.n)
        return pooled, pooled
    # The root of the cubic likelihood equation between the bounds, after Farrington and Manning.
    theta, p, q = second.n / first.n, first.rate, second.rate
    a = 1 + theta
    b = -(1 + theta + p + theta * q + margin * (theta + 2))
    c = margin * margin + margin * (2 * p + theta + 1) + p + theta * q
    d = -p * margin * (1 + margin)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) + d / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, (b / (3 * a)) ** 2 - c / (3 * a))), v)
    angle = (math.pi + math.acos(max(-1.0, min(1.0, v / u**3)))) / 3 if u else 0.0
    likeliest = 2 * u * math.cos(angle) - b / (3 * a)
    low, high = max(0.0, margin), min(1.0, 1 + margin)
    likeliest = max(low, min(high, likeliest))
    return likeliest, likeliest - margin

"""Means of many values, which are as normal as the central limit theorem makes them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from apilog.statistics.proportions import (
    Alternative,
    Interval,
    normal_p_value,
    normal_quantile,
)


class Mean(NamedTuple):
    """The mean of n values, and the variance of these values."""

    value: float
    variance: float
    n: int


def variance_of(counts: Iterable[tuple[float, int]]) -> float:
    """The sample variance of values that occur so many times; 0 for fewer than two.

    >>> variance_of([(1.0, 2), (3.0, 2)])
    1.3333333333333333
    """
    values = [*counts]
    n = sum(count for _, count in values)
    if n < 2:
        return 0.0
    middle = math.fsum(value * count for value, count in values) / n
    return math.fsum(count * (value - middle) ** 2 for value, count in values) / (n - 1)


def mean_interval(mean: Mean, confidence: float) -> Interval:
    """The interval of the mean, taken as normal."""
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(mean.variance / mean.n)
    return Interval(mean.value - half, mean.value + half)


def two_means(
    first: Mean,
    second: Mean,
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

"""The chi-square test of goodness of fit: whether counts are as they were meant to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

_EPSILON = 1e-15
_TINY = 1e-300
_MOST_STEPS = 10_000


def chi_square(observed: Sequence[int], expected: Sequence[float]) -> float | None:
    """The p-value (Pearson 1900) of counts against expected ones, all above zero.

    None for fewer than two counts, or if all are zero.

    >>> round(chi_square([520, 480], [500, 500]), 4)
    0.2059
    """
    if len(observed) < 2 or not sum(observed):
        return None
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    return chi_square_tail(statistic, len(observed) - 1)


def chi_square_tail(x: float, degrees: int) -> float:
    """The chance that a chi-square value of so many degrees of freedom is more than x."""
    return _upper_gamma(degrees / 2, x / 2)


def _upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x).

    By its series below a + 1, by Lentz's continued fraction above (DLMF 8.7.1, 8.9.2).
    """
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return max(0.0, 1.0 - scale * _series(a, x))
    return min(1.0, scale * _fraction(a, x))


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    for k in range(1, _MOST_STEPS):
        term *= x / (a + k)
        total += term
        if term < total * _EPSILON:
            break
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value = d
    for k in range(1, _MOST_STEPS):
        numerator = -k * (k - a)
        b += 2
        d = 1 / (numerator * d + b or _TINY)
        c = b + numerator / c or _TINY
        value *= c * d
        if abs(c * d - 1) < _EPSILON:
            break
    return value

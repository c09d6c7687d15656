"""Tails of the binomial, hypergeometric and chi-square distributions.

Binomial and hypergeometric tails are summed exactly, from the term at the edge outwards, each
from the one before: a few square roots of n terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_NEGLIGIBLE = 1e-17


def binomial_at_most(k: int, n: int, p: float) -> float:
    """How likely at most k of n are hit, each with probability p.

    >>> round(binomial_at_most(1, 3, 0.5), 9)
    0.5
    """
    if k < 0:
        return 0.0
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    if k > n * p:
        return 1.0 - binomial_at_most(n - k - 1, n, 1 - p)
    ratio = (1 - p) / p
    first = math.exp(_log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p))
    return _sum_terms(first, (i / (n - i + 1) * ratio for i in range(k, 0, -1)))


def binomial_at_least(k: int, n: int, p: float) -> float:
    """How likely at least k of n are hit, each with probability p."""
    return binomial_at_most(n - k, n, 1 - p)


def hypergeometric_at_least(k: int, drawn: int, marked: int, others: int) -> float:
    """How likely at least k marked are among those drawn, out of so many marked and others.

    >>> round(hypergeometric_at_least(3, 3, 3, 3), 9)
    0.05
    """
    low, high = max(0, drawn - others), min(drawn, marked)
    if k <= low:
        return 1.0
    if k > high:
        return 0.0
    if k * (marked + others) < drawn * marked:
        # Those not drawn hold the other marked ones.
        return 1.0 - hypergeometric_at_least(
            marked - k + 1, marked + others - drawn, marked, others
        )
    first = math.exp(
        _log_choose(marked, k)
        + _log_choose(others, drawn - k)
        - _log_choose(marked + others, drawn)
    )
    ratios = (
        (marked - i) * (drawn - i) / ((i + 1) * (others - drawn + i + 1)) for i in range(k, high)
    )
    return _sum_terms(first, ratios)


def _sum_terms(first: float, ratios: Iterable[float]) -> float:
    term = total = first
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


_EPSILON = 1e-15
_TINY = 1e-300
_MOST_STEPS = 10_000


def chi_square_test(observed: Sequence[int], expected: Sequence[float]) -> float | None:
    """The p-value (Pearson 1900) of counts against expected ones, all above zero.

    None for fewer than two counts, or if all are zero.

    >>> round(chi_square_test([520, 480], [500, 500]), 4)
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
        return max(0.0, 1.0 - scale * _gamma_series(a, x))
    return min(1.0, scale * _gamma_fraction(a, x))


def _gamma_series(a: float, x: float) -> float:
    term = total = 1 / a
    for k in range(1, _MOST_STEPS):
        term *= x / (a + k)
        total += term
        if term < total * _EPSILON:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
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

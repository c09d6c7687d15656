"""Tails of the normal, binomial, hypergeometric and chi-square distributions.

Binomial and hypergeometric tails are summed exactly, from the term at the edge outwards, each
from the one before: a few square roots of n terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

_NEGLIGIBLE = 1e-17
_EPSILON = 1e-15
_TINY = 1e-300
_MOST_STEPS = 10_000


def normal_tail(z: float) -> float:
    """Return the chance that a standard normal value exceeds z; accurate far out, too."""
    # 1 − Φ(z) would lose all digits beyond z = 8.
    return math.erfc(z / math.sqrt(2)) / 2


def normal_quantile(p: float) -> float:
    """Return the value that a standard normal one is below with the chance p."""
    return NormalDist().inv_cdf(p)


def binomial_at_most(k: int, n: int, p: float) -> float:
    """Return the chance of at most k successes in n tries, each with probability p.

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
        # Terms get smaller only away from the mean, so the other tail is summed.
        return 1.0 - binomial_at_most(n - k - 1, n, 1 - p)
    ratio = (1 - p) / p
    first = math.exp(_log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p))
    return _sum_terms(first, (i / (n - i + 1) * ratio for i in range(k, 0, -1)))


def binomial_at_least(k: int, n: int, p: float) -> float:
    """Return the chance of at least k successes in n tries, each with probability p."""
    return binomial_at_most(n - k, n, 1 - p)


def hypergeometric_at_least(k: int, drawn: int, marked: int, others: int) -> float:
    """Return the chance that at least k of those drawn are marked.

    They are drawn without replacement from `marked` and `others` together.

    >>> round(hypergeometric_at_least(3, 3, 3, 3), 9)
    0.05
    """
    low, high = max(0, drawn - others), min(drawn, marked)
    if k <= low:
        return 1.0
    if k > high:
        return 0.0
    if k * (marked + others) < drawn * marked:
        # Below the mean the complement is summed: those not drawn hold the other marked ones.
        undrawn = marked + others - drawn
        return 1.0 - hypergeometric_at_least(marked - k + 1, undrawn, marked, others)
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


def chi_square_test(observed: Sequence[int], expected: Sequence[float]) -> float | None:
    """Return the p-value of counts against expected ones, which are all above zero.

    None for fewer than two counts, or if all are zero.

    >>> round(chi_square_test([520, 480], [500, 500]), 4)
    0.2059
    """
    if len(observed) < 2 or not sum(observed):
        return None
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    return chi_square_tail(statistic, len(observed) - 1)


def chi_square_tail(x: float, degrees: int) -> float:
    """Return the chance that a chi-square value with these degrees of freedom exceeds x.

    It is the regularised upper incomplete gamma function Q(degrees / 2, x / 2).
    """
    a, x = degrees / 2, x / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    # The series and the continued fraction each converge fast only on their side of a + 1.
    if x < a + 1:
        # The series of 1 − Q: https://dlmf.nist.gov/8.7#E1
        term = total = 1 / a
        for k in range(1, _MOST_STEPS):
            term *= x / (a + k)
            total += term
            if term < total * _EPSILON:
                break
        return max(0.0, 1.0 - scale * total)
    # The fraction, https://dlmf.nist.gov/8.9#E2, is evaluated from the front by Lentz's algorithm
    # (https://dlmf.nist.gov/3.10#iii), so that the number of terms need not be known.
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
    return min(1.0, scale * value)

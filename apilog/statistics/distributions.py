"""Tails of the normal, binomial, hypergeometric, chi-square and Student's distributions.

Binomial and hypergeometric tails are summed exactly, from the term at the edge outwards, each
from the one before: a few square roots of n terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import count, islice
from statistics import NormalDist

_NEGLIGIBLE = 1e-17
_EPSILON = 1e-15
_TINY = 1e-300
_MOST_STEPS = 10_000
_BISECTIONS = 60


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
    # The fraction: https://dlmf.nist.gov/8.9#E2
    terms = ((-k * (k - a), x + 1 - a + 2 * k) for k in count(1))
    return min(1.0, scale / _evaluate_fraction(x + 1 - a, terms))


def _evaluate_fraction(first: float, terms: Iterable[tuple[float, float]]) -> float:
    """Return the continued fraction first + a₁ / (b₁ + a₂ / (b₂ + …)) of terms (a, b)."""
    # From the front by Lentz's algorithm, https://dlmf.nist.gov/3.10#iii, so that the number of
    # terms need not be known.
    value = c = first or _TINY
    d = 0.0
    for a, b in islice(terms, _MOST_STEPS):
        d = 1 / (b + a * d or _TINY)
        c = b + a / c or _TINY
        value *= c * d
        if abs(c * d - 1) < _EPSILON:
            break
    return value


def student_tail(t: float, degrees: float) -> float:
    """Return the chance that Student's t with these degrees of freedom exceeds t.

    >>> round(student_tail(2.5758, 1e9), 4), round(student_tail(1.0, 1), 9)
    (0.005, 0.25)
    """
    if t < 0:
        return 1.0 - student_tail(-t, degrees)
    # Half of I_x(degrees / 2, 1 / 2), the regularised incomplete beta function.
    x = degrees / (degrees + t * t)
    return _beta_ratio(x, degrees / 2, 0.5) / 2


def _beta_ratio(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        # The fraction converges fast only below that.
        return 1.0 - _beta_ratio(1 - x, b, a)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    scale = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta) / a

    def coefficient(k: int) -> float:
        # https://dlmf.nist.gov/8.17#v
        m = k // 2
        if k % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))

    return scale / _evaluate_fraction(1.0, ((coefficient(k), 1.0) for k in count(1)))


def student_quantile(p: float, degrees: float) -> float:
    """Return the value that Student's t is below with the chance p, which is from 0.5 up to 1."""
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > 1 - p:
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, degrees) > 1 - p else (low, middle)
    return (low + high) / 2

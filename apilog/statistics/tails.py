"""Tails of the binomial and hypergeometric distributions, summed exactly.

From the term at the edge outwards, each from the one before: few square roots of n terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

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
    return _summed(first, (i / (n - i + 1) * ratio for i in range(k, 0, -1)))


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
    return _summed(first, ratios)


def _summed(first: float, ratios: Iterable[float]) -> float:
    term = total = first
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

"""The Mann-Whitney test: whether the values of one group tend to be larger than another's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from apilog.statistics.proportions import normal_tail

_EXACT_SMALLER = 8
_EXACT_PAIRS = 4_000
"""Without ties, so few values in the smaller group, and pairs of both, are counted exactly."""


def mann_whitney(counts: Iterable[tuple[int, int]]) -> float | None:
    """The two-sided p-value (Mann and Whitney 1947); None if a group is empty.

    Takes how often the first and the second group have each distinct value, in ascending order
    of the values. It is the normal approximation with corrections for ties and continuity, or for
    small groups without ties the exact distribution. 1 if all values are equal.

    >>> round(mann_whitney([(1, 0), (1, 0), (0, 1), (1, 0), (0, 1), (0, 1)]), 3)
    0.2
    """
    observed = [*counts]
    n, m = sum(first for first, _ in observed), sum(second for _, second in observed)
    if not n or not m:
        return None
    u, has_ties = _statistic(observed)
    if not has_ties and min(n, m) <= _EXACT_SMALLER and n * m <= _EXACT_PAIRS:
        return _exact(max(u, n * m - u), n, m)
    return _approximate(u, n, m, observed)


def _statistic(counts: Sequence[tuple[int, int]]) -> tuple[float, bool]:
    """How many pairs the first group wins, ties being half, and whether there are any ties."""
    below, u, has_ties = 0, 0.0, False
    for first, second in counts:
        u += first * (below + second / 2)
        below += second
        has_ties = has_ties or first + second > 1
    return u, has_ties


def _approximate(u: float, n: int, m: int, counts: Sequence[tuple[int, int]]) -> float:
    total = n + m
    ties = sum((first + second) ** 3 - (first + second) for first, second in counts)
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = max(0.0, abs(u - n * m / 2) - 0.5)
    return min(1.0, 2 * normal_tail(distance / math.sqrt(variance)))


def _exact(u: float, n: int, m: int) -> float:
    """The chance of a statistic as far from the middle as u, which is on the upper side."""
    ways = _ways(n, m)
    tail = sum(ways[math.ceil(u) :])
    return min(1.0, 2 * tail / sum(ways))


def _ways(n: int, m: int) -> list[int]:
    """In how many orders of all values the first group wins 0, 1, … n·m pairs.

    They are the coefficients of the Gaussian binomial: the product of (1 − q^(m+i)) / (1 − q^i).
    """
    n, m = min(n, m), max(n, m)
    ways = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for k in range(n * m, m + i - 1, -1):
            ways[k] -= ways[k - m - i]
        for k in range(i, n * m + 1):
            ways[k] += ways[k - i]
    return ways

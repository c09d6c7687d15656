"""Tests that assume no distribution: quantiles from binomial counts, and the Mann-Whitney test.

Values come as counts: by bucket, an integer in the order of the values, or by distinct value.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from apilog.statistics.distributions import binomial_at_least, binomial_at_most
from apilog.statistics.two_samples import normal_tail


@dataclass(frozen=True, slots=True)
class RankedBuckets:
    """Values in buckets, at least one."""

    buckets: tuple[int, ...]
    """Ascending, none empty."""
    cumulative: tuple[int, ...]
    """How many values lie in each bucket and in those before."""

    @classmethod
    def from_counts(cls, histogram: Mapping[int, int]) -> RankedBuckets:
        """The counts by bucket."""
        buckets = sorted(bucket for bucket, n in histogram.items() if n)
        return cls(tuple(buckets), tuple(accumulate(histogram[bucket] for bucket in buckets)))

    @property
    def total(self) -> int:
        """How many values there are."""
        return self.cumulative[-1]

    def count_up_to(self, bucket: int) -> int:
        """How many values lie in this bucket or before."""
        index = bisect_right(self.buckets, bucket)
        return self.cumulative[index - 1] if index else 0

    def bucket_at(self, rank: int) -> int:
        """The bucket of the value at that rank, from 0."""
        return self.buckets[bisect_right(self.cumulative, rank)]


def quantile_interval(
    ranked: RankedBuckets, q: float, confidence: float
) -> tuple[int | None, int | None]:
    """The buckets of the bounds of the q-quantile; None where there are too few values for one.

    >>> quantile_interval(RankedBuckets.from_counts(dict.fromkeys(range(100), 1)), 0.5, 0.95)
    (39, 60)
    """
    alpha = (1 - confidence) / 2
    n, counts = ranked.total, range(ranked.total + 1)
    # So many values below the quantile are not unlikely; so many are too many to be likely.
    few = bisect_left(counts, True, key=lambda k: binomial_at_most(k, n, q) > alpha)
    many = bisect_left(counts, True, key=lambda k: binomial_at_least(k, n, q) <= alpha)
    return (
        ranked.bucket_at(few - 1) if few else None,
        ranked.bucket_at(many - 1) if many <= n else None,
    )


def separation_p_value(
    lower: RankedBuckets,
    upper: RankedBuckets,
    q: float,
    edge_of: Callable[[int], int] = lambda bucket: bucket,
) -> float:
    """The p-value against upper's q-quantile being at most lower's: where their bounds separate.

    It is the least level at which there is an edge so that lower's quantile is below it and
    upper's above, each at that level. Where the two are not on one scale, `edge_of` gives the
    bucket of `upper` that what the upper edge of a bucket of `lower` stands for falls into.
    """

    def is_below(bucket: int) -> float:
        return binomial_at_least(lower.count_up_to(bucket), lower.total, q)

    def is_above(bucket: int) -> float:
        return binomial_at_most(upper.count_up_to(edge_of(bucket)), upper.total, q)

    # The higher the edge, the surer the one and the less sure the other.
    edges = lower.buckets
    crossing = bisect_left(edges, True, key=lambda b: is_above(b) >= is_below(b))
    near = edges[max(0, crossing - 1) : crossing + 1]
    return min(1.0, min(max(is_below(b), is_above(b)) for b in near))


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
    u, has_ties = _u_statistic(observed)
    if not has_ties and min(n, m) <= _EXACT_SMALLER and n * m <= _EXACT_PAIRS:
        return _exact_p_value(max(u, n * m - u), n, m)
    return _approximate_p_value(u, n, m, observed)


def _u_statistic(counts: Sequence[tuple[int, int]]) -> tuple[float, bool]:
    """How many pairs the first group wins, ties being half, and whether there are any ties."""
    below, u, has_ties = 0, 0.0, False
    for first, second in counts:
        u += first * (below + second / 2)
        below += second
        has_ties = has_ties or first + second > 1
    return u, has_ties


def _approximate_p_value(u: float, n: int, m: int, counts: Sequence[tuple[int, int]]) -> float:
    total = n + m
    ties = sum((first + second) ** 3 - (first + second) for first, second in counts)
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = max(0.0, abs(u - n * m / 2) - 0.5)
    return min(1.0, 2 * normal_tail(distance / math.sqrt(variance)))


def _exact_p_value(u: float, n: int, m: int) -> float:
    """The chance of a statistic as far from the middle as u, which is on the upper side."""
    ways = _count_orders(n, m)
    tail = sum(ways[math.ceil(u) :])
    return min(1.0, 2 * tail / sum(ways))


def _count_orders(n: int, m: int) -> list[int]:
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

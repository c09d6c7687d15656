"""Tests that assume no distribution: quantiles from binomial counts, and the Mann-Whitney test.

Values come as counts: by bucket, an integer in the order of the values, or by distinct value.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from apilog.statistics.distributions import binomial_at_least, binomial_at_most, normal_tail


@dataclass(frozen=True, slots=True)
class RankedBuckets:
    """Values in buckets, at least one."""

    buckets: tuple[int, ...]
    """Ascending, none empty."""
    cumulative: tuple[int, ...]
    """How many values lie in each bucket and in those before."""

    @classmethod
    def from_counts(cls, histogram: Mapping[int, int]) -> RankedBuckets:
        """Return the ranks of values that are counted by bucket."""
        buckets = sorted(bucket for bucket, n in histogram.items() if n)
        return cls(tuple(buckets), tuple(accumulate(histogram[bucket] for bucket in buckets)))

    @property
    def total(self) -> int:
        return self.cumulative[-1]

    def count_up_to(self, bucket: int) -> int:
        """Return how many values lie in this bucket or before."""
        index = bisect_right(self.buckets, bucket)
        return self.cumulative[index - 1] if index else 0

    def bucket_at(self, rank: int) -> int:
        """Return the bucket of the value at that rank, from 0."""
        return self.buckets[bisect_right(self.cumulative, rank)]


def quantile_interval(
    ranked: RankedBuckets, q: float, confidence: float
) -> tuple[int | None, int | None]:
    """Return the buckets that bound the q-quantile; None where there are too few values for one.

    >>> quantile_interval(RankedBuckets.from_counts(dict.fromkeys(range(100), 1)), 0.5, 0.95)
    (39, 60)
    """
    # Of n values, the number below the q-quantile of their distribution is binomial with n and q,
    # whatever the distribution: Conover, Practical Nonparametric Statistics (1999), section 3.2.
    alpha = (1 - confidence) / 2
    n, counts = ranked.total, range(ranked.total + 1)
    # The fewest values below the quantile that are not unlikely, and the first that are too many.
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
    """Return the p-value against upper's q-quantile being at most lower's.

    It is the least level at which some edge has lower's quantile below it and upper's above, each
    at that level. Where the two are not on one scale, `edge_of` gives the bucket of `upper` that
    the upper edge of a bucket of `lower` falls into.
    """

    def is_below(bucket: int) -> float:
        return binomial_at_least(lower.count_up_to(bucket), lower.total, q)

    def is_above(bucket: int) -> float:
        return binomial_at_most(upper.count_up_to(edge_of(bucket)), upper.total, q)

    # The higher the edge, the surer the one and the less sure the other: the best edge is where
    # they cross.
    edges = lower.buckets
    crossing = bisect_left(edges, True, key=lambda b: is_above(b) >= is_below(b))
    near = edges[max(0, crossing - 1) : crossing + 1]
    return min(1.0, min(max(is_below(b), is_above(b)) for b in near))


_EXACT_SMALLER_GROUP = 8
_EXACT_PAIRS = 4_000


def mann_whitney(counts: Iterable[tuple[int, int]]) -> float | None:
    """Return the two-sided p-value of the Mann-Whitney test; None if a group is empty.

    Takes how often the first and the second group have each distinct value, in ascending order
    of the values. It is the normal approximation with corrections for ties and continuity, or for
    small groups without ties the exact distribution. 1 if all values are equal.

    >>> round(mann_whitney([(1, 0), (1, 0), (0, 1), (1, 0), (0, 1), (0, 1)]), 3)
    0.2
    """
    # Mann and Whitney (1947), https://doi.org/10.1214/aoms/1177730491
    pairs = [*counts]
    n, m = sum(first for first, _ in pairs), sum(second for _, second in pairs)
    if not n or not m:
        return None
    # u: how many pairs of both groups the first one wins, a tie being half.
    u, below, ties = 0.0, 0, 0
    for first, second in pairs:
        u += first * (below + second / 2)
        below += second
        ties += (first + second) ** 3 - (first + second)
    if not ties and min(n, m) <= _EXACT_SMALLER_GROUP and n * m <= _EXACT_PAIRS:
        # In how many orders of all values the first group wins 0, 1, … n·m pairs: the coefficients
        # of the Gaussian binomial, the product of (1 − q^(m+i)) / (1 − q^i),
        # https://dlmf.nist.gov/26.9#ii
        small, large = min(n, m), max(n, m)
        ways = [1] + [0] * (n * m)
        for i in range(1, small + 1):
            for k in range(n * m, large + i - 1, -1):
                ways[k] -= ways[k - large - i]
            for k in range(i, n * m + 1):
                ways[k] += ways[k - i]
        return min(1.0, 2 * sum(ways[math.ceil(max(u, n * m - u)) :]) / sum(ways))
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = max(0.0, abs(u - n * m / 2) - 0.5)
    return min(1.0, 2 * normal_tail(distance / math.sqrt(variance)))

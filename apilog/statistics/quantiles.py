"""Quantiles of values in buckets, by how likely so many of them lie below an edge.

Of n values, the number that lies below the q-quantile of their distribution is binomial with n
and q, whatever the distribution (Conover 1999, section 3.2). Buckets are integers in the order
of their values.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from apilog.statistics.tails import binomial_at_least, binomial_at_most


@dataclass(frozen=True, slots=True)
class Ranked:
    """Values in buckets, at least one."""

    buckets: tuple[int, ...]
    """Ascending, none empty."""
    upto: tuple[int, ...]
    """How many values lie in each bucket and in those before."""

    @classmethod
    def of(cls, histogram: Mapping[int, int]) -> Ranked:
        """The counts by bucket."""
        buckets = sorted(bucket for bucket, n in histogram.items() if n)
        return cls(tuple(buckets), tuple(accumulate(histogram[bucket] for bucket in buckets)))

    @property
    def n(self) -> int:
        """How many values there are."""
        return self.upto[-1]

    def within(self, bucket: int) -> int:
        """How many values lie in this bucket or before."""
        index = bisect_right(self.buckets, bucket)
        return self.upto[index - 1] if index else 0

    def at(self, rank: int) -> int:
        """The bucket of the value at that rank, from 0."""
        return self.buckets[bisect_right(self.upto, rank)]


def quantile_interval(ranked: Ranked, q: float, confidence: float) -> tuple[int | None, int | None]:
    """The buckets of the bounds of the q-quantile; None where there are too few values for one.

    >>> quantile_interval(Ranked.of(dict.fromkeys(range(100), 1)), 0.5, 0.95)
    (39, 60)
    """
    alpha = (1 - confidence) / 2
    n, counts = ranked.n, range(ranked.n + 1)
    # So many values below the quantile are not unlikely; so many are too many to be likely.
    few = bisect_left(counts, True, key=lambda k: binomial_at_most(k, n, q) > alpha)
    many = bisect_left(counts, True, key=lambda k: binomial_at_least(k, n, q) <= alpha)
    return (
        ranked.at(few - 1) if few else None,
        ranked.at(many - 1) if many <= n else None,
    )


def separation(
    lower: Ranked, upper: Ranked, q: float, edge_of: Callable[[int], int] = lambda bucket: bucket
) -> float:
    """The p-value against upper's q-quantile being at most lower's: where their bounds separate.

    It is the least level at which there is an edge so that lower's quantile is below it and
    upper's above, each at that level. Where the two are not on one scale, `edge_of` gives the
    bucket of `upper` that what the upper edge of a bucket of `lower` stands for falls into.
    """

    def is_below(bucket: int) -> float:
        return binomial_at_least(lower.within(bucket), lower.n, q)

    def is_above(bucket: int) -> float:
        return binomial_at_most(upper.within(edge_of(bucket)), upper.n, q)

    # The higher the edge, the surer the one and the less sure the other.
    edges = lower.buckets
    crossing = bisect_left(edges, True, key=lambda b: is_above(b) >= is_below(b))
    near = edges[max(0, crossing - 1) : crossing + 1]
    return min(1.0, min(max(is_below(b), is_above(b)) for b in near))

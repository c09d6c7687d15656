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


class QuantileBounds:
    """A quantile on the scale of the buckets, where bucket b lies between b − 1 and b.

    Values are taken as spread evenly over their bucket, and over half of the empty ones beside it:
    no quantile is known more exactly than the values were written down.
    """

    def __init__(
        self, ranked: RankedBuckets, q: float, scale: Callable[[float], float] = lambda u: u
    ) -> None:
        """`scale` maps positions, which keep their order: a factor, or a margin."""
        self._ranked = ranked
        self._q = q
        self._scale = scale
        self._rank = q * ranked.total
        self.value = scale(self._position(self._rank))
        cell = bisect_left(ranked.cumulative, self._rank)
        self.cell = scale(self._edge(cell - 1)), scale(self._edge(cell))
        """The edges within which nothing is told apart."""

    def low(self, z: float) -> float | None:
        """Return the bound that is as far below as a normal value's is at −z deviations."""
        return self._bound(-z)

    def high(self, z: float) -> float | None:
        """Return the bound above; None if there are too few values for one."""
        return self._bound(z)

    def _bound(self, z: float) -> float | None:
        # The number of values below the quantile is binomial, whatever the distribution: Conover,
        # Practical Nonparametric Statistics (1999), section 3.2. Its quantile is that of Cornish
        # and Fisher (1938), https://doi.org/10.2307/1400905, with the skewness (1 − 2q) / σ.
        q, n = self._q, self._ranked.total
        deviation, skew = math.sqrt(n * q * (1 - q)), 1 - 2 * q
        # Beyond its turning point, which few values reach, the expansion says nothing.
        turn = 3 * deviation / abs(skew) if skew else math.inf
        z_used = math.copysign(min(abs(z), turn), z) if z * skew < 0 else z
        rank = self._rank + z_used * deviation + (z_used**2 - 1) * skew / 6
        return self._scale(self._position(rank)) if 0 <= rank <= n else None

    def _position(self, rank: float) -> float:
        """Return where so many values lie below."""
        cell = bisect_left(self._ranked.cumulative, rank)
        below = self._ranked.cumulative[cell - 1] if cell else 0
        share = (rank - below) / (self._ranked.cumulative[cell] - below)
        low, high = self._edge(cell - 1), self._edge(cell)
        return low + (high - low) * share

    def _edge(self, cell: int) -> float:
        """Return the upper edge of an occupied bucket; −1 is the lower edge of the first."""
        buckets = self._ranked.buckets
        if cell < 0:
            return buckets[0] - 1.0
        if cell + 1 == len(buckets):
            return float(buckets[cell])
        return (buckets[cell] + buckets[cell + 1] - 1) / 2


_HIGHEST_Z = 8.0
"""The deviations beyond which no p-value is told apart; its tail is 6e-16."""


def quantile_excess(upper: QuantileBounds, lower: QuantileBounds, z: float) -> float | None:
    """Return the least by which upper's quantile exceeds lower's, at z deviations.

    The distances to the bounds add up as squares: Zou and Donner (2008),
    https://doi.org/10.1002/sim.3095. None where there are too few values for a bound.
    """
    low, high = upper.low(z), lower.high(z)
    if low is None or high is None:
        return None
    middle = upper.value - lower.value
    return middle - math.hypot(upper.value - low, high - lower.value)


def quantile_p_value(upper: QuantileBounds, lower: QuantileBounds) -> float:
    """Return the one-sided p-value against upper's quantile being at most lower's.

    It is the level at which the bounds of their difference leave out 0. Where the buckets of the
    two touch, values written with finite precision make the difference, and it is 0.5.
    """
    if upper.value <= lower.value:
        return 1.0 - quantile_p_value(lower, upper) if upper.value < lower.value else 0.5
    # A scale rounds: the same edge of both may differ by that.
    if upper.cell[0] < lower.cell[1] - _ROUNDING:
        return 0.5

    def is_beyond(z: float) -> bool:
        excess = quantile_excess(upper, lower, z)
        return excess is not None and excess > 0

    low, high = 0.0, _HIGHEST_Z
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_beyond(middle) else (low, middle)
    return normal_tail(low)


_HALVINGS = 40
_ROUNDING = 1e-9


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

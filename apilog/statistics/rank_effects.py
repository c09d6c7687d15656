"""How much the values of one group are above those of another, as the Mann-Whitney test sees it.

The test, the effect and its interval are of one quantity: how often a value of the first group is
above one of the second. So they can't disagree, and few large values don't decide.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate

from apilog.statistics.rank_tests import mann_whitney
from apilog.statistics.two_samples import Bounds

_STEPS = 45
"""Halvings of a range of logarithms: the last is below 1e-11 of any that doubles can span."""


class ValueCounts:
    """Values of at least 0, each with how often it occurs; at least one."""

    def __init__(self, counts: Mapping[float, int]) -> None:
        self.values = sorted(value for value, n in counts.items() if n)
        self.counts = [counts[value] for value in self.values]
        self.upto = [0, *accumulate(self.counts)]
        self.total = self.upto[-1]

    @property
    def least_positive(self) -> float | None:
        """The least value above 0; None if all are 0."""
        return next((value for value in self.values if value > 0), None)

    def scaled(self, factor: float) -> dict[float, int]:
        """Return the counts of the values times a factor."""
        scaled: dict[float, int] = {}
        for value, n in zip(self.values, self.counts, strict=True):
            scaled[value * factor] = scaled.get(value * factor, 0) + n
        return scaled


def superiority(first: ValueCounts, second: ValueCounts, factor: float = 1.0) -> float:
    """Return how often a value of `first` is above factor · a value of `second`, a tie being half.

    It is the Mann-Whitney statistic over the number of pairs, the measure of stochastic
    superiority: Vargha and Delaney (2000), https://doi.org/10.3102/10769986025002101

    >>> superiority(ValueCounts({5: 198, 600: 2}), ValueCounts({10: 200}))
    0.01
    """
    wins = 0.0
    for value, n in zip(first.values, first.counts, strict=True):
        edge = value / factor
        below = second.upto[bisect_left(second.values, edge)]
        upto = second.upto[bisect_right(second.values, edge)]
        wins += n * (below + upto) / 2
    return wins / (first.total * second.total)


def typical_ratio(first: ValueCounts, second: ValueCounts) -> float | None:
    """Return the median of the ratios of all pairs: by how much `second` would have to be scaled.

    It is the Hodges-Lehmann estimate of a shift of the logarithms: Hodges and Lehmann (1963),
    https://doi.org/10.1214/aoms/1177704172. 1 if neither is superior; None if it has no bound.

    >>> round(typical_ratio(ValueCounts({5: 198, 600: 2}), ValueCounts({10: 200})), 9)
    0.5
    """
    if superiority(first, second) == 0.5:
        return 1.0
    limits = _search_limits(first, second)
    low = _crossing(lambda factor: superiority(first, second, factor) > 0.5, limits)
    high = _crossing(lambda factor: superiority(first, second, factor) >= 0.5, limits)
    return None if low is None or high is None else math.sqrt(low * high)


def ratio_interval(first: ValueCounts, second: ValueCounts, confidence: float = 0.95) -> Bounds:
    """Return the ratios at which the Mann-Whitney test finds no difference; None: no bound.

    That is the interval of `typical_ratio` if the values of the groups differ by a factor.
    """
    limits = _search_limits(first, second)
    alpha = 1 - confidence

    def differs(factor: float) -> bool:
        counts, others = first.scaled(1.0), second.scaled(factor)
        merged = ((counts.get(v, 0), others.get(v, 0)) for v in sorted({*counts, *others}))
        p_value = mann_whitney(merged)
        return p_value is not None and p_value <= alpha

    def is_above(factor: float) -> bool:
        return superiority(first, second, factor) > 0.5 and differs(factor)

    def is_not_below(factor: float) -> bool:
        return superiority(first, second, factor) >= 0.5 or not differs(factor)

    return _crossing(is_above, limits), _crossing(is_not_below, limits)


def _search_limits(first: ValueCounts, second: ValueCounts) -> tuple[float, float]:
    """Return logarithms below and above those of all ratios."""
    least, other_least = first.least_positive, second.least_positive
    if least is None or other_least is None:
        return -1.0, 1.0  # no factor changes who is above
    return (
        math.log(least) - math.log(second.values[-1]) - 1,
        math.log(first.values[-1]) - math.log(other_least) + 1,
    )


def _crossing(holds: Callable[[float], bool], limits: tuple[float, float]) -> float | None:
    """Return up to which factor a condition holds; 0 if it never does, None if always.

    Where it holds is to the left of where it does not.
    """
    low, high = limits
    if holds(math.exp(high)):
        return None
    if not holds(math.exp(low)):
        return 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(math.exp(middle)) else (low, middle)
    # It is a ratio of two values, which most often is a short number.
    return float(f"{math.exp((low + high) / 2):.10g}")

"""Counts over time, as of requests: Poisson where they come independently of each other."""

from __future__ import annotations

import math
from typing import NamedTuple

from apilog.statistics.proportions import (
    Alternative,
    Interval,
    normal_p_value,
    normal_quantile,
)
from apilog.statistics.tails import binomial_at_least, binomial_at_most


class Rate(NamedTuple):
    """So many events in so much time, above 0."""

    events: int
    time: float

    @property
    def value(self) -> float:
        """Events per unit of time."""
        return self.events / self.time


def rate_interval(rate: Rate, confidence: float) -> Interval:
    """The score interval of a Poisson rate: all λ with (events − λ·time)² ≤ z²·λ·time.

    >>> [round(bound, 2) for bound in rate_interval(Rate(10, 1), 0.95)]
    [5.43, 18.41]
    """
    z2 = normal_quantile((1 + confidence) / 2) ** 2
    middle, half = rate.events + z2 / 2, math.sqrt(z2 * (rate.events + z2 / 4))
    return Interval(max(0.0, middle - half) / rate.time, (middle + half) / rate.time)


def two_rates(
    first: Rate,
    second: Rate,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float:
    """The p-value of the test that first is factor · second + margin.

    Without a margin it is exact: the first's share of all events is binomial (Przyborowski and
    Wilenski 1940), both tails doubled. With one, the difference is taken as normal.
    """
    if margin:
        variance = first.events / first.time**2 + factor**2 * second.events / second.time**2
        excess = first.value - factor * second.value - margin
        return normal_p_value(excess, variance, alternative)
    total = first.events + second.events
    share = factor * first.time / (factor * first.time + second.time)
    more = binomial_at_least(first.events, total, share)
    fewer = binomial_at_most(first.events, total, share)
    match alternative:
        case Alternative.GREATER:
            return more
        case Alternative.LESS:
            return fewer
        case Alternative.TWO_SIDED:
            return min(1.0, 2 * min(more, fewer))

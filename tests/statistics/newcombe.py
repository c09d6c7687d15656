"""Newcombe's interval as its paper writes it, beside the general method of the package."""

from __future__ import annotations

import math

from apilog.statistics.two_samples import Interval, Proportion, wilson_interval


def newcombe_interval(
    first: Proportion, second: Proportion, confidence: float = 0.95
) -> Interval | None:
    """Return the interval of the difference first − second (Newcombe 1998, method 10)."""
    one, two = wilson_interval(first, confidence), wilson_interval(second, confidence)
    if one is None or two is None:
        return None
    p, q = first.rate, second.rate
    down = math.hypot(p - one.low, two.high - q)
    up = math.hypot(one.high - p, q - two.low)
    return Interval(p - q - down, p - q + up)

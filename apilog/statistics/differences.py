"""The interval of a difference, put together from the intervals of its two sides."""

from __future__ import annotations

import math

Bounds = tuple[float | None, float | None]
"""Low and high; None where the data bound nothing."""


def difference(first: float, around: Bounds, second: float, around_second: Bounds) -> Bounds:
    """The interval of first − second: distances to the bounds add up as squares.

    The method of variance estimates recovery (Zou and Donner 2008). From two Wilson intervals it
    makes Newcombe's.

    >>> [round(bound, 2) for bound in difference(10, (7, 14), 5, (4, 9))]
    [0.0, 9.12]
    """
    (low, high), (low2, high2) = around, around_second
    middle = first - second
    return (
        None if low is None or high2 is None else middle - math.hypot(first - low, high2 - second),
        None if high is None or low2 is None else middle + math.hypot(high - first, second - low2),
    )

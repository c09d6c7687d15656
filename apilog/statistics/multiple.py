"""Many tests at once: p-values that allow for how many there are."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values (Benjamini and Hochberg 1995), in the order given.

    Rejecting all up to q keeps the expected share of false rejections at q. None is a test that
    could not be made: it does not count and stays None.

    >>> benjamini_hochberg([0.01, None, 0.04, 0.03])
    [0.03, None, 0.04, 0.04]
    """
    made = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    least = 1.0
    for rank, (p, i) in reversed([*enumerate(made, 1)]):
        least = min(least, p * len(made) / rank)
        adjusted[i] = least
    return adjusted

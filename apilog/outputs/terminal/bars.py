"""Bars and sparklines out of block characters.

A value above zero always shows, and zero never does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_RISING = " ▁▂▃▄▅▆▇█"
_GROWING = " ▏▎▍▌▋▊▉█"


def bar(fraction: float | None, width: int) -> str:
    """A bar of up to `width` cells, in eighths of a cell."""
    eighths = _eighths(fraction or 0.0, width)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_GROWING[rest] if rest else "")


def chart(values: Sequence[float | None], height: int) -> list[str]:
    """Columns of up to `height` cells, scaled to the largest value; from the top down."""
    largest = max((value for value in values if value is not None), default=0.0)
    levels = [
        _eighths((value or 0.0) / largest if largest > 0 else 0.0, height) for value in values
    ]
    return [
        "".join(_RISING[min(8, max(0, level - 8 * row))] for level in levels)
        for row in reversed(range(height))
    ]


def _eighths(fraction: float, cells: int) -> int:
    if not math.isfinite(fraction) or fraction <= 0:
        return 0
    return min(8 * cells, max(1, round(fraction * 8 * cells)))

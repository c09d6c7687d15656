"""How much is tried: few examples of a property and few cases while one works."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("APILOG_EXAMPLES") or 8)
"""The number where a test does not say how many."""

CASES = int(os.environ.get("APILOG_CASES") or 1)
"""How many cases of a test run that is not slow; the others are slow variations of it."""


def about(count: int) -> int:
    """Return how many examples to try where one takes long: so many, as 25 are tried elsewhere."""
    return max(1, count * EXAMPLES // 25)

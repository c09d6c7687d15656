"""How many examples of a property are tried: few while one works, more of them in CI."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("APILOG_EXAMPLES") or 25)
"""The number where a test does not say how many."""


def about(count: int) -> int:
    """Return how many examples to try where one takes long: so many, and more in CI."""
    return max(1, count * EXAMPLES // 25)

"""Logs of a small API: how many requests, how many of them fail, and how long they take."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.weblog import line, write


def traffic(
    requests: int,
    errors: int,
    *,
    ms: float = 40,
    path: str = "/v1/orders/7",
    start: float = 0,
    seconds: float = 3600,
    method: str = "GET",
    status: int = 500,
    seed: int = 1,
) -> Iterator[str]:
    """Exactly so many errors, durations around `ms`, evenly over the time."""
    rng = random.Random(seed)
    bad = set(rng.sample(range(requests), errors))
    for i in range(requests):
        yield line(
            path,
            after=start + i * seconds / max(1, requests),
            status=status if i in bad else 200,
            ms=max(1, round(rng.lognormvariate(0, 0.5) * ms)),
            method=method,
        )


def log(path: Path, *parts: Iterator[str]) -> Path:
    """A log of these requests."""
    return write(path, (text for part in parts for text in part))

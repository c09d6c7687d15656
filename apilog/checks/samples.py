"""What was measured of some requests, as far as a threshold needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[str | int | None, ...]
"""Values of the columns that a threshold is evaluated for each of; empty for all requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of a metric, and what chance can have had to do with it."""

    value: float | None
    """None where nothing tells it, as a latency without durations."""
    size: int
    """What it was measured on: requests, of a latency those with a duration."""
    events: int | None = None
    """Of a proportion: how many of them."""
    histogram: Mapping[int, int] = field(default_factory=dict)
    """Of a latency: count by bucket."""
    seconds: float | None = None
    """Length of the window, for what counts or is per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All samples for one threshold."""

    samples: Mapping[Key, Sample]
    """By the values of its `each`; without one there is a sample for the key `()`."""
    total: int
    """Everything that was looked at in the window, whatever the threshold chooses of it."""
    seconds: float | None = None
    """Length of the window."""
    others: Mapping[Key, Sample] = field(default_factory=dict)
    """What is in no value of the columns: without one, or folded into a row of several."""
    unnamed: int = 0
    """Requests of the others."""

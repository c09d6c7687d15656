"""Samples: values of metrics, with the evidence that says how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apilog.aggregate import OTHER_TEXT
from apilog.checks.time_slices import TimeSlices

SampleKey = tuple[str | int | None, ...]
"""Values of the columns that a threshold is evaluated for each of; empty for all requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSample:
    """One value of a metric, with the evidence that a statistical test needs."""

    value: float | None
    """None where the logs lack it, such as a latency without durations."""
    size: int
    """The number of requests it was measured on; for a latency, those with a duration."""
    events: int | None = None
    """The number of them that count, for a proportion, count or rate; None where what is called a
    proportion also counts others than these requests."""
    histogram: Mapping[int, int] = field(default_factory=dict)
    """For a latency, the count of each bucket."""
    seconds: float | None = None
    """The length of the window."""
    slices: TimeSlices | None = None
    """The events over time; None where they were not measured, or do not add up to the sample."""
    relative_error: float = 0.0
    """The standard error of a value that is an estimate, as a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSamples:
    """All samples for one threshold."""

    samples: Mapping[SampleKey, MetricSample]
    """The samples by the values of its `each`; without one there is one for the key `()`."""
    total: int
    """All requests of the window, whatever the threshold chooses of them."""
    seconds: float | None = None
    """The length of the window."""
    others: Mapping[SampleKey, MetricSample] = field(default_factory=dict)
    """The samples of rows without a value, and of those that several values are folded into."""
    unnamed: int = 0
    """The number of requests in the others."""

    @property
    def is_folded(self) -> bool:
        """Whether there are values without a sample of their own, which the others sum up."""
        return any(OTHER_TEXT in key for key in self.others)

"""Dispersion: how much more slices of time vary than independent events would.

Errors come together, and traffic has good and bad days. What that adds to the variance of a slice
is measured over slices, and gives the design effect of a whole window: by how many times the
variance of its value exceeds that of independent events (Kish, Survey Sampling, 1965, section 5.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from apilog.statistics.distributions import (
    chi_square_tail,
    normal_quantile,
    normal_tail,
    student_quantile,
    student_tail,
)


class SliceCount(NamedTuple):
    """The requests of a slice, and how many of them something happened to."""

    n: int
    events: int


class Dispersion(NamedTuple):
    """What slices vary by, beyond chance among independent events."""

    extra: float
    """Of proportions the correlation within a slice, of counts the squared coefficient of variation
    between slices; 0 where they vary by no more than chance."""
    degrees: float
    """The degrees of freedom that it was measured with."""


def proportion_dispersion(groups: Iterable[Sequence[SliceCount]]) -> Dispersion | None:
    """Return the dispersion of slices around the proportion of their group.

    It is the variance between clusters of Rao and Scott (1992), https://doi.org/10.2307/2532311.
    None where nothing happened, or no group has two slices with requests.
    """
    squares = expected = pairs = degrees = 0.0
    for group in groups:
        n, events = sum(s.n for s in group), sum(s.events for s in group)
        if not 0 < events < n:
            continue
        rate = events / n
        sizes = sum(s.n**2 for s in group)
        # As many slices of one size would say as much.
        slices = n * n / sizes
        if slices < 2 - 1e-9:
            continue
        variance = rate * (1 - rate)
        squares += sum((s.events - s.n * rate) ** 2 for s in group)
        expected += n * variance * (1 - 1 / slices)
        pairs += (sizes - n) * variance * (1 - 1 / slices)
        degrees += slices - 1
    if pairs <= 0:
        return None
    return Dispersion(max(0.0, (squares - expected) / pairs), degrees)


def proportion_design_effect(sizes: Iterable[int], correlation: float) -> float:
    """Return the design effect of a proportion over slices of these sizes.

    >>> proportion_design_effect([101, 101], 0.02)
    3.0
    """
    sizes = [*sizes]
    n = sum(sizes)
    return 1 + (sum(size * size for size in sizes) / n - 1) * correlation if n else 1.0


def count_dispersion(groups: Iterable[Sequence[int]], cycle: int = 1) -> Dispersion | None:
    """Return the dispersion of counts around the mean of their group.

    With a `cycle` it is around the mean of the same place in it, such as the day of the week.
    None where nothing was counted, or there is one count for each mean.
    """
    squares = expected = weight = degrees = 0.0
    for group in groups:
        for place in range(min(cycle, len(group))):
            counts = group[place::cycle]
            mean, free = sum(counts) / len(counts), len(counts) - 1
            squares += sum((count - mean) ** 2 for count in counts)
            expected += free * mean
            weight += free * mean**2
            degrees += free
    if not weight:
        return None
    return Dispersion(max(0.0, (squares - expected) / weight), degrees)


def count_design_effect(expected: float, slices: float, variation: float) -> float:
    """Return the design effect of a count of so many expected events over so many slices.

    >>> count_design_effect(1000, 10, 0.01)
    2.0
    """
    return 1 + variation * expected / max(1.0, slices)


def is_more_dispersed(degrees: float, ratio: float) -> bool:
    """Return whether a variance is significantly more than another, which is known, at 5 %."""
    return chi_square_tail(ratio * degrees, max(1, round(degrees))) < 0.05


def widen_p_value(p: float, degrees: float) -> float:
    """Return a p-value of the normal distribution as one of Student's.

    So it allows for a variance that was measured with few degrees of freedom.
    """
    if p in (0.0, 1.0):
        return p
    if p > 0.5:
        return 1.0 - widen_p_value(1.0 - p, degrees)
    return student_tail(-normal_quantile(p), degrees)


def widen_confidence(confidence: float, degrees: float) -> float:
    """Return the confidence at which a normal interval is as wide as Student's, two-sided."""
    return 1 - 2 * normal_tail(student_quantile((1 + confidence) / 2, degrees))

"""What is said of figures that are estimates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from apilog.report_model import PREVIOUS, EstimatedColumn
from apilog.text.units import format_ratio

_FAR = 3
"""So many standard errors off an estimate is hardly ever: once in 370 of them."""


def describe_estimates(estimates: Iterable[EstimatedColumn]) -> Iterator[str]:
    """Say which columns have estimates, and how far off they may be."""
    by_error: dict[float, list[str]] = {}
    for found in dict.fromkeys(estimates):
        place = "the window before" if found.table == PREVIOUS else found.table
        by_error.setdefault(found.relative_error, []).append(f"{found.column} in {place}")
    for error, columns in sorted(by_error.items()):
        yield (
            f"too many distinct values to count one by one: large numbers of "
            f"{', '.join(columns)} are estimates, right within {format_ratio(_FAR * error)}"
        )

"""Numbers with units: which units a metric takes, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from apilog.checks.threshold import Quantity
from apilog.metrics import Unit

_POINTS: Mapping[str, Fraction] = {"pp": Fraction(1, 100)}
UNITS: Mapping[Unit, Mapping[str, Fraction]] = {
    Unit.RATIO: {"%": Fraction(1, 100)},
    Unit.MILLISECONDS: {
        "us": Fraction(1, 1000),
        "ms": Fraction(1),
        "s": Fraction(1000),
        "m": Fraction(60_000),
        "h": Fraction(3_600_000),
    },
    Unit.BYTES: {
        "B": Fraction(1),
        **{f"{p}B": Fraction(1000**n) for n, p in enumerate(("k", "M", "G", "T"), 1)},
        **{f"{p}iB": Fraction(1024**n) for n, p in enumerate(("K", "M", "G", "T"), 1)},
    },
    Unit.HOURS: {"m": Fraction(1, 60), "h": Fraction(1), "d": Fraction(24), "w": Fraction(168)},
    Unit.DAYS: {"h": Fraction(1, 24), "d": Fraction(1), "w": Fraction(7)},
    Unit.PER_SECOND: {"/s": Fraction(1), "/min": Fraction(1, 60), "/h": Fraction(1, 3600)},
}
"""For each unit of a metric, those that its limits may be written in, and their worth."""


def units_of(unit: Unit, *, is_margin: bool) -> Mapping[str, Fraction]:
    """The units of a limit, or of what is added to a baseline.

    A percentage that is added would be one of two things, so there are points instead.
    """
    return _POINTS if is_margin and unit is Unit.RATIO else UNITS.get(unit, {})


def quantity(number: str, unit: str, units: Mapping[str, Fraction]) -> Quantity:
    """The number in one of the units; without one it is in the metric's own."""
    worth = units[unit] if unit else Fraction(1)
    return Quantity(number=number, unit=unit, value=float(Fraction(number) * worth))

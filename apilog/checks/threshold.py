"""What a threshold says, as plain values; `str` writes it as it is parsed.

A number keeps the text and the unit that it was written with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from apilog.metrics import METRICS, Metric


class Operator(StrEnum):
    """How a metric has to compare with its limit."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="

    @property
    def is_upper(self) -> bool:
        """Whether the limit is one that must not be exceeded."""
        return self in (Operator.LESS, Operator.AT_MOST)

    def holds(self, value: float, limit: float) -> bool:
        """Whether the value is on the right side of the limit."""
        return _COMPARE[self](value, limit)


_COMPARE: dict[Operator, Callable[[float, float], bool]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number with a unit."""

    number: str
    """Digits, as they were written."""
    unit: str = ""
    value: float
    """In the metric's own unit: a ratio, milliseconds, bytes, per second, or plain."""

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A limit that is a number."""

    quantity: Quantity

    def __str__(self) -> str:
        return str(self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A limit that is the baseline's value, times a factor or with a margin added."""

    times: Quantity | None = None
    plus: Quantity | None = None
    minus: Quantity | None = None

    @property
    def factor(self) -> float:
        """What the baseline is multiplied by."""
        return self.times.value if self.times else 1.0

    @property
    def margin(self) -> float:
        """What is added to the baseline; may be negative."""
        if self.minus:
            return -self.minus.value
        return self.plus.value if self.plus else 0.0

    def of(self, baseline: float) -> float:
        """The limit for a value of the baseline."""
        return baseline * self.factor + self.margin

    def __str__(self) -> str:
        for sign, quantity in (("*", self.times), ("+", self.plus), ("-", self.minus)):
            if quantity:
                return f"baseline {sign} {quantity}"
        return "baseline"


Limit = Fixed | Baseline


Where = tuple[tuple[str, str], ...]
"""Columns and the texts that they have to equal; no two are of one column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A metric of some requests, for each value of some columns."""

    metric: Metric
    where: Where = ()
    each: tuple[str, ...] = ()


ENDPOINT = ("gateway", "method", "route")
ROUTES = Subject(metric=METRICS["requests"], each=ENDPOINT)
"""Which routes there are."""
GATEWAYS = Subject(metric=METRICS["requests"], each=("gateway",))
"""Which gateways wrote the logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A metric, of which requests, and the limit it has to keep."""

    metric: Metric
    operator: Operator
    limit: Limit
    where: Where = ()
    """Of which requests."""
    each: tuple[str, ...] = ()
    """Columns for each of whose values it is evaluated."""

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return Subject(metric=self.metric, where=self.where, each=self.each)

    @property
    def is_comparison(self) -> bool:
        """Whether it needs a baseline."""
        return isinstance(self.limit, Baseline)

    def __str__(self) -> str:
        chosen = ",".join(f"{column}={_quoted(value)}" for column, value in self.where)
        where = f"{{{chosen}}}" if chosen else ""
        each = f" for each {', '.join(self.each)}" if self.each else ""
        return f"{self.metric.name}{where} {self.operator} {self.limit}{each}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

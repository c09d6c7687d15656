"""Thresholds as plain values: what they are about, their limits and the units of these.

`str` writes a threshold as it is parsed: a number keeps its text and its unit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import polars as pl

from apilog.aggregate import REPORTED_SCORE
from apilog.metrics import METRICS, Metric, MetricDefinitions, Unit
from apilog.schema import COLUMNS


class Operator(StrEnum):
    """The way a metric has to compare with its limit."""

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
        return _COMPARISONS[self](value, limit)


_COMPARISONS: dict[Operator, Callable[[float, float], bool]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    number: str
    """The digits as they were written."""
    unit: str = ""
    value: float
    """The number in the metric's own unit: a ratio, milliseconds, bytes, per second, or plain."""

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLimit:
    quantity: Quantity

    def __str__(self) -> str:
        return str(self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineLimit:
    """A limit that is the baseline's value, times a factor or with a margin added."""

    times: Quantity | None = None
    plus: Quantity | None = None
    minus: Quantity | None = None

    @property
    def factor(self) -> float:
        return self.times.value if self.times else 1.0

    @property
    def margin(self) -> float:
        """The margin that is added to the baseline; it may be negative."""
        if self.minus:
            return -self.minus.value
        return self.plus.value if self.plus else 0.0

    def limit_for(self, baseline: float) -> float:
        return baseline * self.factor + self.margin

    def __str__(self) -> str:
        for sign, quantity in (("*", self.times), ("+", self.plus), ("-", self.minus)):
            if quantity:
                return f"baseline {sign} {quantity}"
        return "baseline"


Limit = FixedLimit | BaselineLimit


ColumnValues = tuple[tuple[str, str], ...]
"""Columns and the texts that they have to equal; no two are of one column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSubject:
    """A metric of some requests, for each value of some columns."""

    metric: Metric
    where: ColumnValues = ()
    each: tuple[str, ...] = ()


ENDPOINT_COLUMNS = ("gateway", "method", "route")
"""The columns that tell endpoints apart."""
ROUTE_SUBJECT = MetricSubject(metric=METRICS["requests"], each=ENDPOINT_COLUMNS)
"""The routes that there are."""
GATEWAY_SUBJECT = MetricSubject(metric=METRICS["requests"], each=("gateway",))
"""The gateways that wrote the logs."""


def endpoint_columns_without(where: ColumnValues) -> tuple[str, ...]:
    """Return the columns of an endpoint whose values the condition leaves open."""
    chosen = {column for column, _ in where}
    return tuple(column for column in ENDPOINT_COLUMNS if column not in chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A metric of some requests, and the limit that it has to keep."""

    metric: Metric
    operator: Operator
    limit: Limit
    where: ColumnValues = ()
    """The requests that it is about."""
    each: tuple[str, ...] = ()
    """The columns for each of whose values it is evaluated."""

    @property
    def subject(self) -> MetricSubject:
        """The metric and the requests that it is about."""
        return MetricSubject(metric=self.metric, where=self.where, each=self.each)

    @property
    def is_comparison(self) -> bool:
        """Whether it needs a baseline."""
        return isinstance(self.limit, BaselineLimit)

    def __str__(self) -> str:
        escaped = (
            (column, value.replace("\\", "\\\\").replace('"', '\\"'))
            for column, value in self.where
        )
        chosen = ",".join(f'{column}="{value}"' for column, value in escaped)
        where = f"{{{chosen}}}" if chosen else ""
        each = f" for each {', '.join(self.each)}" if self.each else ""
        return f"{self.metric.name}{where} {self.operator} {self.limit}{each}"


# Fractions, so that 0.3s is 300 ms exactly: a float would miss a limit by its last bit.
_PERCENTAGE_POINTS: Mapping[str, Fraction] = {"pp": Fraction(1, 100)}
UNITS_BY_METRIC_UNIT: Mapping[Unit, Mapping[str, Fraction]] = {
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
"""The units that limits may be written in, and their worth in the metric's own unit."""


def allowed_units(unit: Unit, *, is_margin: bool) -> Mapping[str, Fraction]:
    """Return the units of a limit, or of a margin to the baseline.

    "+ 5%" could mean 5 % of the baseline or 5 points, so that margins of ratios are in points.
    """
    return (
        _PERCENTAGE_POINTS
        if is_margin and unit is Unit.RATIO
        else UNITS_BY_METRIC_UNIT.get(unit, {})
    )


def parse_quantity(number: str, unit: str, units: Mapping[str, Fraction]) -> Quantity:
    """Return the number in one of the units; without one it is in the metric's own."""
    worth = units[unit] if unit else Fraction(1)
    return Quantity(number=number, unit=unit, value=float(Fraction(number) * worth))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCatalogue:
    """The metrics of one kind of things, such as requests, and the columns to choose these by."""

    metrics: Mapping[str, Metric]
    columns: tuple[str, ...]
    """The columns that `{column="value"}` and `for each column` may name."""
    default_limit: tuple[Operator, Limit] | None = None
    """The limit of a metric that is written alone."""


REQUEST_METRICS = MetricCatalogue(
    metrics={name: m for name, m in METRICS.items() if m.unit is not Unit.TIMESTAMP},
    columns=tuple(
        c.name for c in COLUMNS if isinstance(c.dtype, pl.Enum) or c.dtype in (pl.String, pl.Int16)
    ),
)
"""The built-in metrics of requests; columns of texts and statuses choose among these."""


def request_catalogue(definitions: MetricDefinitions) -> MetricCatalogue:
    """Return the metrics of requests, those beside the built-in ones among them."""
    own = {metric.name: metric for metric in definitions.named}
    return replace(REQUEST_METRICS, metrics={**REQUEST_METRICS.metrics, **own})


SCORED_METRICS = {
    f"anomaly({metric})": metric
    for metric in ("requests", "error_rate", "server_error_rate", "latency_p95")
}
"""Metrics that score how unusual the last whole hour is, with the metric that they score."""

ANOMALY_METRICS = MetricCatalogue(
    metrics={
        name: Metric(
            name=name,
            unit=Unit.COUNT,
            definition=f"How unlike the same hour of earlier days the last hour is by {metric}.",
            better="lower",
        )
        for name, metric in SCORED_METRICS.items()
    },
    columns=(),
    default_limit=(
        Operator.LESS,
        FixedLimit(quantity=Quantity(number=f"{REPORTED_SCORE:g}", value=REPORTED_SCORE)),
    ),
)
"""What can be unusual; alone it has to score less than what reports list."""

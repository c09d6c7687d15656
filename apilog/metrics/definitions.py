"""What a metric is made of: accumulators, which merge, and a value that they give.

An accumulator is a sum that merges by adding or an extreme that merges by comparing; beside them
there are histograms and sets. Sums are integers, so that merging in any order gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import polars as pl


class Unit(StrEnum):
    """The unit of a metric's value."""

    COUNT = "count"
    RATIO = "ratio"
    MILLISECONDS = "ms"
    BYTES = "bytes"
    PER_SECOND = "per_second"
    TIMESTAMP = "timestamp"
    HOURS = "hours"
    DAYS = "days"
    MONEY = "money"
    NUMBER = "number"
    """A number of anything."""
    SCORE = "score"
    """From 0, the worst, to 1."""


class MergeRule(StrEnum):
    """The rule by which two partial values of an accumulator become one."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"


class MetricKind(StrEnum):
    """The statistical kind of a metric, which decides how two of its values are compared."""

    COUNT = "count"
    """A number of requests."""
    RATE = "rate"
    """Requests per second."""
    PROPORTION = "proportion"
    """The share of requests that something happened to."""
    QUANTILE = "quantile"
    MEAN = "mean"
    OTHER = "other"
    """Extremes, sums, distinct counts, times: no sample shows how far chance moves them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedColumn:
    """A value of each record, computed from its columns before anything is summed up."""

    name: str
    columns: frozenset[str]
    """The record's columns that it is computed from."""
    compute: Callable[[pl.DataFrame], pl.Series]
    """Takes records with these columns, perhaps none; the type is the same whatever they hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulator:
    """A value that is computed over some records and merges associatively.

    No two accumulators have one name.
    """

    name: str
    column: str | None
    """The record's column, or derived column, that is read, if any."""
    value: Callable[[], pl.Expr]
    """The value of one record: an integer, truth value or timestamp, so that merging is exact."""
    merge: MergeRule = MergeRule.SUM
    is_count: bool = False
    """Whether this is the number of records that have the column."""
    dtype: type[pl.DataType] | pl.DataType = pl.Int64
    """The type of its value."""

    def __hash__(self) -> int:
        """Return a hash that is quick: plans are compared for every chunk."""
        return hash(self.name)

    def merge_expr(self) -> pl.Expr:
        """Return the expression that merges the partial values of a group."""
        value = pl.col(self.name)
        match self.merge:
            case MergeRule.SUM:
                return value.sum().cast(self.dtype)
            case MergeRule.MIN:
                return value.min()
            case MergeRule.MAX:
                return value.max()

    def single_expr(self) -> pl.Expr:
        """Return what merging makes of a value alone."""
        value = pl.col(self.name)
        return value.fill_null(0).cast(self.dtype) if self.merge is MergeRule.SUM else value

    def empty_value(self) -> pl.Expr:
        """Return what it is where nothing was accumulated."""
        nothing = 0 if self.merge is MergeRule.SUM else None
        return pl.lit(nothing, self.dtype).alias(self.name)


@dataclass(frozen=True, slots=True)
class Objective:
    """The share of the requests that are to be good, and the metrics that count them."""

    share: Fraction
    good: str
    known: str
    """Those that are known to be good or bad."""
    requests: str
    """All that it is about."""


_COLUMN_ENDINGS: Mapping[Unit, tuple[str, ...]] = {
    Unit.MILLISECONDS: ("_ms",),
    Unit.BYTES: ("_bytes",),
    Unit.RATIO: ("_ratio", "_rate"),
}
"""How the names of columns end that hold values of a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of the catalogue. Exactly one of `expr`, `quantile`, `distinct` is set; `expr`
    also beside `distinct`, of whose count, by the metric's own name, it then makes the value."""

    name: str
    unit: Unit
    definition: str
    """One sentence."""
    accumulators: tuple[Accumulator, ...] = ()
    derived: tuple[DerivedColumn, ...] = ()
    """The derived columns that its accumulators, histogram or set are made of."""
    expr: Callable[[], pl.Expr] | None = None
    """The value from accumulators; the column `window_seconds` is there for rates."""
    histogram: str | None = None
    """The record's column, or derived column, whose histogram is read."""
    quantile: float | None = None
    distinct: str | None = None
    """The record's column, or derived column, whose distinct values are counted."""
    better: str = ""
    """`lower`, `higher`, or neither."""
    kind: MetricKind = MetricKind.OTHER
    sampled: str | None = None
    """For a quantile or mean, the column whose known values are its sample, with a histogram."""
    events: str = ""
    """For a proportion of requests, the metric that counts what happened."""
    size: str = "requests"
    """For a proportion of requests, the metric that counts those that it could happen to."""
    outside: str = ""
    """For a proportion, the metric that counts what happened to other requests, if any can: where
    there are such events, the value is no proportion."""
    parts: tuple[Metric, ...] = ()
    """The metrics that these names are about, unless they are built in."""
    sample: str = "request"
    """The things whose number decides how sure the value is."""
    is_share: bool = True
    """Whether a ratio is that of a part to its whole, at most 1."""

    is_exact: bool = False
    """Whether any value tells what it says, on however few requests."""
    objective: Objective | None = None
    """What the value has to reach, for a service level objective."""

    def __hash__(self) -> int:
        """Return a hash that is quick: plans are compared for every chunk."""
        return hash(self.name)

    @property
    def column(self) -> str:
        """The column in data outputs, which carries its unit: a latency's ends in `_ms`."""
        endings = _COLUMN_ENDINGS.get(self.unit, ("",))
        return self.name if self.name.endswith(endings) else self.name + endings[0]

"""What metrics of one's own are computed with: plain values that can be compared, saved and sent.

A number with a point becomes a whole number of billionths before it is summed up: sums of floats
differ with the order in which they are added, sums of integers do not. They have 128 bits, so that
no log overflows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.aggregate.ddsketch import LARGEST_VALUE
from apilog.engine.row_expression import RowExpression
from apilog.metrics import divide_by, is_server_error

BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ConditionValue:
    """Whether a condition holds; one that is null does not."""

    condition: RowExpression

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return true or false for each record."""
        return self.condition.evaluate(records).fill_null(value=False)


@dataclass(frozen=True, slots=True)
class OutsideValue:
    """Whether one condition holds and another one does not."""

    holds: RowExpression
    fails: RowExpression

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return true or false for each record."""
        holds, fails = ConditionValue(self.holds), ConditionValue(self.fails)
        return holds(records) & ~fails(records)


@dataclass(frozen=True, slots=True)
class NumberValue:
    """A number as it is summed up: whole, or of billionths; null where `beside` has none."""

    number: RowExpression
    beside: RowExpression | None = None

    @property
    def scale(self) -> int:
        """How many of its units are 1."""
        return 1 if _is_whole(self.number.dtype) else BILLION

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return a whole number for each record."""
        values = self.number.evaluate(records)
        if values.dtype == pl.Boolean:
            values = values.fill_null(value=False)
        if self.scale != 1:
            values = (_known_numbers(values) * float(BILLION)).round()
        whole = values.cast(pl.Int128)
        if self.beside is None or self.beside.dtype == pl.Boolean:
            return whole
        is_known = _known_numbers(self.beside.evaluate(records)).is_not_null()
        return whole.set(~is_known, None)


@dataclass(frozen=True, slots=True)
class FloatValue:
    """A number as a histogram takes it: a negative one is 0."""

    number: RowExpression

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return a float for each record."""
        return _known_numbers(self.number.evaluate(records).cast(pl.Float64)).clip(0.0)


@dataclass(frozen=True, slots=True)
class PlainValue:
    """A value that is told apart from others, such as a text."""

    value: RowExpression

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return the value of each record."""
        return self.value.evaluate(records)


@dataclass(frozen=True, slots=True)
class ApdexScore:
    """How a request satisfies: 1 up to the target T, ½ up to 4 T, else, and for a 5xx, 0.

    Null for a request whose duration is not known, unless it is a 5xx. The zones are those of
    https://www.apdex.org/; that a failed request never satisfies is common practice.
    """

    target_ms: float
    routes: tuple[tuple[str, float], ...] = ()
    """Routes with a target of their own."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it reads."""
        return frozenset({"duration_ms", "status", *(["route"] if self.routes else [])})

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return the score of each record."""
        target = pl.lit(self.target_ms)
        if self.routes:
            own = dict(self.routes)
            target = (
                pl.col("route")
                .cast(pl.String)
                .replace_strict(own, default=self.target_ms, return_dtype=pl.Float64)
            )
        duration = pl.col("duration_ms")
        score = (
            pl.when(is_server_error())
            .then(0.0)
            .when(duration <= target)
            .then(1.0)
            .when(duration <= 4 * target)
            .then(0.5)
            .when(duration.is_not_null())
            .then(0.0)
        )
        return records.select(score.cast(pl.Float64).alias("score")).to_series()


@dataclass(frozen=True, slots=True)
class ColumnValue:
    """The value of an accumulator that sums up a derived column."""

    column: str

    def __call__(self) -> pl.Expr:
        """Return the column."""
        return pl.col(self.column)


@dataclass(frozen=True, slots=True)
class KnownValue:
    """Whether a derived column has a value."""

    column: str

    def __call__(self) -> pl.Expr:
        """Return true or false."""
        return pl.col(self.column).is_not_null()


@dataclass(frozen=True, slots=True)
class ThousandthsValue:
    """A number in whole thousandths, as the least and the greatest are kept."""

    column: str

    def __call__(self) -> pl.Expr:
        """Return a whole number."""
        return (pl.col(self.column) * 1000).round().cast(pl.Int64)


@dataclass(frozen=True, slots=True)
class QuotientValue:
    """A sum divided by another one; null where that is 0."""

    numerator: str
    numerator_scale: int
    denominator: str
    denominator_scale: int

    def __call__(self) -> pl.Expr:
        """Return the quotient of the accumulators."""
        above, below = pl.col(self.numerator), pl.col(self.denominator)
        quotient = above.cast(pl.Float64) / below.cast(pl.Float64)
        if self.numerator_scale != self.denominator_scale:
            quotient = quotient * (self.denominator_scale / self.numerator_scale)
        return pl.when(below != 0).then(quotient)


@dataclass(frozen=True, slots=True)
class SumValue:
    """A sum; null where no record has a value."""

    total: str
    count: str
    scale: int

    def __call__(self) -> pl.Expr:
        """Return the sum: a whole number if the values are, null where 64 bits are too few."""
        total = pl.col(self.total)
        value = (
            total.cast(pl.Int64, strict=False)
            if self.scale == 1
            else divide_by(total.cast(pl.Float64), self.scale)
        )
        return pl.when(pl.col(self.count) > 0).then(value)


@dataclass(frozen=True, slots=True)
class MeanValue:
    """The mean of values in whole thousandths; null where there is none."""

    total: str
    count: str

    def __call__(self) -> pl.Expr:
        """Return the mean."""
        total, count = pl.col(self.total), pl.col(self.count)
        return pl.when(count > 0).then(total / (count * 1000))


def _is_whole(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype == pl.Boolean


def _known_numbers(values: pl.Series) -> pl.Series:
    """Return floats with null for what is no number, or too far from 0 for a measurement."""
    numbers = values.cast(pl.Float64)
    return numbers.set(
        ~numbers.is_between(-LARGEST_VALUE, LARGEST_VALUE).fill_null(value=False), None
    )

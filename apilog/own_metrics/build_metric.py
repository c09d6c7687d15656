"""The kinds of metrics that can be declared, each made of accumulators, histograms or sets."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.engine.row_expression import RowExpression
from apilog.metrics import (
    ACCUMULATORS,
    Accumulator,
    DerivedColumn,
    MergeRule,
    Metric,
    MetricKind,
    Unit,
)
from apilog.own_metrics.derived_values import (
    ApdexScore,
    ColumnValue,
    ConditionValue,
    FloatValue,
    KnownValue,
    MeanValue,
    NumberValue,
    OutsideValue,
    PlainValue,
    QuotientValue,
    SumValue,
    ThousandthsValue,
)
from apilog.schema import SCHEMA

_DURATIONS = ("duration_ms", "upstream_duration_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricHead:
    """What a metric says of itself."""

    name: str
    unit: Unit
    better: str
    definition: str


def share_metric(head: MetricHead, above: RowExpression, below: RowExpression | None) -> Metric:
    """Return the share of the requests that fulfil one condition among those with the other.

    Nothing says that all of the former are among the latter. Where they are not, the value is the
    quotient all the same, but no proportion that could be tested.
    """
    name = head.name
    counted = [_condition_part(name, "numerator", above)]
    if below is not None:
        outside = DerivedColumn(
            name=f"{name}.outside",
            columns=above.columns | below.columns,
            compute=OutsideValue(above, below),
        )
        counted += [
            _condition_part(name, "denominator", below),
            count_metric(f"{name}.outside", outside, "Requests of the numerator alone."),
        ]
    size = "requests" if below is None else f"{name}.denominator"
    divisor = (ACCUMULATORS["requests"],) if below is None else counted[1].accumulators
    return Metric(
        name=name,
        unit=head.unit,
        definition=head.definition,
        better=head.better,
        accumulators=(*counted[0].accumulators, *divisor),
        derived=tuple(d for part in counted[:2] for d in part.derived),
        expr=QuotientValue(f"{name}.numerator", 1, size, 1),
        kind=MetricKind.PROPORTION,
        events=f"{name}.numerator",
        size=size,
        outside="" if below is None else f"{name}.outside",
        parts=tuple(counted),
        is_share=below is None,
    )


def quotient_metric(head: MetricHead, above: RowExpression, below: RowExpression | None) -> Metric:
    """Return the quotient of two sums, over the requests that have both numbers."""
    name = head.name
    numerator = NumberValue(above, below)
    columns = above.columns | (below.columns if below else frozenset())
    derived = [DerivedColumn(name=f"{name}.numerator", columns=columns, compute=numerator)]
    total = _sum_accumulator(derived[0].name)
    if below is None:
        divisor = _count_accumulator(f"{name}.known", derived[0].name)
        scale = 1
    else:
        denominator = NumberValue(below, above)
        derived.append(
            DerivedColumn(name=f"{name}.denominator", columns=columns, compute=denominator)
        )
        divisor, scale = _sum_accumulator(derived[1].name), denominator.scale
    return Metric(
        name=name,
        unit=head.unit,
        definition=head.definition,
        better=head.better,
        accumulators=(total, divisor),
        derived=tuple(derived),
        expr=QuotientValue(total.name, numerator.scale, divisor.name, scale),
        is_share=False,
    )


def condition_count(head: MetricHead, condition: RowExpression) -> Metric:
    """Return the number of requests that fulfil a condition."""
    column = DerivedColumn(
        name=f"{head.name}.condition",
        columns=condition.columns,
        compute=ConditionValue(condition),
    )
    return count_metric(head.name, column, head.definition, head.better)


def sum_metric(head: MetricHead, number: RowExpression) -> Metric:
    """Return the sum of a number."""
    value = NumberValue(number)
    column = f"{head.name}.value"
    total, known = _sum_accumulator(column), _count_accumulator(f"{head.name}.known", column)
    return Metric(
        name=head.name,
        unit=head.unit,
        definition=head.definition,
        better=head.better,
        accumulators=(total, known),
        derived=(DerivedColumn(name=column, columns=number.columns, compute=value),),
        expr=SumValue(total.name, known.name, value.scale),
    )


def distinct_metric(head: MetricHead, value: RowExpression) -> Metric:
    """Return the number of distinct values: a set of their hashes, united when merged."""
    column = value.text.strip()
    derived: tuple[DerivedColumn, ...] = ()
    if column not in SCHEMA:
        column = f"{head.name}.value"
        derived = (DerivedColumn(name=column, columns=value.columns, compute=PlainValue(value)),)
    return Metric(
        name=head.name,
        unit=head.unit,
        definition=head.definition,
        better=head.better,
        derived=derived,
        distinct=column,
    )


def quantile_metric(head: MetricHead, level: float, number: RowExpression) -> Metric:
    """Return a quantile, read off logarithmic buckets as those of latencies are."""
    column = number.text.strip()
    accumulators: tuple[Accumulator, ...] = ()
    derived: tuple[DerivedColumn, ...] = ()
    if column not in _DURATIONS:
        column = f"{head.name}.value"
        derived = (DerivedColumn(name=column, columns=number.columns, compute=FloatValue(number)),)
        accumulators = _distribution(column, MergeRule.MIN, MergeRule.MAX)
    return Metric(
        name=head.name,
        unit=head.unit,
        definition=head.definition,
        better=head.better,
        accumulators=accumulators,
        derived=derived,
        histogram=column,
        quantile=level,
        kind=MetricKind.QUANTILE,
        sampled=column,
    )


def apdex_metric(
    head: MetricHead, target_ms: float, routes: tuple[tuple[str, float], ...]
) -> Metric:
    """Return the mean of the scores of requests."""
    column, score = f"{head.name}.score", ApdexScore(target_ms, routes)
    derived = (DerivedColumn(name=column, columns=score.columns, compute=score),)
    known, total, *extremes = accumulators = _distribution(column, *MergeRule)
    scores = Metric(
        name=f"{head.name}.scores",
        unit=Unit.SCORE,
        definition="The median of the scores.",
        accumulators=(known, *extremes),
        derived=derived,
        histogram=column,
        quantile=0.5,
    )
    return Metric(
        name=head.name,
        unit=head.unit,
        definition=head.definition,
        better=head.better or "higher",
        accumulators=accumulators,
        derived=derived,
        expr=MeanValue(total.name, known.name),
        kind=MetricKind.MEAN,
        sampled=column,
        parts=(scores,),
    )


def _condition_part(name: str, part: str, condition: RowExpression) -> Metric:
    column = DerivedColumn(
        name=f"{name}.{part}", columns=condition.columns, compute=ConditionValue(condition)
    )
    return count_metric(column.name, column, f"Requests of the {part}.")


def count_metric(name: str, condition: DerivedColumn, definition: str, better: str = "") -> Metric:
    """Return the number of requests for which a derived column is true."""
    accumulator = Accumulator(name=name, column=condition.name, value=ColumnValue(condition.name))
    return Metric(
        name=name,
        unit=Unit.COUNT,
        definition=definition,
        better=better,
        accumulators=(accumulator,),
        derived=(condition,),
        expr=ColumnValue(name),
        kind=MetricKind.COUNT,
    )


def _sum_accumulator(column: str) -> Accumulator:
    return Accumulator(name=column, column=column, value=ColumnValue(column), dtype=pl.Int128)


def _count_accumulator(name: str, column: str) -> Accumulator:
    return Accumulator(name=name, column=column, value=KnownValue(column), is_count=True)


def _distribution(column: str, *rules: MergeRule) -> tuple[Accumulator, ...]:
    """Return the count of a column, and by these rules values in thousandths."""
    thousandths = ThousandthsValue(column)
    return (
        _count_accumulator(f"{column}.n", column),
        *(
            Accumulator(name=f"{column}.{rule}", column=column, value=thousandths, merge=rule)
            for rule in rules
        ),
    )

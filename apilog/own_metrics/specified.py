"""Metrics of how calls keep to specifications: there where `--openapi` names some.

Each call is judged by itself, so that they add up over any parts of a log. What is in no
specification and was answered 404 is left out: nothing is there, and mostly scanners ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from apilog.metrics import SPECIFIED_METRICS, Accumulator, DerivedColumn, Metric, Unit
from apilog.schema import DEPRECATED_OPERATION, SPECIFIED_OPERATION
from apilog.specifications import UNDOCUMENTED, OperationCatalogue, load_specifications


def specified_metrics(openapi: Sequence[str]) -> tuple[Metric, ...]:
    """Return the metrics; none without a specification."""
    catalogue = load_specifications(openapi)
    if catalogue is None:
        return ()
    undocumented = DerivedColumn(
        name="undocumented_requests.each",
        columns=frozenset({SPECIFIED_OPERATION, "status"}),
        compute=UndocumentedRequest(),
    )
    routes = DerivedColumn(
        name="undocumented_routes.each",
        columns=frozenset({SPECIFIED_OPERATION, "status", "method", "route"}),
        compute=UndocumentedRoute(),
    )
    operations = DerivedColumn(
        name="unused_operations.each",
        columns=frozenset({SPECIFIED_OPERATION}),
        compute=UsedOperation(),
    )
    statuses = DerivedColumn(
        name="undeclared_statuses.each",
        columns=frozenset({SPECIFIED_OPERATION, "status"}),
        compute=UndeclaredStatus(catalogue),
    )
    deprecated = DerivedColumn(
        name="deprecated_requests.each",
        columns=frozenset({DEPRECATED_OPERATION}),
        compute=DeprecatedRequest(),
    )
    total = len(catalogue.reachable)
    return (
        _counted(undocumented),
        _distinct(routes, 0),
        _counted(deprecated),
        _distinct(operations, total),
        _distinct(statuses, 0),
    )


def _counted(column: DerivedColumn) -> Metric:
    name = column.name.removesuffix(".each")
    counted = Accumulator(name=name, column=column.name, value=ColumnSum(column.name))
    return Metric(
        name=name,
        unit=Unit.COUNT,
        definition=SPECIFIED_METRICS[name],
        accumulators=(counted,),
        derived=(column,),
        expr=ColumnSum(name),
        better="lower",
        is_exact=True,
    )


def _distinct(column: DerivedColumn, total: int) -> Metric:
    name = column.name.removesuffix(".each")
    return Metric(
        name=name,
        unit=Unit.COUNT,
        definition=SPECIFIED_METRICS[name],
        derived=(column,),
        distinct=column.name,
        expr=LeftOf(name, total) if total else KnownCount(name),
        better="lower",
        is_exact=not total,
    )


@dataclass(frozen=True, slots=True)
class ColumnSum:
    """The values of a column as they are: numbers that are added up."""

    name: str

    def __call__(self) -> pl.Expr:
        """Return the expression."""
        return pl.col(self.name)


@dataclass(frozen=True, slots=True)
class KnownCount:
    """How many distinct values there are: 0 where there are none."""

    name: str

    def __call__(self) -> pl.Expr:
        """Return the expression."""
        return pl.col(self.name).fill_null(0)


@dataclass(frozen=True, slots=True)
class LeftOf:
    """How many of so many values are not among the distinct ones."""

    name: str
    total: int

    def __call__(self) -> pl.Expr:
        """Return the expression."""
        return pl.lit(self.total, pl.Int64) - pl.col(self.name).fill_null(0)


def _is_undocumented(records: pl.DataFrame) -> pl.Series:
    is_found = (records["status"] != 404).fill_null(value=True)
    return (records[SPECIFIED_OPERATION] == UNDOCUMENTED).fill_null(value=False) & is_found


@dataclass(frozen=True, slots=True)
class UndocumentedRequest:
    """Whether a request is of no operation, and was not answered 404."""

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return true or false for each record."""
        return _is_undocumented(records)


@dataclass(frozen=True, slots=True)
class DeprecatedRequest:
    """Whether a request is of a deprecated operation."""

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return true or false for each record."""
        return records[DEPRECATED_OPERATION].is_not_null()


@dataclass(frozen=True, slots=True)
class UndocumentedRoute:
    """The method and route of a request that is of no operation; null for others."""

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return a text for each record."""
        texts = [records[name].cast(pl.String).fill_null("-") for name in ("method", "route")]
        return (texts[0] + " " + texts[1]).set(~_is_undocumented(records), None)


@dataclass(frozen=True, slots=True)
class UsedOperation:
    """The number of a request's operation; null for what is of none."""

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return a number for each record."""
        numbers = records[SPECIFIED_OPERATION]
        return numbers.set(numbers < 0, None)


@dataclass(frozen=True, slots=True)
class UndeclaredStatus:
    """A number for each operation and a status that it does not declare; null for others."""

    catalogue: OperationCatalogue = field(repr=False)

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return a number for each record."""
        numbers, statuses = records[SPECIFIED_OPERATION], records["status"]
        pairs = numbers.cast(pl.Int64) * 1000 + statuses
        return pairs.set(~self.catalogue.is_undeclared(numbers, statuses), None)

"""Choices of requests, each with the tables about it: what one pass over the sources sums up.

The usual report has one choice, of all requests; a report of one's own may have several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import polars as pl

from apilog.aggregate import PartialState, ReportPlan, TableSpec, partial
from apilog.engine.where import RowFilter
from apilog.reports.report_layout import DeclaredReport
from apilog.time import TimeWindow

_WHOLE = TableSpec(name="(all)", metrics=("requests",))
"""A table that is not shown: it tells the time that all requests of the report are of."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of requests, and the tables about it."""

    where: RowFilter | None
    plan: ReportPlan

    def partial(self, records: pl.DataFrame) -> PartialState:
        """Return the state of some records."""
        return partial(self.plan, self.where.filter(records) if self.where else records)

    def within(self, window: TimeWindow) -> Self:
        """Return the choice of those requests that are of this time."""
        return replace(self, plan=replace(self.plan, window=window))

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that are read."""
        return self.plan.columns | (self.where.columns if self.where else frozenset())


def columns_of(choices: Sequence[Choice]) -> frozenset[str]:
    """Return the columns of records that are read for all of them."""
    return frozenset[str]().union(*(choice.columns for choice in choices))


def names_routes(choices: Sequence[Choice]) -> bool:
    """Whether a condition or metric looks at the route, which has to be known before it does."""
    conditions = (choice.where for choice in choices if choice.where)
    return any("route" in where.columns for where in conditions) or any(
        choice.plan.names_routes for choice in choices
    )


def choices_of(
    declared: DeclaredReport, base: ReportPlan, beside: Sequence[TableSpec] = ()
) -> tuple[Choice, ...]:
    """Return the choices of a report of one's own; the first is of all requests.

    Tables `beside` those of the report are about all requests.
    """
    specs: dict[RowFilter | None, list[TableSpec]] = {None: [_WHOLE, *beside]}
    for table in declared.tables:
        if table.spec:
            specs.setdefault(table.where, []).append(table.spec)
    return tuple(
        Choice(where, replace(base, tables=tuple(several))) for where, several in specs.items()
    )

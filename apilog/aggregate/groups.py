"""The rows of a table beside what they were computed from, for who compares them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.aggregate.finish import View, histogram_of, metrics_of, rows_of
from apilog.aggregate.plan import Plan
from apilog.aggregate.state import Partial
from apilog.aggregate.tables import histograms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """A finished table; its frames refer to rows by their position in it."""

    table: pl.DataFrame
    """Keys, then a column for each metric."""
    named: pl.Series
    """Whether each row is one value of the keys, not several that were folded into one."""
    sums: pl.DataFrame
    """The accumulators by row."""
    histograms: dict[str, pl.DataFrame]
    """For each column of durations: `row`, `bucket`, `n`."""


def groups(plan: Plan, partial: Partial) -> dict[str, Groups]:
    """The tables of the plan by name, as `finish` makes them."""
    view = View.of(plan, partial)
    found: dict[str, Groups] = {}
    for table in plan.tables:
        rows = rows_of(view, table)
        found[table.name] = Groups(
            table=metrics_of(view, table, rows),
            named=rows.named,
            sums=rows.sums,
            histograms={
                column: histogram_of(view, table, rows, column)
                for column in sorted(histograms_of(table.metrics))
            },
        )
    return found

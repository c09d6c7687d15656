"""finish: from a state to the tables of a report, with rates, quantiles and order.

Reads the state and never changes it, so that a report can be made while more is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from apilog.aggregate.anomalies import anomalies
from apilog.aggregate.cube import CubeState, merged, with_keys
from apilog.aggregate.fold import fold_routes
from apilog.aggregate.histogram import quantiles
from apilog.aggregate.plan import Plan, extreme, layout
from apilog.aggregate.rows import Rows, roll_up, rows_of_ids
from apilog.aggregate.state import Partial
from apilog.aggregate.tables import ANOMALIES, TableSpec, accumulators_of, histograms_of
from apilog.aggregate.times import all_buckets, bucket_ends, instants, limits, step
from apilog.metrics import METRICS, Merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The tables of a report, and the window they are about."""

    tables: dict[str, pl.DataFrame]
    """By name, in the plan's order: keys, then a column for each metric."""
    since: datetime | None
    """The limit given, else the first record; None if there is neither."""
    until: datetime | None
    """The limit given, else the last record; None if there is neither."""
    bucket: str | None
    """The step of the time buckets; None without records and limits."""


def finish(plan: Plan, partial: Partial) -> Finished:
    """The finished tables.

    A text key of a row that sums up others is `(other)` or `(not found)`; other types of keys
    are null there. Metrics are null where no record tells them; counts of requests are 0.
    Raises UsageError if a fixed step cuts the window into too many buckets.
    """
    view = View.of(plan, partial)
    since, until = limits(plan, partial.first, partial.last)
    return Finished(
        tables={table.name: table_of(view, table) for table in plan.tables},
        since=since,
        until=until,
        bucket=step(plan, partial.first, partial.last),
    )


@dataclass(frozen=True, slots=True)
class View:
    """A state with its routes folded, and what all its tables need."""

    plan: Plan
    partial: Partial
    states: list[CubeState]
    buckets: pl.Series | None
    known: frozenset[str]
    """The columns with distinct values that some record has."""

    @classmethod
    def of(cls, plan: Plan, partial: Partial) -> View:
        """The state as the tables of the plan are made from."""
        pairs = zip(layout(plan).cubes, partial.cubes, strict=True)
        states = [fold_routes(plan, cube, state) for cube, state in pairs]
        known = frozenset(c for s in states for c, d in s.distinct.items() if d.height)
        timed = any(table.keys == ("timestamp",) for table in plan.tables)
        buckets = all_buckets(plan, partial.first, partial.last) if timed else None
        return cls(plan, partial, states, buckets, known)

    @property
    def window_seconds(self) -> float | None:
        """From the limit given, or the first record, to the limit given or the last record."""
        since, until = limits(self.plan, self.partial.first, self.partial.last)
        return (until - since).total_seconds() if since and until else None


def table_of(view: View, table: TableSpec) -> pl.DataFrame:
    """One finished table."""
    rows = rows_of(view, table)
    if table.name == ANOMALIES:
        return _anomalies(view, table, rows.sums)
    return metrics_of(view, table, rows)


def rows_of(view: View, table: TableSpec) -> Rows:
    """The rows of a table with the accumulators that its metrics need."""
    source = layout(view.plan).source[table.name]
    low_high = (extreme(c, m) for c in histograms_of(table.metrics) for m in (Merge.MIN, Merge.MAX))
    return roll_up(
        table,
        layout(view.plan).cubes[source],
        view.states[source],
        sorted({"requests", *accumulators_of(table.metrics), *low_high}),
        most=min(view.plan.top or view.plan.max_rows, view.plan.max_rows),
        buckets=view.buckets,
    )


def metrics_of(view: View, table: TableSpec, rows: Rows) -> pl.DataFrame:
    """The keys of the rows and the table's metrics."""
    frame = rows.sums.with_row_index("row").with_columns_seq(
        window_seconds=pl.lit(view.window_seconds, pl.Float64)
    )
    for part in (*_quantiles(view, table, rows), *_distinct(view, table, rows)):
        frame = frame.join(part, on="row", how="left", maintain_order="left")
    return frame.select_seq(*table.keys, *(_metric(view, m) for m in table.metrics))


def histogram_of(view: View, table: TableSpec, rows: Rows, column: str) -> pl.DataFrame:
    """How many durations of each row lie in which bucket: `row`, `bucket`, `n`."""
    state = view.states[layout(view.plan).source[table.name]]
    row, histogram = rows_of_ids(table, state, rows), state.histograms[column]
    moved = histogram.with_columns_seq(row.gather(histogram["id"]))
    return moved.group_by("row", "bucket").agg(pl.col("n").sum())


def _metric(view: View, name: str) -> pl.Expr:
    metric = METRICS[name]
    if metric.distinct:
        # Where no record of the report has the column, nobody knows how many there are.
        known = metric.distinct in view.known
        return pl.col(name).fill_null(0) if known else pl.lit(None, pl.Int64).alias(name)
    return (metric.expr() if metric.expr else pl.col(metric.column)).alias(metric.column)


def _quantiles(view: View, table: TableSpec, rows: Rows) -> Iterator[pl.DataFrame]:
    for column in sorted(histograms_of(table.metrics)):
        metrics = (METRICS[m] for m in table.metrics)
        wanted = {m.column: m.quantile for m in metrics if m.histogram == column and m.quantile}
        yield quantiles(
            histogram_of(view, table, rows, column),
            wanted,
            rows.sums[extreme(column, Merge.MIN)],
            rows.sums[extreme(column, Merge.MAX)],
        )


def _distinct(view: View, table: TableSpec, rows: Rows) -> Iterator[pl.DataFrame]:
    for name in table.metrics:
        if column := METRICS[name].distinct:
            state = view.states[layout(view.plan).distinct[table.name, column]]
            hashes = state.distinct[column]
            row = rows_of_ids(table, state, rows).gather(hashes["id"])
            count = pl.col("hash").n_unique().cast(pl.Int64).alias(name)
            yield hashes.with_columns_seq(row).group_by("row").agg(count)


def _anomalies(view: View, table: TableSpec, buckets: pl.DataFrame) -> pl.DataFrame:
    plan, partial = view.plan, view.partial
    source = layout(plan).source[table.name]
    cube, state = layout(plan).cubes[source], view.states[source]
    accumulators = ["requests", "client_errors", "server_errors"]
    hours = (
        with_keys(cube, state, ["fold"], accumulators)
        .drop_nulls("hour")
        .group_by(pl.col("hour").alias("timestamp"))
        .agg(merged(accumulators))
    )
    since, until = instants(plan, partial.first, partial.last)
    name = step(plan, partial.first, partial.last) or "1h"
    end = bucket_ends(buckets["timestamp"], name, plan.timezone).alias("end")
    errors = (pl.col("client_errors") + pl.col("server_errors")).alias("errors")
    return anomalies(
        hours.select_seq("timestamp", "requests", errors),
        buckets.select_seq("timestamp", end, "requests", errors).drop_nulls("timestamp"),
        since,
        until,
    )

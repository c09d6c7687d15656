"""finish: from a state to the tables of a report, with rates, quantiles and order.

Reads the state and never changes it, so that a report can be made while more is read.
Every frame of a table refers to its rows by `row`, the position in the finished table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from apilog.aggregate.anomalies import find_anomalies
from apilog.aggregate.cube import (
    KEPT,
    NOT_FOUND,
    OTHER,
    OTHER_ROUTES,
    CubeState,
    empty_value,
    merge_exprs,
    sums_with_keys,
)
from apilog.aggregate.ddsketch import estimate_quantiles
from apilog.aggregate.plan import Cube, ReportPlan, cube_layout, extreme_accumulator
from apilog.aggregate.state import PartialState, fold_routes
from apilog.aggregate.table_specs import (
    ANOMALIES,
    BOUNDED_KEYS,
    KEY_TYPES,
    RowOrder,
    TableSpec,
    accumulators_of,
    histograms_of,
)
from apilog.aggregate.time_buckets import (
    bucket_ends,
    bucket_step,
    half_open_window,
    list_buckets,
)
from apilog.metrics import METRICS, MergeRule

NOT_FOUND_TEXT = "(not found)"
OTHER_TEXT = "(other)"


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of one table."""

    keys: pl.DataFrame
    """`fold` and the table's keys as cubes have them, and the `row` they are part of."""
    sums: pl.DataFrame
    """The table's keys as a report shows them and its accumulators, by row."""
    kept: int
    """So many rows come first that are not the row of all others."""

    @property
    def is_single_key(self) -> pl.Series:
        """Whether each row is one value of the keys, not the sum of several that were folded."""
        own = self.keys.filter(pl.col("fold") == KEPT, pl.col("row") < self.kept)["row"]
        every = pl.int_range(self.sums.height, dtype=pl.UInt32, eager=True)
        return every.is_in(own.implode()).alias("named")


def roll_up(
    table: TableSpec,
    cube: Cube,
    state: CubeState,
    accumulators: Sequence[str],
    *,
    most: int,
    buckets: pl.Series | None,
) -> TableRows:
    """The table's rows with their sums.

    Of a table over dimensions `most` rows stay, and a last one has all the others. `buckets`
    are rows of a table over time alone, whether there are records or not.
    """
    own = [k for k in table.keys if k in cube.keys]
    found = sums_with_keys(cube, state, ["fold", *own], accumulators)
    if table.where:
        found = found.filter(table.where())
    groups = found.group_by(_shown_fold(table), *table.keys).agg(merge_exprs(accumulators))
    groups = _add_empty_groups(table, groups, accumulators, buckets)
    shown = groups.with_columns_seq(_shown_key(k) for k in table.keys)
    row, kept = _rank_groups(table, shown, most if table.is_capped else groups.height)
    rest = (
        pl.when(pl.col("row") < kept).then(k).otherwise(_key_of_others(k)).alias(k)
        for k in table.keys
    )
    sums = shown.with_columns_seq(row).with_columns_seq(rest).group_by("row", *table.keys)
    return TableRows(
        groups.select_seq("fold", *table.keys, row),
        sums.agg(merge_exprs(accumulators)).sort("row").drop("row"),
        kept,
    )


def rows_of_ids(table: TableSpec, state: CubeState, rows: TableRows) -> pl.Series:
    """For each key of a cube the table's row it is part of."""
    keys = state.keys.select_seq(_shown_fold(table), *table.keys)
    return keys.join(
        rows.keys, on=keys.columns, how="left", nulls_equal=True, maintain_order="left"
    )["row"]


def _shown_fold(table: TableSpec) -> pl.Expr:
    """The fold, as far as it shows in the table's keys."""
    lowest = NOT_FOUND if "route" in table.keys else OTHER
    shows = (pl.col("fold") >= lowest) & (not BOUNDED_KEYS.issuperset(table.keys))
    return pl.when(shows).then("fold").otherwise(pl.lit(KEPT, pl.UInt8)).alias("fold")


def _add_empty_groups(
    table: TableSpec,
    groups: pl.DataFrame,
    accumulators: Sequence[str],
    buckets: pl.Series | None,
) -> pl.DataFrame:
    """The groups, with those that a table has without any record."""
    kept = pl.lit(KEPT, pl.UInt8).alias("fold")
    if not table.keys and groups.is_empty():
        empty = pl.select(kept)
    elif table.keys == ("timestamp",) and buckets is not None:
        every = buckets.to_frame().join(groups, on="timestamp", how="anti")
        empty = every.with_columns_seq(kept)
    else:
        return groups
    empty = empty.with_columns_seq(map(empty_value, accumulators)).select_seq(groups.columns)
    return pl.concat([groups, empty])


def _rank_groups(table: TableSpec, groups: pl.DataFrame, most: int) -> tuple[pl.Series, int]:
    """The row of each group, and how many rows are one group each; the next is the others."""
    keys = [*table.keys, "fold"]
    ranked = (
        groups.with_row_index("index")
        .filter(pl.col("fold") < OTHER)
        .sort("requests", *keys, descending=[True, *(False for _ in keys)], nulls_last=True)
        .head(most)
    )
    if table.order is RowOrder.KEYS:
        ranked = ranked.sort(keys, nulls_last=True)
    row = pl.select(pl.repeat(ranked.height, groups.height, dtype=pl.UInt32)).to_series()
    places = pl.int_range(ranked.height, dtype=pl.UInt32, eager=True)
    return row.scatter(ranked["index"], places).alias("row"), ranked.height


def _shown_key(key: str) -> pl.Expr:
    """The key as a report shows it."""
    value = pl.col(key).cast(_shown_type(key))
    if key != "route":
        return value
    not_found = pl.when(pl.col("fold") == NOT_FOUND).then(pl.lit(NOT_FOUND_TEXT))
    others = not_found.when(pl.col("fold") == OTHER_ROUTES).then(pl.lit(OTHER_TEXT))
    return others.otherwise(value).alias(key)


def _key_of_others(key: str) -> pl.Expr:
    """The key of the row of all others: a text where there can be one, else null."""
    is_text = _shown_type(key) == pl.String
    return pl.lit(OTHER_TEXT) if is_text else pl.lit(None, _shown_type(key))


def _shown_type(key: str) -> pl.DataType | type[pl.DataType]:
    return pl.String if isinstance(KEY_TYPES[key], pl.Enum) else KEY_TYPES[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTables:
    """The tables of a report, and the window they are about."""

    tables: dict[str, pl.DataFrame]
    """By name, in the plan's order: keys, then a column for each metric."""
    since: datetime | None
    """The limit given, else the first record; None if there is neither."""
    until: datetime | None
    """The limit given, else the last record; None if there is neither."""
    bucket: str | None
    """The step of the time buckets; None without records and limits."""


def finish(plan: ReportPlan, partial: PartialState) -> FinishedTables:
    """The finished tables.

    A text key of a row that sums up others is `(other)` or `(not found)`; other types of keys
    are null there. Metrics are null where no record tells them; counts of requests are 0.
    Raises UsageError if a fixed step cuts the window into too many buckets.
    """
    view = FoldedState.from_partial(plan, partial)
    window = plan.window.with_defaults(partial.first, partial.last)
    return FinishedTables(
        tables={table.name: build_table(view, table) for table in plan.tables},
        since=window.since,
        until=window.until,
        bucket=bucket_step(plan, partial.first, partial.last),
    )


@dataclass(frozen=True, slots=True)
class FoldedState:
    """A state with its routes folded, and what all its tables need."""

    plan: ReportPlan
    partial: PartialState
    states: list[CubeState]
    buckets: pl.Series | None
    known_columns: frozenset[str]
    """The columns with distinct values that some record has."""

    @classmethod
    def from_partial(cls, plan: ReportPlan, partial: PartialState) -> FoldedState:
        """The state as the tables of the plan are made from."""
        pairs = zip(cube_layout(plan).cubes, partial.cubes, strict=True)
        states = [fold_routes(plan, cube, state) for cube, state in pairs]
        known = frozenset(c for s in states for c, d in s.distinct.items() if d.height)
        timed = any(table.keys == ("timestamp",) for table in plan.tables)
        buckets = list_buckets(plan, partial.first, partial.last) if timed else None
        return cls(plan, partial, states, buckets, known)

    @property
    def window_seconds(self) -> float | None:
        """From the limit given, or the first record, to the limit given or the last record."""
        return self.plan.window.with_defaults(self.partial.first, self.partial.last).seconds


def build_table(view: FoldedState, table: TableSpec) -> pl.DataFrame:
    """One finished table."""
    rows = roll_up_rows(view, table)
    if table.name == ANOMALIES:
        return _build_anomalies(view, table, rows.sums)
    return compute_metrics(view, table, rows)


def roll_up_rows(view: FoldedState, table: TableSpec) -> TableRows:
    """The rows of a table with the accumulators that its metrics need."""
    source = cube_layout(view.plan).cube_of_table[table.name]
    low_high = (
        extreme_accumulator(c, m)
        for c in histograms_of(table.metrics)
        for m in (MergeRule.MIN, MergeRule.MAX)
    )
    return roll_up(
        table,
        cube_layout(view.plan).cubes[source],
        view.states[source],
        sorted({"requests", *accumulators_of(table.metrics), *low_high}),
        most=min(view.plan.top or view.plan.max_rows, view.plan.max_rows),
        buckets=view.buckets,
    )


def compute_metrics(view: FoldedState, table: TableSpec, rows: TableRows) -> pl.DataFrame:
    """The keys of the rows and the table's metrics."""
    frame = rows.sums.with_row_index("row").with_columns_seq(
        window_seconds=pl.lit(view.window_seconds, pl.Float64)
    )
    for part in (*_quantile_columns(view, table, rows), *_distinct_counts(view, table, rows)):
        frame = frame.join(part, on="row", how="left", maintain_order="left")
    return frame.select_seq(*table.keys, *(_metric_expr(view, m) for m in table.metrics))


def roll_up_histogram(
    view: FoldedState, table: TableSpec, rows: TableRows, column: str
) -> pl.DataFrame:
    """How many durations of each row lie in which bucket: `row`, `bucket`, `n`."""
    state = view.states[cube_layout(view.plan).cube_of_table[table.name]]
    row, histogram = rows_of_ids(table, state, rows), state.histograms[column]
    moved = histogram.with_columns_seq(row.gather(histogram["id"]))
    return moved.group_by("row", "bucket").agg(pl.col("n").sum())


def _metric_expr(view: FoldedState, name: str) -> pl.Expr:
    metric = METRICS[name]
    if metric.distinct:
        # Where no record of the report has the column, nobody knows how many there are.
        known = metric.distinct in view.known_columns
        return pl.col(name).fill_null(0) if known else pl.lit(None, pl.Int64).alias(name)
    return (metric.expr() if metric.expr else pl.col(metric.column)).alias(metric.column)


def _quantile_columns(
    view: FoldedState, table: TableSpec, rows: TableRows
) -> Iterator[pl.DataFrame]:
    for column in sorted(histograms_of(table.metrics)):
        metrics = (METRICS[m] for m in table.metrics)
        wanted = {m.column: m.quantile for m in metrics if m.histogram == column and m.quantile}
        yield estimate_quantiles(
            roll_up_histogram(view, table, rows, column),
            wanted,
            rows.sums[extreme_accumulator(column, MergeRule.MIN)],
            rows.sums[extreme_accumulator(column, MergeRule.MAX)],
        )


def _distinct_counts(
    view: FoldedState, table: TableSpec, rows: TableRows
) -> Iterator[pl.DataFrame]:
    for name in table.metrics:
        if column := METRICS[name].distinct:
            state = view.states[cube_layout(view.plan).cube_of_set[table.name, column]]
            hashes = state.distinct[column]
            row = rows_of_ids(table, state, rows).gather(hashes["id"])
            count = pl.col("hash").n_unique().cast(pl.Int64).alias(name)
            yield hashes.with_columns_seq(row).group_by("row").agg(count)


def _build_anomalies(view: FoldedState, table: TableSpec, buckets: pl.DataFrame) -> pl.DataFrame:
    plan, partial = view.plan, view.partial
    source = cube_layout(plan).cube_of_table[table.name]
    cube, state = cube_layout(plan).cubes[source], view.states[source]
    accumulators = ["requests", "client_errors", "server_errors"]
    hours = (
        sums_with_keys(cube, state, ["fold"], accumulators)
        .drop_nulls("hour")
        .group_by(pl.col("hour").alias("timestamp"))
        .agg(merge_exprs(accumulators))
    )
    window = half_open_window(plan, partial.first, partial.last)
    name = bucket_step(plan, partial.first, partial.last) or "1h"
    end = bucket_ends(buckets["timestamp"], name, plan.timezone).alias("end")
    errors = (pl.col("client_errors") + pl.col("server_errors")).alias("errors")
    return find_anomalies(
        hours.select_seq("timestamp", "requests", errors),
        buckets.select_seq("timestamp", end, "requests", errors).drop_nulls("timestamp"),
        window,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWithInputs:
    """A finished table; its frames refer to rows by their position in it."""

    table: pl.DataFrame
    """Keys, then a column for each metric."""
    is_single_key: pl.Series
    """Whether each row is one value of the keys, not several that were folded into one."""
    sums: pl.DataFrame
    """The accumulators by row."""
    histograms: dict[str, pl.DataFrame]
    """For each column of durations: `row`, `bucket`, `n`."""


def finish_with_inputs(plan: ReportPlan, partial: PartialState) -> dict[str, TableWithInputs]:
    """The tables of the plan by name, as `finish` makes them."""
    view = FoldedState.from_partial(plan, partial)
    found: dict[str, TableWithInputs] = {}
    for table in plan.tables:
        rows = roll_up_rows(view, table)
        found[table.name] = TableWithInputs(
            table=compute_metrics(view, table, rows),
            is_single_key=rows.is_single_key,
            sums=rows.sums,
            histograms={
                column: roll_up_histogram(view, table, rows, column)
                for column in sorted(histograms_of(table.metrics))
            },
        )
    return found

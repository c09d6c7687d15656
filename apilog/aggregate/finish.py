"""finish: from a state to the tables of a report, with rates, quantiles and order.

Reads the state and never changes it, so that a report can be made while more is read.
Every frame of a table refers to its rows by `row`, the position in the finished table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial as partial_function

import polars as pl

from apilog.aggregate.anomalies import (
    SHORT,
    HourLatencies,
    collect_counts,
    find_anomalies_by_clock,
    find_short_anomalies,
)
from apilog.aggregate.bounded_sets import count_members, relative_error
from apilog.aggregate.coverage import describe_coverage, describe_deprecated
from apilog.aggregate.cube import (
    KEPT,
    CubeState,
    merge_exprs,
    move_buckets,
    sums_with_keys,
)
from apilog.aggregate.ddsketch import bucket_bounds, estimate_quantiles
from apilog.aggregate.filter_cubes import collect_filter_sums
from apilog.aggregate.folding import fold_routes
from apilog.aggregate.objectives import describe_objectives
from apilog.aggregate.plan import Cube, ReportPlan, cube_layout
from apilog.aggregate.record_times import StrayTimes
from apilog.aggregate.state import PartialState, learn_routes
from apilog.aggregate.table_rows import (
    OTHER_TEXT,
    TableRows,
    assemble_rows,
    rank_groups,
    shown_fold,
    shown_key,
)
from apilog.aggregate.table_specs import (
    ANOMALIES,
    CONSUMER_HOURS,
    COVERAGE,
    DEPRECATED,
    HISTOGRAM,
    HOURS,
    OBJECTIVES,
    ROUTE_HOURS,
    STATUS_HOURS,
    TableSpec,
    coverage_cells,
)
from apilog.aggregate.time_axis import TimeAxis
from apilog.aggregate.time_buckets import bucket_ends
from apilog.metrics import ACCUMULATORS, BUILT_IN, Accumulator, Metric, MetricDefinitions, divide_by
from apilog.report_model import EstimatedColumn, FilterSums

ANOMALY_COUNTS = (
    pl.col("requests"),
    (pl.col("client_errors") + pl.col("server_errors")).alias("errors"),
    pl.col("server_errors"),
)
"""The counts that anomalies are looked for in, of accumulators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTables:
    """The tables of a report, and the window they are about."""

    tables: dict[str, pl.DataFrame]
    """By name, in the plan's order: keys, then a column for each metric."""
    since: datetime | None
    until: datetime | None
    """The limits given, else the first and last record; None if there is neither."""
    bucket: str | None
    """The step of the time buckets; None without records and limits."""
    strays: StrayTimes | None
    """Times that the window leaves out, whose records the tables count."""
    sums: FilterSums | None
    """What a page filters by; None unless the plan asks for it."""
    clock: str = ""
    """The zone by whose clocks anomalies were looked for, where it is not the report's."""
    estimates: tuple[EstimatedColumn, ...] = ()
    """The columns in which values are estimates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWithInputs:
    """A finished table with what its metrics come from; all frames refer to its rows."""

    table: pl.DataFrame
    """Keys, then a column for each metric."""
    is_single_key: pl.Series
    """Whether each row is one value of the keys, not several that were folded into one."""
    sums: pl.DataFrame
    histograms: dict[str, pl.DataFrame]
    """For each column of durations: `row`, `bucket`, `n`."""
    errors: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """For columns with estimates, the relative standard error of each row that has one."""


def finish(plan: ReportPlan, partial: PartialState) -> FinishedTables:
    """Return the finished tables.

    A text key of a row that sums up others is `(other)` or `(not found)`; other types of keys
    are null there, as is the bucket of stray times. Metrics are null where no record tells them;
    counts of requests are 0.
    Raises UsageError if a fixed step cuts the window into too many buckets.
    """
    builder = ReportTables(plan, partial)
    axis = builder.axis
    tables = {table.name: builder.build_table(table) for table in plan.tables}
    return FinishedTables(
        tables=tables,
        since=axis.window.since,
        until=axis.window.until,
        bucket=axis.step,
        strays=axis.strays,
        sums=collect_filter_sums(plan, builder.partial, axis),
        clock=builder.clock,
        estimates=tuple(found.column for found in builder.estimates.values()),
    )


def finish_with_inputs(plan: ReportPlan, partial: PartialState) -> dict[str, TableWithInputs]:
    """Return the tables that `finish` makes by name, with what they are computed from."""
    builder = ReportTables(plan, partial)
    finished = {}
    for rows in map(builder.roll_up, plan.tables):
        finished[rows.table.name] = TableWithInputs(
            table=builder.compute_metrics(rows),
            is_single_key=rows.is_single_key,
            sums=rows.sums,
            histograms={
                column: builder.roll_up_histogram(rows, column)
                for column in sorted(plan.definitions.histograms_of(rows.table.metrics))
            },
            errors={
                column: dict.fromkeys(found.rows["row"].to_list(), found.column.relative_error)
                for (table, column), found in builder.estimates.items()
                if table == rows.table.name
            },
        )
    return finished


@dataclass(frozen=True, slots=True)
class _FoundEstimates:
    column: EstimatedColumn
    rows: pl.DataFrame
    """The `row` of each estimate in its table; of several reports, also the period."""


class TableBuilder(ABC):
    """Makes the tables of a plan from a state, of which `_states` are the folded cubes."""

    by: tuple[str, ...] = ()
    """The key that keeps reports apart, if there are several."""

    def __init__(self, plan: ReportPlan, partial: PartialState) -> None:
        self._plan = plan
        self.partial = partial
        self._layout = cube_layout(plan)
        self._states: list[CubeState] = []
        self.estimates: dict[tuple[str, str], _FoundEstimates] = {}
        """By table and column; of the tables whose metrics were computed."""

    @abstractmethod
    def find_anomalies(self, rows: TableRows) -> pl.DataFrame:
        """Return the events of the window, given the rows of its buckets."""

    @abstractmethod
    def window_seconds(self, rows: TableRows) -> pl.Expr:
        """Return how long the window is that each row is about.

        That is the part of its bucket inside the window where rows are about buckets. It is null
        for records without a time, and the whole window for the row of all others.
        """

    @abstractmethod
    def list_buckets(self) -> pl.DataFrame | None:
        """Return every bucket of the window, empty ones included; None for too many."""

    def build_table(self, table: TableSpec) -> pl.DataFrame:
        rows = self.roll_up(table)
        if table.name == HISTOGRAM:
            counts = self.roll_up_histogram(rows, "duration_ms")
            counts = counts.with_columns(rows.sums[key].gather(counts["row"]) for key in self.by)
            counts = counts.sort(*self.by, "bucket")
            return counts.select_seq(*self.by, *bucket_bounds(), pl.col("n").alias("requests"))
        catalogue = self._plan.specifications
        if catalogue is not None and table.name == COVERAGE:
            statuses = self.roll_up(coverage_cells(table)[1]).sums
            cells, top = self.compute_metrics(rows), self._plan.top
            return describe_coverage(table, catalogue, cells, statuses, top, OTHER_TEXT)
        if catalogue is not None and table.name == DEPRECATED:
            return describe_deprecated(catalogue, self.compute_metrics(rows))
        if table.name == ANOMALIES:
            return self.find_anomalies(rows)
        if table.name == OBJECTIVES:
            objectives = self._plan.definitions.objectives
            return describe_objectives(self.compute_metrics(rows), objectives, self.by)
        return self.compute_metrics(rows)

    def roll_up(self, table: TableSpec) -> TableRows:
        """Return the rows of a table with the accumulators that its metrics need.

        A table over dimensions keeps the busiest rows, and a last one has all the others.
        """
        plan, (cube, state) = self._plan, self._cube_of(table)
        definitions = plan.definitions
        histograms = definitions.histograms_of(table.metrics)
        extremes = (a for column in histograms for a in definitions.extremes_of(column))
        needed = {ACCUMULATORS["requests"], *definitions.accumulators_of(table.metrics), *extremes}
        accumulators = sorted(needed, key=lambda a: a.name)
        sums = sums_with_keys(
            cube,
            state,
            [*self.by, "fold", *(k for k in table.keys if k in cube.keys)],
            accumulators,
        )
        if table.where:
            sums = sums.filter(table.where())
        names: list[str | pl.Expr] = [*self.by, shown_fold(table), *table.keys]
        groups = sums.group_by(names).agg(merge_exprs(accumulators))
        groups = self._add_empty_groups(table, groups, accumulators)
        shown = groups.with_columns_seq(shown_key(k) for k in table.keys)
        limits = (limit for limit in (plan.top, table.top, plan.max_rows) if limit)
        most = min(limits) if table.is_capped else groups.height
        assemble = partial_function(assemble_rows, table, groups, shown, accumulators, self.by)
        if not table.sort:
            return assemble(*rank_groups(table, self.by, shown, most))
        # Which rows come first is known once their metrics are, so that they are made twice.
        limit = plan.max_rows if table.is_capped else groups.height
        row, others = rank_groups(table, self.by, shown, limit)
        kept = int(others.item())
        first = self.compute_metrics(assemble(row, others)).head(kept)
        places = _sorted_places(table, first, plan.definitions)
        order = pl.Series([*(min(place, most) for place in places), most], dtype=pl.UInt32)
        row = order.gather(row).alias("row")
        return assemble(row, pl.Series([min(kept, most)], dtype=pl.UInt32))

    def compute_metrics(self, rows: TableRows) -> pl.DataFrame:
        """Return the keys of the rows and the table's metrics."""
        frame = rows.sums.with_row_index("row").with_columns_seq(
            self.window_seconds(rows).alias("window_seconds")
        )
        definitions = self._plan.definitions
        metrics = [definitions[name] for name in rows.table.metrics]
        parts = []
        for column in sorted(definitions.histograms_of(rows.table.metrics)):
            levels = {m.column: m.quantile for m in metrics if m.histogram == column and m.quantile}
            histogram = self.roll_up_histogram(rows, column)
            low, high = (rows.sums[a.name] for a in definitions.extremes_of(column))
            parts.append(estimate_quantiles(histogram, levels, low, high))
        parts += [self._count_distinct(rows, metric) for metric in metrics if metric.distinct]
        for part in parts:
            frame = frame.join(part, on="row", how="left", maintain_order="left")
        return frame.select_seq(*self.by, *rows.table.keys, *map(_metric_expr, metrics))

    def _count_distinct(self, rows: TableRows, metric: Metric) -> pl.DataFrame:
        """Return how many distinct values each row has, by the metric's own name."""
        assert metric.distinct is not None
        state = self._states[self._layout.cube_of_set[rows.table.name, metric.distinct]]
        members = state.distinct[metric.distinct]
        row = rows.rows_of_ids(state).gather(members["id"])
        counted = count_members(members, row, state.set_size)
        estimated = counted.filter("is_estimated").select("row")
        table = rows.table.name
        self.estimates.pop((table, metric.column), None)
        if estimated.height:
            column = EstimatedColumn(
                table=table, column=metric.column, relative_error=relative_error(state.set_size)
            )
            of_rows = estimated.with_columns(
                rows.sums[key].gather(estimated["row"]) for key in self.by
            )
            self.estimates[table, metric.column] = _FoundEstimates(column, of_rows)
        return counted.select("row", pl.col("count").alias(metric.name))

    def roll_up_histogram(self, rows: TableRows, column: str) -> pl.DataFrame:
        """Return how many durations of each row lie in which bucket: `row`, `bucket`, `n`."""
        _, state = self._cube_of(rows.table)
        row, histogram = rows.rows_of_ids(state), state.histograms[column]
        moved = histogram.with_columns_seq(row.gather(histogram["id"]))
        return moved.group_by("row", "bucket").agg(pl.col("n").sum())

    def _cube_of(self, table: TableSpec) -> tuple[Cube, CubeState]:
        index = self._layout.cube_of_table[table.name]
        return self._layout.cubes[index], self._states[index]

    def _add_empty_groups(
        self, table: TableSpec, groups: pl.DataFrame, accumulators: Sequence[Accumulator]
    ) -> pl.DataFrame:
        """Return the groups with those that the table has even without any record."""
        kept = pl.lit(KEPT, pl.UInt8).alias("fold")
        if not table.keys and groups.is_empty():
            empty = pl.select(kept)
        elif table.keys == ("timestamp",) and (buckets := self.list_buckets()) is not None:
            missing = buckets.join(groups, on=buckets.columns, how="anti")
            empty = missing.with_columns_seq(kept)
        else:
            return groups
        empty = empty.with_columns_seq(a.empty_value() for a in accumulators)
        empty = empty.select_seq(groups.columns)
        return pl.concat([groups, empty])


class ReportTables(TableBuilder):
    """Makes the tables of one report, from a state whose routes it folds first."""

    clock = ""

    def __init__(self, plan: ReportPlan, partial: PartialState) -> None:
        super().__init__(plan, learn_routes(plan, partial))
        self.axis = TimeAxis.of_times(plan, partial.times)
        pairs = zip(self._layout.cubes, self.partial.cubes, strict=True)
        self._states = [
            state if cube.is_for_filters else fold_routes(plan, cube, self._on_axis(cube, state))
            for cube, state in pairs
        ]
        self._buckets = self.axis.list_buckets() if has_buckets(plan) else None

    def _on_axis(self, cube: Cube, state: CubeState) -> CubeState:
        """Return the state with the buckets of the axis."""
        if "timestamp" not in cube.keys:
            return state
        return move_buckets(cube, state, self.axis.place_buckets(state.keys["timestamp"]))

    def find_anomalies(self, rows: TableRows) -> pl.DataFrame:
        timezone, window = self._plan.timezone, self.axis.half_open
        end = bucket_ends(rows.sums["timestamp"], self.axis.step or "1h", timezone).alias("end")
        buckets = rows.sums.select_seq("timestamp", *ANOMALY_COUNTS, end).drop_nulls("timestamp")
        if window.seconds is not None and window.seconds < SHORT.total_seconds():
            return find_short_anomalies(buckets, window)
        counts = collect_counts(
            self._hourly(HOURS),
            self._hourly(STATUS_HOURS),
            self._hourly_histogram(HOURS),
            self._hourly(ROUTE_HOURS),
            self._hourly_histogram(ROUTE_HOURS),
            self._hourly(CONSUMER_HOURS),
        )
        found, self.clock = find_anomalies_by_clock(counts, buckets, window, timezone)
        return found

    def _hourly(self, spec: TableSpec) -> pl.DataFrame:
        """Return the counts of each hour and value of the keys, `timestamp` being the hour."""
        cube, state = self._cube_of(spec)
        summed = {ACCUMULATORS["requests"], *BUILT_IN.accumulators_of(spec.metrics)}
        keys = [k for k in spec.keys if k != "hour"]
        sums = sums_with_keys(cube, state, ["fold", *cube.keys], summed).drop_nulls("hour")
        merged = sums.group_by(*keys, pl.col("hour").alias("timestamp")).agg(merge_exprs(summed))
        return merged.select_seq(*keys, "timestamp", *ANOMALY_COUNTS) if len(summed) > 1 else merged

    def _hourly_histogram(self, spec: TableSpec) -> HourLatencies:
        """Return how many durations of each hour and value of the keys lie in which bucket."""
        _, state = self._cube_of(spec)
        keys = [k for k in spec.keys if k != "hour"]
        named = state.keys.select(*keys, pl.col("hour").alias("timestamp"))
        return HourLatencies(keys=named, cells=state.histograms["duration_ms"])

    def window_seconds(self, rows: TableRows) -> pl.Expr:
        window, step = self.axis.window, self.axis.step
        whole = pl.lit(window.seconds, pl.Float64)
        if "timestamp" not in rows.table.keys or step is None:
            return whole
        starts = rows.sums["timestamp"]
        ends = bucket_ends(starts, step, self._plan.timezone)
        part = pl.lit(ends).clip(upper_bound=window.until) - pl.lit(starts).clip(window.since)
        known = divide_by(part.dt.total_microseconds(), 1_000_000)
        return pl.when(rows.is_other).then(whole).otherwise(known)

    def list_buckets(self) -> pl.DataFrame | None:
        return None if self._buckets is None else self._buckets.to_frame()


def has_buckets(plan: ReportPlan) -> bool:
    """Whether a table has every bucket of time."""
    return any(table.keys == ("timestamp",) for table in plan.tables)


def _sorted_places(
    table: TableSpec, rows: pl.DataFrame, definitions: MetricDefinitions
) -> list[int]:
    """Return the place of each row in the table's own order; what is null comes last."""
    column = table.sort if table.sort in table.keys else definitions[table.sort].column
    ordered = rows.with_row_index("place").sort(
        column, descending=table.is_descending, nulls_last=True, maintain_order=True
    )
    return ordered["place"].arg_sort().to_list()


def _metric_expr(metric: Metric) -> pl.Expr:
    # Where no record of a row has a distinct column, nobody knows how many there are: null.
    return (metric.expr() if metric.expr else pl.col(metric.column)).alias(metric.column)

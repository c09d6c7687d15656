"""Latency quantiles of accounts and of groups of accounts, with their confidence intervals.

An account is the unit that varies. Intervals follow Woodruff (1952): how far the share of calls up
to the p95 may be off is estimated from its variation between accounts, and the latencies at the
shares that far off are the bounds.
"""

from __future__ import annotations

import math

import polars as pl

from apilog.aggregate.ddsketch import (
    LONGEST_MS,
    bucket_of_code,
    bucket_value_expr,
    estimate_quantiles,
)
from apilog.developer_success.call_plan import (
    CELLS_PER_ACCOUNT,
    cell_account,
    cell_bucket_code,
    is_trial_cell,
)
from apilog.developer_success.call_summary import map_shards
from apilog.developer_success.population import Population
from apilog.statistics.two_samples import Interval, normal_quantile

_P95 = {"p95": 0.95}
_CELLS_AT_ONCE = 1 << 22


def p95_of_groups(
    population: Population, group: pl.Expr, count: int, *, in_trial: bool = False
) -> pl.Series:
    """The p95 in milliseconds of the calls of each of `count` groups; null without any.

    `group` gives the number of an account's group, or null.
    """
    rows = population.frame.select("id", group.cast(pl.UInt32).alias("row")).drop_nulls()
    histogram = histogram_of_groups(population, group, in_trial=in_trial)
    low, high = _latency_extremes(population, in_trial=in_trial)
    ends = (
        rows.with_columns(low=low.gather(rows["id"]), high=high.gather(rows["id"]))
        .group_by("row")
        .agg(pl.col("low").min(), pl.col("high").max())
    )
    every = pl.DataFrame({"row": pl.int_range(count, dtype=pl.UInt32, eager=True)})
    ends = every.join(ends, on="row", how="left", maintain_order="left")
    found = estimate_quantiles(histogram, _P95, ends["low"], ends["high"])
    return every.join(found, on="row", how="left", maintain_order="left")["p95"]


def histogram_of_groups(
    population: Population, group: pl.Expr, *, in_trial: bool = False
) -> pl.DataFrame:
    """`row`, `bucket` and `n` of the calls of each group."""
    parts = [
        _sum_buckets(cells_of_groups(population, group, cells, in_trial=in_trial))
        for cells in population.calls.latencies.iter_slices(_CELLS_AT_ONCE)
    ]
    return _sum_buckets(pl.concat([_NO_HISTOGRAM, *parts]))


def cells_of_groups(
    population: Population, group: pl.Expr, cells: pl.DataFrame, *, in_trial: bool = False
) -> pl.DataFrame:
    """`id`, `row`, `bucket` and `n` of those cells that belong to a group."""
    rows = population.frame.select("id", group.cast(pl.UInt32).alias("row")).drop_nulls()
    by_id = _rows_by_account(population, rows["id"], rows["row"])
    return _locate_cells(cells, by_id, in_trial=in_trial)


def p95_of_accounts(population: Population, *, in_trial: bool = False) -> pl.DataFrame:
    """`id` and `p95` in milliseconds of each account that has timed calls.

    Equal latencies give equal values, whatever else an account met: they can be ranked.
    """
    ids, accounts = population.frame["id"], population.extremes.height
    by_id = _rows_by_account(population, ids, ids)
    low, high = (
        pl.Series([bound], dtype=pl.Float64).new_from_index(0, accounts)
        for bound in (0.0, LONGEST_MS * 1001)
    )

    def of_some(cells: pl.DataFrame) -> pl.DataFrame:
        histogram = _sum_buckets(_locate_cells(cells, by_id, in_trial=in_trial))
        return estimate_quantiles(histogram, _P95, low, high).select(id="row", p95="p95")

    return map_shards([population.calls.latencies], accounts, of_some, CELLS_PER_ACCOUNT)


_NO_HISTOGRAM = pl.DataFrame(schema={"row": pl.UInt32, "bucket": pl.Int16, "n": pl.Int64})


def _rows_by_account(population: Population, ids: pl.Series, rows: pl.Series) -> pl.Series:
    """The row of each account, its position being its id; null for the others."""
    nothing = pl.Series([None], dtype=pl.UInt32).new_from_index(0, population.extremes.height)
    return nothing.scatter(ids, rows) if len(ids) else nothing


def _locate_cells(cells: pl.DataFrame, by_id: pl.Series, *, in_trial: bool) -> pl.DataFrame:
    if in_trial:
        cells = cells.filter(is_trial_cell(pl.col("cell")))
    ids = cells.select(cell_account(pl.col("cell"))).to_series()
    located = cells.select(
        ids,
        by_id.gather(ids).alias("row"),
        bucket_of_code(cell_bucket_code(pl.col("cell"))),
        pl.col("n").cast(pl.Int64),
    )
    return located.drop_nulls("row")


def _sum_buckets(histogram: pl.DataFrame) -> pl.DataFrame:
    return histogram.group_by("row", "bucket").agg(pl.col("n").sum())


def _latency_extremes(population: Population, *, in_trial: bool) -> tuple[pl.Series, pl.Series]:
    prefix = "trial_latency" if in_trial else "latency"
    return population.extremes[f"{prefix}_min_us"], population.extremes[f"{prefix}_max_us"]


_LEVEL = 0.95
_Z = normal_quantile(0.975)


def p95_bounds(population: Population, group: pl.Expr, count: int) -> list[Interval | None]:
    """The 95 % interval, in milliseconds, of the p95 of each of `count` groups.

    None for a group with fewer than two accounts that have timed calls.
    """
    ranked = (
        histogram_of_groups(population, group)
        .sort("row", "bucket")
        .with_columns(upto=pl.col("n").cum_sum().over("row"), total=pl.col("n").sum().over("row"))
    )
    errors = dict(_share_errors(population, group, _bucket_at(ranked, pl.lit(_LEVEL))).iter_rows())
    return [
        _bucket_interval(ranked.filter(pl.col("row") == row), errors.get(row))
        for row in range(count)
    ]


def _bucket_at(ranked: pl.DataFrame, level: pl.Expr) -> pl.DataFrame:
    """The `row` and the `bucket` at that level of its histogram."""
    rank = (level * (pl.col("total") - 1)).floor()
    return ranked.filter(pl.col("upto") > rank).unique("row", keep="first", maintain_order=True)


def _share_errors(population: Population, group: pl.Expr, p95: pl.DataFrame) -> pl.DataFrame:
    """`row`, and the standard error of the share of its calls up to its p95."""
    limits = p95.select("row", limit="bucket")

    def of_some(cells: pl.DataFrame) -> pl.DataFrame:
        located = cells_of_groups(population, group, cells).join(limits, on="row")
        is_up_to = pl.col("bucket") <= pl.col("limit")
        return located.group_by("id", "row").agg(
            n=pl.col("n").sum(), upto=pl.col("n").filter(is_up_to).sum()
        )

    accounts = map_shards(
        [population.calls.latencies], population.extremes.height, of_some, CELLS_PER_ACCOUNT
    )
    share = pl.col("upto").sum().over("row") / pl.col("n").sum().over("row")
    squares = (pl.col("upto") - share * pl.col("n")) ** 2
    variance = pl.col("squares").sum() * pl.len() / (pl.len() - 1) / pl.col("n").sum() ** 2
    return (
        accounts.sort("id")
        .with_columns(squares=squares)
        .group_by("row")
        .agg(pl.when(pl.len() > 1).then(variance).sqrt().alias("error"))
    )


def _bucket_interval(ranked: pl.DataFrame, error: float | None) -> Interval | None:
    if error is None or not math.isfinite(error):
        return None
    levels = (max(0.0, _LEVEL - _Z * error), min(1.0, _LEVEL + _Z * error))
    low, high = (
        _bucket_at(ranked, pl.lit(level)).select(bucket_value_expr()).item() for level in levels
    )
    return Interval(low, high)

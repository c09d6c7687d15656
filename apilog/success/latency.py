"""The catalogue's p95 of accounts and of groups of accounts, from their histograms."""

from __future__ import annotations

import polars as pl

from apilog.aggregate.histogram import LONGEST_MS, bucket_of_code, quantiles
from apilog.success.calls.cells import PER_ACCOUNT, account_of, code_of, is_in_trial
from apilog.success.calls.shards import sharded
from apilog.success.population import Population

_P95 = {"p95": 0.95}
_SLICE = 1 << 22


def p95_of_groups(
    population: Population, group: pl.Expr, count: int, *, in_trial: bool = False
) -> pl.Series:
    """The p95 in milliseconds of the calls of each of `count` groups; null without any.

    `group` gives the number of an account's group, or null.
    """
    rows = population.frame.select("id", group.cast(pl.UInt32).alias("row")).drop_nulls()
    histogram = histogram_of_groups(population, group, in_trial=in_trial)
    low, high = _extremes(population, in_trial=in_trial)
    ends = (
        rows.with_columns(low=low.gather(rows["id"]), high=high.gather(rows["id"]))
        .group_by("row")
        .agg(pl.col("low").min(), pl.col("high").max())
    )
    every = pl.DataFrame({"row": pl.int_range(count, dtype=pl.UInt32, eager=True)})
    ends = every.join(ends, on="row", how="left", maintain_order="left")
    found = quantiles(histogram, _P95, ends["low"], ends["high"])
    return every.join(found, on="row", how="left", maintain_order="left")["p95"]


def histogram_of_groups(
    population: Population, group: pl.Expr, *, in_trial: bool = False
) -> pl.DataFrame:
    """`row`, `bucket` and `n` of the calls of each group."""
    parts = [
        _summed(cells_of_groups(population, group, cells, in_trial=in_trial))
        for cells in population.calls.latencies.iter_slices(_SLICE)
    ]
    return _summed(pl.concat([_NO_HISTOGRAM, *parts]))


def cells_of_groups(
    population: Population, group: pl.Expr, cells: pl.DataFrame, *, in_trial: bool = False
) -> pl.DataFrame:
    """`id`, `row`, `bucket` and `n` of those cells that belong to a group."""
    rows = population.frame.select("id", group.cast(pl.UInt32).alias("row")).drop_nulls()
    by_id = _by_id(population, rows["id"], rows["row"])
    return _located(cells, by_id, in_trial=in_trial)


def p95_of_accounts(population: Population, *, in_trial: bool = False) -> pl.DataFrame:
    """`id` and `p95` in milliseconds of each account that has timed calls.

    Equal latencies give equal values, whatever else an account met: they can be ranked.
    """
    ids, accounts = population.frame["id"], population.extremes.height
    by_id = _by_id(population, ids, ids)
    low, high = (
        pl.Series([bound], dtype=pl.Float64).new_from_index(0, accounts)
        for bound in (0.0, LONGEST_MS * 1001)
    )

    def of_some(cells: pl.DataFrame) -> pl.DataFrame:
        histogram = _summed(_located(cells, by_id, in_trial=in_trial))
        return quantiles(histogram, _P95, low, high).select(id="row", p95="p95")

    return sharded([population.calls.latencies], accounts, of_some, PER_ACCOUNT)


_NO_HISTOGRAM = pl.DataFrame(schema={"row": pl.UInt32, "bucket": pl.Int16, "n": pl.Int64})


def _by_id(population: Population, ids: pl.Series, rows: pl.Series) -> pl.Series:
    """The row of each account, its position being its id; null for the others."""
    nothing = pl.Series([None], dtype=pl.UInt32).new_from_index(0, population.extremes.height)
    return nothing.scatter(ids, rows) if len(ids) else nothing


def _located(cells: pl.DataFrame, by_id: pl.Series, *, in_trial: bool) -> pl.DataFrame:
    if in_trial:
        cells = cells.filter(is_in_trial(pl.col("cell")))
    ids = cells.select(account_of(pl.col("cell"))).to_series()
    located = cells.select(
        ids,
        by_id.gather(ids).alias("row"),
        bucket_of_code(code_of(pl.col("cell"))),
        pl.col("n").cast(pl.Int64),
    )
    return located.drop_nulls("row")


def _summed(histogram: pl.DataFrame) -> pl.DataFrame:
    return histogram.group_by("row", "bucket").agg(pl.col("n").sum())


def _extremes(population: Population, *, in_trial: bool) -> tuple[pl.Series, pl.Series]:
    prefix = "trial_latency" if in_trial else "latency"
    return population.extremes[f"{prefix}_min_us"], population.extremes[f"{prefix}_max_us"]

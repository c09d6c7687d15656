"""The interval of the p95 of groups of accounts, an account being the unit that varies.

After Woodruff (1952): how far the share of calls up to the p95 may be off is told by how it
varies between accounts; the latencies at the shares so far off are the bounds.
"""

from __future__ import annotations

import math

import polars as pl

from apilog.aggregate.histogram import bucket_value
from apilog.statistics.proportions import Interval, normal_quantile
from apilog.success.calls.cells import PER_ACCOUNT
from apilog.success.calls.shards import sharded
from apilog.success.latency import cells_of_groups, histogram_of_groups
from apilog.success.population import Population

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
    errors = dict(_errors(population, group, _at(ranked, pl.lit(_LEVEL))).iter_rows())
    return [_bounds(ranked.filter(pl.col("row") == row), errors.get(row)) for row in range(count)]


def _at(ranked: pl.DataFrame, level: pl.Expr) -> pl.DataFrame:
    """The `row` and the `bucket` at that level of its histogram."""
    rank = (level * (pl.col("total") - 1)).floor()
    return ranked.filter(pl.col("upto") > rank).unique("row", keep="first", maintain_order=True)


def _errors(population: Population, group: pl.Expr, p95: pl.DataFrame) -> pl.DataFrame:
    """`row`, and the standard error of the share of its calls up to its p95."""
    limits = p95.select("row", limit="bucket")

    def of_some(cells: pl.DataFrame) -> pl.DataFrame:
        located = cells_of_groups(population, group, cells).join(limits, on="row")
        is_up_to = pl.col("bucket") <= pl.col("limit")
        return located.group_by("id", "row").agg(
            n=pl.col("n").sum(), upto=pl.col("n").filter(is_up_to).sum()
        )

    accounts = sharded(
        [population.calls.latencies], population.extremes.height, of_some, PER_ACCOUNT
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


def _bounds(ranked: pl.DataFrame, error: float | None) -> Interval | None:
    if error is None or not math.isfinite(error):
        return None
    levels = (max(0.0, _LEVEL - _Z * error), min(1.0, _LEVEL + _Z * error))
    low, high = (_at(ranked, pl.lit(level)).select(bucket_value()).item() for level in levels)
    return Interval(low, high)

"""Latency quantiles of accounts and of groups of accounts, with their confidence intervals.

An account is the unit that varies. Intervals follow Woodruff (1952): how far the share of calls up
to the p95 may be off is estimated from its variation between accounts, and the latencies at the
shares that far off are the bounds.
"""

from __future__ import annotations

import math

import polars as pl

from apilog.aggregate.ddsketch import bucket_value_expr, estimate_quantiles
from apilog.developer_success.latency_cells import (
    calls_up_to,
    histogram_of_groups,
    quantile_of_accounts,
)
from apilog.developer_success.population import Population
from apilog.statistics.distributions import normal_quantile
from apilog.statistics.two_samples import Interval

_LEVEL = 0.95
_QUANTILES = {"p95": _LEVEL}
_Z = normal_quantile(0.975)


def p95_of_groups(
    population: Population, group: pl.Expr, count: int, *, in_trial: bool = False
) -> pl.Series:
    """Return the p95 in milliseconds of the calls of each of `count` groups; null without calls.

    `group` gives the number of an account's group, or null.
    """
    histogram = _histogram_of_groups(population, group, in_trial=in_trial)
    return _estimate_p95(population, group, count, histogram, in_trial=in_trial)


def p95_with_bounds(
    population: Population, group: pl.Expr, count: int
) -> tuple[pl.Series, list[Interval | None]]:
    """Return the p95 of each of `count` groups, and its 95 % interval, both in milliseconds.

    The interval is None for a group with fewer than two accounts that have timed calls.
    """
    histogram = _histogram_of_groups(population, group)
    estimates = _estimate_p95(population, group, count, histogram)
    return estimates, _bounds_of_p95(population, group, count, histogram)


def _estimate_p95(
    population: Population,
    group: pl.Expr,
    count: int,
    histogram: pl.DataFrame,
    *,
    in_trial: bool = False,
) -> pl.Series:
    prefix = "trial_latency" if in_trial else "latency"
    extremes = (
        population.extremes.select(
            _rows_by_account(population, group).alias("row"),
            low=f"{prefix}_min_us",
            high=f"{prefix}_max_us",
        )
        .drop_nulls("row")
        .group_by("row")
        .agg(pl.col("low").min(), pl.col("high").max())
    )
    rows = pl.DataFrame({"row": pl.int_range(count, dtype=pl.UInt32, eager=True)})
    # The extremes bound the estimate: no p95 is above the longest call of its group.
    extremes = rows.join(extremes, on="row", how="left", maintain_order="left")
    quantiles = estimate_quantiles(histogram, _QUANTILES, extremes["low"], extremes["high"])
    return rows.join(quantiles, on="row", how="left", maintain_order="left")["p95"]


def p95_of_accounts(population: Population, *, in_trial: bool = False) -> pl.DataFrame:
    """Return `id` and `p95` in milliseconds of each account that has timed calls.

    Equal latencies give equal values, whatever else an account met, so that they can be ranked:
    that is why no account's minimum or maximum bounds its estimate.
    """
    rows_by_account = _rows_by_account(population, pl.col("id"))
    buckets = quantile_of_accounts(
        population.calls.latencies, rows_by_account, _LEVEL, in_trial=in_trial
    )
    return buckets.select("id", p95=bucket_value_expr())


def _bounds_of_p95(
    population: Population, group: pl.Expr, count: int, histogram: pl.DataFrame
) -> list[Interval | None]:
    ranked = histogram.sort("row", "bucket").with_columns(
        upto=pl.col("n").cum_sum().over("row"), total=pl.col("n").sum().over("row")
    )
    limits = _bucket_at(ranked, _LEVEL).select("row", limit="bucket")
    rows = pl.DataFrame({"row": pl.int_range(count, dtype=pl.UInt32, eager=True)})
    accounts = calls_up_to(
        population.calls.latencies,
        _rows_by_account(population, group),
        rows.join(limits, on="row", how="left", maintain_order="left")["limit"],
    )
    # The share of calls up to the limit is a ratio of sums over accounts; by linearisation its
    # variance is m / (m - 1) · Σ (upto - share · n)² / (Σ n)² over the m accounts of the row.
    share = pl.col("upto").sum().over("row") / pl.col("n").sum().over("row")
    squares = (pl.col("upto") - share * pl.col("n")) ** 2
    variance = pl.col("squares").sum() * pl.len() / (pl.len() - 1) / pl.col("n").sum() ** 2
    errors = dict(
        accounts.sort("id")
        .with_columns(squares=squares)
        .group_by("row")
        .agg(pl.when(pl.len() > 1).then(variance).sqrt())
        .iter_rows()
    )
    intervals: list[Interval | None] = []
    for row in range(count):
        error = errors.get(row)
        if error is None or not math.isfinite(error):
            intervals.append(None)
            continue
        buckets = ranked.filter(pl.col("row") == row)
        low, high = (
            _bucket_at(buckets, level).select(bucket_value_expr()).item()
            for level in (max(0.0, _LEVEL - _Z * error), min(1.0, _LEVEL + _Z * error))
        )
        intervals.append(Interval(low, high))
    return intervals


def _bucket_at(ranked: pl.DataFrame, level: float) -> pl.DataFrame:
    """Return the `row` and `bucket` at that level of each histogram."""
    rank = (level * (pl.col("total") - 1)).floor()
    return ranked.filter(pl.col("upto") > rank).unique("row", keep="first", maintain_order=True)


def _histogram_of_groups(
    population: Population, group: pl.Expr, *, in_trial: bool = False
) -> pl.DataFrame:
    """Return `row`, `bucket` and `n` of the calls of each group."""
    return histogram_of_groups(
        population.calls.latencies, _rows_by_account(population, group), in_trial=in_trial
    )


def _rows_by_account(population: Population, group: pl.Expr) -> pl.Series:
    """Return the group of each account, its position being its id; null for the others."""
    rows = population.frame.select("id", group.cast(pl.UInt32).alias("row")).drop_nulls()
    nulls = pl.Series([None], dtype=pl.UInt32).new_from_index(0, population.extremes.height)
    return nulls.scatter(rows["id"], rows["row"]) if rows.height else nulls

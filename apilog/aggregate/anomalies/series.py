"""Series: one count an hour, with its exposure, for each part and each metric that is watched.

The p95 of durations is watched by counts, too: how many requests take longer than 95 % of all do
at that hour of the day. Twice the p95 is several times as many of them, and counts of hours add up.
Routes differ more in their durations than each by itself, and hide that all got slower. So there is
a second count for it: how many requests take longer than 95 % of those of their own route.
"""

from __future__ import annotations

import polars as pl

from apilog.aggregate.anomalies.counts import HourCounts
from apilog.aggregate.anomalies.latencies import HourLatencies, count_slow, subtract_parts

METRICS = ("requests", "error_rate", "server_error_rate", "latency_p95", "latency_p95")
"""The metrics that are watched, in the order of their series; the second p95 counts what is slow
for its own route, and is of all requests only."""
WITHIN_ROUTES = 4
"""The number of that second p95 among the series of a part."""


def part_of(series: int) -> int:
    return series // len(METRICS)


def metric_of(series: int) -> str:
    return METRICS[series % len(METRICS)]


def is_within_routes(series: int) -> bool:
    """Return whether it counts what is slow for its own route."""
    return series % len(METRICS) == WITHIN_ROUTES


def build_series(counts: HourCounts, hours: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return the series in one long frame, sorted by `series` and `timestamp`.

    Its columns are `series`, the number 5 · part + metric, `timestamp`, `count`, `exposure`,
    `is_rate` and `is_marked`. Takes the filled hours of the counts.
    """
    timed_hours = counts.latencies.sum_hours(timezone)
    slow = count_slow(counts.latencies, timed_hours)
    joined = hours.join(slow, on=["part", "timestamp"], how="left")
    has_durations = pl.col("timed").is_not_null().any().over("part")
    one, requests = pl.lit(1.0), pl.col("requests")
    rows = [
        _metric_rows(joined, 0, requests, one),
        _metric_rows(joined, 1, pl.col("errors"), requests),
        _metric_rows(joined, 2, pl.col("server_errors"), requests),
        _metric_rows(
            joined.filter(has_durations),
            3,
            pl.col("slow").fill_null(0),
            pl.col("timed").fill_null(0),
        ),
    ]
    routes = counts.parts.filter(pl.col("route").is_not_null())["part"]
    within = _within_routes(slow, counts.latencies, timed_hours, routes, timezone)
    if within.height:
        of_all = within.group_by("timestamp").agg(pl.col("timed", "slow").sum())
        whole = hours.filter(pl.col("part") == 0, pl.col("timestamp") >= of_all["timestamp"].min())
        timed = whole.join(of_all, on="timestamp", how="left").with_columns(
            pl.col("timed", "slow").fill_null(0)
        )
        rows.append(_metric_rows(timed, WITHIN_ROUTES, pl.col("slow"), pl.col("timed")))
    return pl.concat(rows).sort("series", "timestamp").with_columns(is_marked=pl.lit(False))


def _metric_rows(
    hours: pl.DataFrame, metric: int, count: pl.Expr, exposure: pl.Expr
) -> pl.DataFrame:
    return hours.select(
        (pl.col("part") * len(METRICS) + metric).cast(pl.UInt32).alias("series"),
        "timestamp",
        count.cast(pl.Float64).alias("count"),
        exposure.cast(pl.Float64).alias("exposure"),
        pl.lit(metric > 0).alias("is_rate"),
    )


def count_slow_within_routes(counts: HourCounts, timezone: str) -> pl.DataFrame:
    """Return how many durations of an hour are above the usual p95 of their own route.

    The columns are those of `count_slow`, `part` being null for the routes that are no parts, which
    are taken together. Without parts that are routes, there is no row.
    """
    routes = counts.parts.filter(pl.col("route").is_not_null())["part"]
    hours = counts.latencies.sum_hours(timezone)
    slow = count_slow(counts.latencies, hours)
    return _within_routes(slow, counts.latencies, hours, routes, timezone)


def _within_routes(
    slow: pl.DataFrame,
    latencies: HourLatencies,
    hours: pl.DataFrame,
    routes: pl.Series,
    timezone: str,
) -> pl.DataFrame:
    """Return the rows of the routes, and those of all others taken together, `part` being null."""
    of_routes = slow.filter(pl.col("part").is_in(routes.implode()))
    if of_routes.is_empty():
        return of_routes
    named = hours.filter(pl.col("part").is_in(routes.implode()))
    # Hours of parts may be forgotten before those of all requests.
    whole = hours.filter(pl.col("part") == 0, pl.col("timestamp") >= named["timestamp"].min())
    others = subtract_parts(latencies, whole, named)
    slow_others = count_slow(others, others.sum_hours(timezone))
    return pl.concat([of_routes, slow_others.with_columns(part=pl.lit(None, pl.UInt32))])

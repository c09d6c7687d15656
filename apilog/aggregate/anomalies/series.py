"""Series: one count an hour, with its exposure, for each part and each metric that is watched.

The p95 of durations is watched by counts, too: how many requests take longer than 95 % of all do
at that hour of the day. Twice the p95 is several times as many of them, and counts of hours add up.
Routes differ more in their durations than each by itself, and hide that all got slower. So there is
a second count for it: how many requests take longer than 95 % of those of their own route.
"""

from __future__ import annotations

import polars as pl

from apilog.aggregate.anomalies.counts import HourCounts

METRICS = ("requests", "error_rate", "server_error_rate", "latency_p95", "latency_p95")
"""The metrics that are watched, in the order of their series; the second p95 counts what is slow
for its own route, and is of all requests only."""
WITHIN_ROUTES = 4
"""The number of that second p95 among the series of a part."""
P95 = 0.95
_ENOUGH = 200
"""From so many durations on, a p95 is known well enough."""

_SLOWEST = 0.2


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
    slow = count_slow(counts.latencies, timezone)
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
    within = _within_routes(slow, counts.latencies, routes, timezone)
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


def local_hour(timezone: str) -> pl.Expr:
    return pl.col("timestamp").dt.convert_time_zone(timezone).dt.hour().alias("local_hour")


def usual_p95(latencies: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return the bucket of the p95 of each group, and on how many durations: `bucket`, `timed`."""
    total, upto = pl.col("n").sum().over(by), pl.col("n").cum_sum().over(by)
    return (
        latencies.group_by(*by, "bucket")
        .agg(pl.col("n").sum())
        .sort(*by, "bucket")
        # The rank floor(q · (n − 1)), counted from 0.
        .filter(upto > (P95 * (total - 1)).floor())
        .group_by(by)
        .agg(pl.col("bucket").min())
    )


def count_slow(latencies: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return how many durations of an hour are above the usual p95: `slow` of `timed`."""
    local = latencies.with_columns(local_hour(timezone))
    return count_above(local, usual_bounds(local))


def usual_bounds(latencies: pl.DataFrame) -> pl.DataFrame:
    """Return the bucket `usual` of the usual p95 of each `part` and `local_hour` of a day.

    It is that of the hour of the day, or of all day where that has too few durations; without the
    slowest fifth of the days, so that an event of one of five days does not become what is usual.
    """
    usual_days = _without_slowest(latencies)
    by_hour = usual_p95(usual_days, ["part", "local_hour"]).rename({"bucket": "of_hour"})
    by_part = usual_p95(usual_days, ["part"]).rename({"bucket": "of_part"})
    timed = latencies.group_by("part", "local_hour").agg(timed=pl.col("n").sum())
    every_hour = pl.DataFrame({"local_hour": range(24)}, schema={"local_hour": pl.Int8})
    usual = pl.when(pl.col("timed") >= _ENOUGH).then("of_hour").otherwise("of_part")
    return (
        by_part.join(every_hour, how="cross")
        .join(by_hour, on=["part", "local_hour"], how="left")
        .join(timed, on=["part", "local_hour"], how="left")
        .select("part", "local_hour", usual=usual)
    )


def _without_slowest(latencies: pl.DataFrame) -> pl.DataFrame:
    """Return the latencies without the slowest fifth of the days at each hour of the day."""
    cell = ["part", "local_hour"]
    n, bucket = pl.col("n"), pl.col("bucket").cast(pl.Float64)
    days = latencies.group_by(*cell, "timestamp").agg(middle=(n * bucket).sum() / n.sum())
    place = pl.struct("middle", "timestamp").rank("ordinal", descending=True).over(cell)
    usual = days.filter(place > (pl.len().over(cell) * _SLOWEST).floor())
    return latencies.join(usual.select("part", "timestamp"), on=["part", "timestamp"], how="semi")


def count_above(latencies: pl.DataFrame, bounds: pl.DataFrame) -> pl.DataFrame:
    """Return how many durations of each hour are above the bounds: `slow` of `timed`."""
    n = pl.col("n")
    return (
        latencies.join(bounds, on=["part", "local_hour"])
        .group_by("part", "timestamp")
        .agg(timed=n.sum(), slow=n.filter(pl.col("bucket") > pl.col("usual")).sum())
    )


def count_slow_within_routes(counts: HourCounts, timezone: str) -> pl.DataFrame:
    """Return how many durations of an hour are above the usual p95 of their own route.

    The columns are those of `count_slow`, `part` being null for the routes that are no parts, which
    are taken together. Without parts that are routes, there is no row.
    """
    routes = counts.parts.filter(pl.col("route").is_not_null())["part"]
    slow = count_slow(counts.latencies, timezone)
    return _within_routes(slow, counts.latencies, routes, timezone)


def _within_routes(
    slow: pl.DataFrame, latencies: pl.DataFrame, routes: pl.Series, timezone: str
) -> pl.DataFrame:
    """Return the rows of the routes, and those of all others taken together, `part` being null."""
    of_routes = latencies.filter(pl.col("part").is_in(routes.implode()))
    if of_routes.is_empty():
        return slow.clear()
    cell = ["timestamp", "bucket"]
    # Hours of parts may be forgotten before those of all requests.
    whole = latencies.filter(
        pl.col("part") == 0, pl.col("timestamp") >= of_routes["timestamp"].min()
    )
    others = (
        whole.join(of_routes.group_by(cell).agg(named=pl.col("n").sum()), on=cell, how="left")
        .with_columns(n=pl.col("n") - pl.col("named").fill_null(0))
        .filter(pl.col("n") > 0)
    )
    slow_others = count_slow(others.select(latencies.columns), timezone)
    return pl.concat(
        [
            slow.filter(pl.col("part").is_in(routes.implode())),
            slow_others.with_columns(part=pl.lit(None, pl.UInt32)),
        ]
    )

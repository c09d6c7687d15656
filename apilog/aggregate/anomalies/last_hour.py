"""The last whole hour of a log against the past, for alerts.

What is usual comes from the hours before alone. Its own uncertainty widens what may be.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from apilog.aggregate.anomalies.detect import detect_events, mark_events
from apilog.aggregate.anomalies.expectation import with_expectation
from apilog.aggregate.anomalies.scan import LEAST_COUNT, measure_dispersions
from apilog.aggregate.anomalies.series import METRICS
from apilog.aggregate.anomalies.surprise import score_count, score_limit
from apilog.aggregate.anomalies.table import REPORTED_SCORE

_FEWEST_DAYS = 3
"""Earlier days with this hour, at least; one of them on the same side of the week."""
_LIMIT = score_limit(2 * 365 * 24, 1.0)
"""Chance alone passes it once in two years of hours."""


def score_last_hour(
    hours: pl.DataFrame, metric: str, timezone: str = "UTC"
) -> dict[str, Any] | None:
    """Return how unusual the last hour is: `timestamp, requests, metric, value, expected, score`.

    None without enough earlier days, and for a rate without requests. Takes every hour from the
    first on as `timestamp, requests, errors`, in order; counts of an hour that isn't known are
    null. A score of 6, whatever its sign, is what chance alone passes once in two years.
    """
    hours = hours.tail(29 * 24)
    series = _series(hours, metric)
    last: datetime | None = hours["timestamp"].max()  # type: ignore[assignment]
    if last is None or not _is_known(hours, last, timezone):
        return None
    is_last = pl.col("timestamp") == last
    past = series.filter(~is_last, pl.col("count").is_not_null())
    found = detect_events(past, timezone).events
    events = [event for event in found if not event.is_shift]
    marked = mark_events(series, events).with_columns(is_marked=pl.col("is_marked") | is_last)
    expected = with_expectation(marked, timezone)
    row = expected.filter(is_last).row(0, named=True)
    learned = expected.filter(~is_last, pl.col("count").is_not_null(), pl.col("mean").is_not_null())
    dispersions = measure_dispersions(learned, events_known=True)
    if row["count"] is None or row["mean"] is None or not row["exposure"] or not dispersions:
        return None
    dispersion = dispersions[row["series"]][0]
    # Of a rate that few events tell of, little is known (the variance of a gamma posterior).
    dispersion += 1 / (float(learned["count"].sum()) + 0.5)
    score = score_count(row["count"], row["mean"], dispersion)
    # A few requests more or less are nothing to wake anybody for.
    score *= min(1.0, abs(row["count"] - row["mean"]) / LEAST_COUNT)
    exposure = row["exposure"]
    return {
        "timestamp": last,
        "requests": hours["requests"][-1],
        "metric": metric,
        "value": row["count"] / exposure,
        "expected": row["mean"] / exposure,
        "score": REPORTED_SCORE * score / _LIMIT,
    }


def _series(hours: pl.DataFrame, metric: str) -> pl.DataFrame:
    requests = pl.col("requests").cast(pl.Float64)
    is_rate = metric != "requests"
    count = pl.col("errors").cast(pl.Float64) if is_rate else requests
    return hours.select(
        pl.lit(METRICS.index(metric), pl.UInt32).alias("series"),
        "timestamp",
        count.alias("count"),
        (requests if is_rate else pl.lit(1.0)).alias("exposure"),
        pl.lit(is_rate).alias("is_rate"),
        pl.lit(False).alias("is_marked"),
    ).sort("series", "timestamp")


def _is_known(hours: pl.DataFrame, last: datetime, timezone: str) -> bool:
    """Return whether enough earlier days have this hour, one on its side of the week."""
    local = pl.col("timestamp").dt.convert_time_zone(timezone)
    same = hours.drop_nulls("requests").select(
        "timestamp", hour=local.dt.hour(), is_weekend=local.dt.weekday() >= 6
    )
    now = same.filter(pl.col("timestamp") == last)
    if now.is_empty():
        return False
    earlier = same.filter(
        pl.col("timestamp") < last - timedelta(hours=1), pl.col("hour") == now["hour"].item()
    )
    return earlier.height >= _FEWEST_DAYS and bool(
        (earlier["is_weekend"] == now["is_weekend"].item()).any()
    )

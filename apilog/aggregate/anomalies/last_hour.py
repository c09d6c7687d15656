"""The last whole hour of a log against the past, for alerts.

What is usual comes from the hours before alone. Its own uncertainty widens what may be.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from apilog.aggregate.anomalies.detect import clocks_beside, detect_events, mark_events
from apilog.aggregate.anomalies.expectation import with_expectation
from apilog.aggregate.anomalies.latencies import HourLatencies, count_above, usual_bounds
from apilog.aggregate.anomalies.scan import LEAST_CHANGE, LEAST_COUNT, measure_dispersions
from apilog.aggregate.anomalies.series import METRICS, metric_of
from apilog.aggregate.anomalies.surprise import score_count, score_limit
from apilog.aggregate.anomalies.table import REPORTED_SCORE, p95_of
from apilog.aggregate.ddsketch import bucket_value_ms
from apilog.schema import TIMESTAMP

_P95 = "latency_p95"
_NO_LATENCIES = pl.DataFrame(schema={"timestamp": TIMESTAMP, "bucket": pl.Int16, "n": pl.Int64})
_FEWEST_DAYS = 3
"""Earlier days with this hour, at least; one of them on the same side of the week."""
_LIMIT = score_limit(2 * 365 * 24, 1.0)
"""Chance alone passes it once in two years of hours."""


def score_last_hour(
    hours: pl.DataFrame,
    metric: str,
    timezone: str = "UTC",
    *,
    latencies: pl.DataFrame | None = None,
) -> dict[str, Any] | None:
    """Return how unusual the last hour is: `timestamp, requests, metric, value, expected, score`.

    None without enough earlier days, and for a rate without requests. Takes every hour from the
    first on as `timestamp, requests, errors, server_errors`, in order, of which counts that aren't
    known are null; for `latency_p95` also `timestamp, bucket, n` of the durations. A score of 6,
    whatever its sign, is what chance alone passes once in two years.
    """
    hours = hours.tail(29 * 24)
    last: datetime | None = hours["timestamp"].max()  # type: ignore[assignment]
    if last is None:
        return None
    durations = None
    if metric == _P95:
        since = pl.col("timestamp") >= hours["timestamp"].min()
        known = _NO_LATENCIES if latencies is None else latencies.filter(since)
        durations = _Durations(known, last, timezone)
        hours = hours.join(durations.slow_hours, on="timestamp", how="left")
    series = _series(hours, metric)
    if not _is_known(series, last, timezone):
        return None
    clocks = [timezone, *clocks_beside(series["timestamp"], timezone)]
    # Where clocks were changed meanwhile, what one of them explains is nothing unusual.
    scored = [found for clock in clocks if (found := _score(series, last, clock))]
    if not scored:
        return None
    found = min(scored, key=lambda one: abs(one[0]))
    score, value, usual = found
    if durations:
        value, usual = durations.p95, durations.usual_p95
        # Where durations are all alike, many are longer than usual by next to nothing.
        if not value or not usual or abs(value / usual - 1) < LEAST_CHANGE:
            score = 0.0
    return {
        "timestamp": last,
        "requests": hours["requests"][-1],
        "metric": metric,
        "value": value,
        "expected": usual,
        "score": REPORTED_SCORE * score / _LIMIT,
    }


def _score(
    series: pl.DataFrame, last: datetime, timezone: str
) -> tuple[float, float | None, float | None] | None:
    """Return the score of the last hour, its count and what was expected, both by exposure."""
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
    telling = learned
    if metric_of(row["series"]) == _P95:
        # What is slow at an hour of the day is known by that hour alone.
        telling = learned.filter(pl.col("local_hour") == row["local_hour"])
    # Of a rate that few events tell of, little is known (the variance of a gamma posterior).
    dispersion += 1 / (float(telling["count"].sum()) + 0.5)
    score = score_count(row["count"], row["mean"], dispersion)
    # A few requests more or less are nothing to wake anybody for.
    score *= min(1.0, abs(row["count"] - row["mean"]) / LEAST_COUNT)
    return score, row["count"] / row["exposure"], row["mean"] / row["exposure"]


class _Durations:
    """The durations of hours, held against what was usual before the last one."""

    def __init__(self, latencies: pl.DataFrame, last: datetime, timezone: str) -> None:
        known = HourLatencies.of_rows(latencies.with_columns(part=pl.lit(0, pl.UInt32)))
        hours = known.sum_hours(timezone)
        bounds = usual_bounds(known, hours.filter(pl.col("timestamp") < last))
        is_last = pl.col("timestamp") == last
        self._last = known.cells_where(is_last)
        self._usual = hours.filter(is_last).join(bounds, on=["part", "local_hour"])["usual"]
        self.slow_hours = count_above(known, hours, bounds).drop("part")
        """`timed` durations of each hour, `slow` of them above the usual p95."""

    @property
    def p95(self) -> float | None:
        """The p95 of the last hour in ms."""
        return p95_of(self._last)

    @property
    def usual_p95(self) -> float | None:
        """The usual p95 at that hour of the day in ms."""
        return bucket_value_ms(self._usual.item()) if len(self._usual) else None


def _series(hours: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Return the series of a metric; an hour that isn't known has no count."""
    requests = pl.col("requests").cast(pl.Float64)
    count, exposure = requests, pl.lit(1.0)
    if metric == _P95:
        # Without requests there is nothing that could be slow, without durations nothing is known.
        nothing = pl.when(pl.col("requests") == 0).then(0.0)
        count = pl.coalesce(pl.col("slow").cast(pl.Float64), nothing)
        exposure = pl.col("timed").cast(pl.Float64).fill_null(0.0)
    elif metric != "requests":
        errors = "errors" if metric == "error_rate" else "server_errors"
        count, exposure = pl.col(errors).cast(pl.Float64), requests
    return hours.select(
        pl.lit(METRICS.index(metric), pl.UInt32).alias("series"),
        "timestamp",
        count.alias("count"),
        exposure.alias("exposure"),
        pl.lit(metric != "requests").alias("is_rate"),
        pl.lit(False).alias("is_marked"),
    ).sort("series", "timestamp")


def _is_known(series: pl.DataFrame, last: datetime, timezone: str) -> bool:
    """Return whether enough earlier days have this hour, one on its side of the week."""
    local = pl.col("timestamp").dt.convert_time_zone(timezone)
    same = series.drop_nulls("count").select(
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

"""Spikes and drops: hours that are unlike the same hour of the days before.

Each complete hour (UTC) is held against the same hour of up to 28 earlier days, at least 3:
`expected` is their median, and the score is the modified z-score 0.6745·(value − expected)/MAD
(Iglewicz and Hoaglin 1993, https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm),
where the MAD (median absolute deviation) is never taken as less than chance alone gives:
√expected and 1 for requests; one percentage point and the binomial deviation for error_rate.
An hour without requests between others counts as 0. Reported is a score of 6 and more; of
hours that follow each other only the first, when it began.

A log too short for that is judged by its time buckets, at least 12 complete ones, each
held against the median of all, unless more than half of them are empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow

REPORTED_SCORE = 6.0
"""The least score, whatever its sign, that is reported."""
_CONSISTENT = 0.6745
"""Makes a MAD comparable to a standard deviation: the quartile of a normal distribution."""
_EARLIER_DAYS = 28
_FEWEST_DAYS = 3
_FEWEST_BUCKETS = 12
_LONGEST_GAP = timedelta(days=7)
"""Hours missing for longer are no outage but a log that isn't there."""
_HOUR = timedelta(hours=1)

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "metric": pl.String,
    "value": pl.Float64,
    "expected": pl.Float64,
    "score": pl.Float64,
    "kind": pl.String,
}


def find_anomalies(hours: pl.DataFrame, buckets: pl.DataFrame, window: TimeWindow) -> pl.DataFrame:
    """Return the spikes and drops of requests and of error_rate, by time.

    Takes `timestamp, requests, errors` of hours and `timestamp, end, requests, errors` of the
    report's buckets, empty ones included, and the window, its end exclusive.
    """
    if window.since is None or window.until is None:
        return pl.DataFrame(schema=_SCHEMA)
    at, after = pl.col("timestamp"), pl.col("timestamp").shift(-1)
    inside = (at >= window.since) & (pl.col("end") <= window.until)
    # Hours between others that had no requests count as 0.
    upto = pl.when(after - at <= _LONGEST_GAP).then(after).otherwise(at + _HOUR)
    every_hour = pl.datetime_ranges(at, upto, _HOUR, closed="left").explode().alias("timestamp")
    filled = (
        hours.sort("timestamp")
        .select_seq(every_hour)
        .join(hours, on="timestamp", how="left", maintain_order="left")
        .select_seq("timestamp", pl.col("requests", "errors").fill_null(0), end=at + _HOUR)
    )
    scored = score_hours(filled.filter(inside))
    if scored.is_empty():
        # No hour has enough days before it: the log is short.
        values = _metric_values(buckets.filter(inside))
        if values.height < _FEWEST_BUCKETS or not values["requests"].median():
            values = values.clear()
        scored = _score(
            values.select_seq(
                *("timestamp", "end", "requests"),
                value=metric,
                expected=pl.col(metric).median(),
                mad=(pl.col(metric) - pl.col(metric).median()).abs().median(),
                metric=pl.lit(metric),
            )
            for metric in ("requests", "error_rate")
        )
    kind = pl.when(pl.col("score") > 0).then(pl.lit("spike")).otherwise(pl.lit("drop"))
    unusual = scored.filter(pl.col("score").abs() >= REPORTED_SCORE).with_columns_seq(kind=kind)
    # An outage of many hours is one finding: those that go on where one ended are left out.
    ended = pl.col("end").shift(1).over("metric", "kind", order_by="timestamp")
    beginnings = unusual.filter((pl.col("timestamp") != ended).fill_null(True))
    return beginnings.select_seq(*_SCHEMA).sort("timestamp", "metric")


def score_hours(hours: pl.DataFrame) -> pl.DataFrame:
    """Return the scores of hours: `timestamp, end, requests, metric, value, expected, score`.

    Only hours with enough earlier days have one, and error rates only with requests.
    Takes every hour from the first on as `timestamp, end, requests, errors`, in order; the counts
    of an hour that isn't known are null.
    """
    days = range(1, _EARLIER_DAYS + 1)

    def earlier(column: str) -> pl.Expr:
        of_day = pl.col("timestamp").dt.hour()
        return pl.concat_list(pl.col(column).shift(d).over(of_day) for d in days).list.drop_nulls()

    values = _metric_values(hours)
    scored = []
    for metric in ("requests", "error_rate"):
        compared = values.with_columns_seq(earlier(metric).alias("earlier"))
        deviation = (pl.element() - pl.element().median()).abs().median()
        scored.append(
            compared.filter(
                pl.col("requests").is_not_null(), pl.col("earlier").list.len() >= _FEWEST_DAYS
            ).select_seq(
                *("timestamp", "end", "requests"),
                value=metric,
                expected=pl.col("earlier").list.median(),
                mad=pl.col("earlier").list.eval(deviation).list.first(),
                metric=pl.lit(metric),
            )
        )
    return _score(scored)


def _metric_values(frame: pl.DataFrame) -> pl.DataFrame:
    requests = pl.col("requests").cast(pl.Float64)
    rate = pl.when(requests > 0).then(pl.col("errors") / requests)
    return frame.select_seq("timestamp", "end", requests, error_rate=rate)


def _score(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    expected, requests = pl.col("expected"), pl.col("requests")
    # Laplace's rule keeps the share off 0 and 1, where chance would seem to move nothing.
    share = (expected * requests + 1) / (requests + 2)
    chance = (
        pl.when(pl.col("metric") == "requests")
        .then(pl.max_horizontal(expected.sqrt(), 1.0))
        .otherwise(pl.max_horizontal((share * (1 - share) / requests).sqrt(), 0.01))
    )
    deviation = pl.col("value") - expected
    score = _CONSISTENT * deviation / pl.max_horizontal("mad", chance)
    return pl.concat(frames).with_columns_seq(score.alias("score"))

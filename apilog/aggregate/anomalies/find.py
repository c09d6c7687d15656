"""Anomalies of a report, which sees its whole window."""

from __future__ import annotations

import polars as pl

from apilog.aggregate.anomalies.counts import COUNTS, HOUR, PART_KEYS, SHORT, HourCounts
from apilog.aggregate.anomalies.detect import detect_events, detect_steady_events, whole_limit
from apilog.aggregate.anomalies.expectation import with_steady_expectation
from apilog.aggregate.anomalies.latencies import HourLatencies
from apilog.aggregate.anomalies.scan import LENGTHS
from apilog.aggregate.anomalies.series import METRICS, build_series
from apilog.aggregate.anomalies.surprise import score_expr
from apilog.aggregate.anomalies.table import SCHEMA, AnomalyTable
from apilog.schema import SCHEMA as RECORD_SCHEMA
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow

_FEWEST_BUCKETS = 12
_NO_LATENCIES = HourLatencies(
    keys=pl.DataFrame(schema={"part": pl.UInt32, "timestamp": TIMESTAMP}),
    cells=pl.DataFrame(schema={"id": pl.UInt32, "bucket": pl.Int16, "n": pl.Int64}),
)
_NO_ROUTES = pl.DataFrame(
    schema={
        **dict.fromkeys(("gateway", "method", "route"), pl.String),
        "timestamp": TIMESTAMP,
        **dict.fromkeys(COUNTS, pl.Int64),
    }
)
_NO_CONSUMERS = pl.DataFrame(
    schema={"consumer": pl.String, "timestamp": TIMESTAMP, **dict.fromkeys(COUNTS, pl.Int64)}
)
_NO_STATUSES = pl.DataFrame(
    schema={"timestamp": TIMESTAMP, "status": RECORD_SCHEMA["status"], "requests": pl.Int64}
)


def find_anomalies(
    counts: HourCounts, buckets: pl.DataFrame, window: TimeWindow, timezone: str
) -> pl.DataFrame:
    """Return the events of a window, by time.

    Takes the window, its end exclusive, and for a log shorter than `SHORT` the report's time
    buckets: `timestamp`, `end`, `requests`, `errors`, `server_errors`, empty ones included.
    """
    return find_anomalies_by_clock(counts, buckets, window, timezone)[0]


def find_anomalies_by_clock(
    counts: HourCounts, buckets: pl.DataFrame, window: TimeWindow, timezone: str
) -> tuple[pl.DataFrame, str]:
    """Return what `find_anomalies` does, and `Detection.clock`."""
    if window.since is None or window.until is None:
        return pl.DataFrame(schema=SCHEMA), ""
    hours = counts.fill_hours(window)
    if hours.filter(pl.col("part") == 0).height * HOUR < SHORT:
        return find_short_anomalies(buckets, window), ""
    found = detect_events(build_series(counts, hours, timezone), timezone)
    return AnomalyTable(counts, found, timezone).build(), found.clock


def find_short_anomalies(buckets: pl.DataFrame, window: TimeWindow) -> pl.DataFrame:
    """Return the events of a log that is too short to know what is usual at an hour.

    Takes what `find_anomalies` does. Each bucket that lies in the window is held against all of
    them. A few, or mostly empty ones, tell nothing.
    """
    inside = (pl.col("timestamp") >= window.since) & (pl.col("end") <= window.until)
    buckets = buckets.filter(inside).sort("timestamp")
    if buckets.height < _FEWEST_BUCKETS or not buckets["requests"].median():
        return pl.DataFrame(schema=SCHEMA)
    counts = _counts_of_parts(buckets.with_columns(part=pl.lit(0, pl.UInt32)))
    series = build_series(counts, counts.hours, "UTC")
    step = buckets.select((pl.col("end") - pl.col("timestamp")).min()).item()
    return AnomalyTable(counts, detect_steady_events(series, step), "UTC").build()


def parts_with_far_counts(buckets: pl.DataFrame) -> list[int]:
    """Return the parts, short logs each, in which `find_short_anomalies` may find an event.

    Takes `part`, numbers from 0 on in ascending order, and what buckets have, by time, of those in
    the window of their part. In the parts that are left out it finds nothing for certain: no count
    is far enough from its mean even if chance alone moves it.
    """
    own = pl.col("requests")
    known = buckets.filter(
        pl.len().over("part") >= _FEWEST_BUCKETS, own.median().over("part") > 0
    ).with_columns(part=pl.col("part").cast(pl.UInt32))
    if known.is_empty():
        return []
    counts = _counts_of_parts(known)
    series = with_steady_expectation(build_series(counts, counts.hours, "UTC"))
    heights = series.group_by(part=series["series"] // len(METRICS)).len("rows")
    limits = {rows: whole_limit(rows) for rows in heights["rows"].unique()}
    frame = (
        series.with_columns(part=pl.col("series") // len(METRICS))
        .join(heights, on="part", maintain_order="left")
        .with_columns(limit=pl.col("rows").replace_strict(limits, return_dtype=pl.Float64))
        .filter(pl.col("mean").is_not_null(), pl.col("count").is_not_null())
        .lazy()
    )
    far = (_far_windows(frame, length).select("part") for length in LENGTHS)
    return sorted(pl.concat(far).unique().collect()["part"])


_ROUNDING = 1e-3
"""More than scores are off by what rounding does to sums over all parts."""


def _far_windows(frame: pl.LazyFrame, length: int) -> pl.LazyFrame:
    count, mean = (
        pl.col(c).cum_sum() - pl.col(c).cum_sum().shift(length, fill_value=0)
        for c in ("count", "mean")
    )
    windows = frame.select(
        "part",
        "limit",
        count=count,
        mean=mean.clip(0.0),
        whole=pl.col("series") == pl.col("series").shift(length - 1),
    ).filter("whole")
    off = (pl.col("count") - pl.col("mean")).abs()
    score = score_expr(pl.col("count"), pl.col("mean"), pl.lit(0.0))
    # The score takes long to compute, and most windows are near their mean.
    near = off < 2 * pl.col("mean").sqrt() - _ROUNDING
    return windows.filter(~near).filter(score.abs() >= pl.col("limit") - _ROUNDING)


def _counts_of_parts(buckets: pl.DataFrame) -> HourCounts:
    """Return counts of short steps, of which nothing else is known."""
    parts = buckets.select(pl.col("part").unique())
    return HourCounts(
        parts=parts.with_columns(pl.lit(None, pl.String).alias(key) for key in PART_KEYS),
        hours=buckets,
        latencies=_NO_LATENCIES,
        statuses=_NO_STATUSES,
        routes=_NO_ROUTES,
        consumers=_NO_CONSUMERS,
    )

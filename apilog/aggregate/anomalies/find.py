"""Anomalies of a report, which sees its whole window."""

from __future__ import annotations

import polars as pl

from apilog.aggregate.anomalies.counts import COUNTS, HOUR, PART_KEYS, SHORT, HourCounts
from apilog.aggregate.anomalies.detect import detect_events, detect_steady_events
from apilog.aggregate.anomalies.series import build_series
from apilog.aggregate.anomalies.table import SCHEMA, AnomalyTable
from apilog.schema import SCHEMA as RECORD_SCHEMA
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow

_FEWEST_BUCKETS = 12
_NO_LATENCIES = pl.DataFrame(
    schema={"part": pl.UInt32, "timestamp": TIMESTAMP, "bucket": pl.Int16, "n": pl.Int64}
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
    if window.since is None or window.until is None:
        return pl.DataFrame(schema=SCHEMA)
    hours = counts.fill_hours(window)
    if hours.filter(pl.col("part") == 0).height * HOUR < SHORT:
        return find_short_anomalies(buckets, window)
    series = build_series(counts, hours, timezone)
    return AnomalyTable(counts, detect_events(series, timezone), timezone).build()


def find_short_anomalies(buckets: pl.DataFrame, window: TimeWindow) -> pl.DataFrame:
    """Return the events of a log that is too short to know what is usual at an hour.

    Takes what `find_anomalies` does. Each bucket that lies in the window is held against all of
    them. A few, or mostly empty ones, tell nothing.
    """
    inside = (pl.col("timestamp") >= window.since) & (pl.col("end") <= window.until)
    buckets = buckets.filter(inside).sort("timestamp")
    if buckets.height < _FEWEST_BUCKETS or not buckets["requests"].median():
        return pl.DataFrame(schema=SCHEMA)
    counts = HourCounts(
        parts=pl.DataFrame({"part": [0], **dict.fromkeys(PART_KEYS)}),
        hours=buckets.with_columns(part=pl.lit(0, pl.UInt32)),
        latencies=_NO_LATENCIES,
        statuses=_NO_STATUSES,
        routes=_NO_ROUTES,
        consumers=_NO_CONSUMERS,
    )
    series = build_series(counts, counts.hours, "UTC")
    step = buckets.select((pl.col("end") - pl.col("timestamp")).min()).item()
    return AnomalyTable(counts, detect_steady_events(series, step), "UTC").build()

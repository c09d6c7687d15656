"""The counts of hours that anomalies are looked for in, of all requests and of parts of them.

A part is a gateway, a route or a consumer; part 0 is all requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from apilog.aggregate.anomalies.latencies import HourLatencies
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow

HOUR = timedelta(hours=1)
PART_KEYS = ("gateway", "method", "route", "consumer")
SHORT = timedelta(days=3)
"""In fewer hours than these nothing tells what is usual at an hour of the day."""
PART_WEEKS = 8
"""Parts are looked at over the newest weeks only."""
COUNTS = ("requests", "errors", "server_errors")
_LONGEST_GAP = timedelta(days=7)
"""Hours missing for longer are no outage but a log that isn't there."""
_MOST_ROUTES = _MOST_CONSUMERS = 12
_FEWEST_REQUESTS = 500
_WHOLE_SHARE = 0.95
"""A part with more of the requests tells nothing that all requests don't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCounts:
    """Counts of hours, UTC."""

    parts: pl.DataFrame
    """`part` and its `gateway, method, route, consumer`, null where the part is not of one."""
    hours: pl.DataFrame
    """`part`, `timestamp`, `requests`, `errors`, `server_errors`."""
    latencies: HourLatencies
    """Of the parts."""
    statuses: pl.DataFrame
    """`timestamp`, `status`, `requests`, of all requests."""
    routes: pl.DataFrame
    """`gateway`, `method`, `route`, `timestamp` and the counts, of all routes that are known."""
    consumers: pl.DataFrame
    """`consumer`, `timestamp` and the counts."""

    def fill_hours(self, window: TimeWindow) -> pl.DataFrame:
        """Return the whole hours of the window, those without requests too.

        A part begins with its first request, and before the newest weeks it is not looked at. Up
        to an end of the window that is after the last request, there were none.
        """
        at = pl.col("timestamp")
        after = at.shift(-1, fill_value=pl.lit(window.until, TIMESTAMP))
        whole = self.hours.filter(pl.col("part") == 0).sort("timestamp")
        upto = pl.when(after - at <= _LONGEST_GAP).then(after).otherwise(at + HOUR)
        every_hour = pl.datetime_ranges(at, upto, HOUR, closed="left").explode()
        covered = whole.select(every_hour.alias("timestamp")).filter(
            at >= window.since, at + HOUR <= window.until
        )
        newest = covered["timestamp"].max()
        begins = self.hours.group_by("part").agg(begin=at.min())
        if newest is not None:
            oldest = newest - timedelta(weeks=PART_WEEKS)  # type: ignore[operator]
            limited = pl.when(pl.col("part") > 0).then(pl.max_horizontal("begin", pl.lit(oldest)))
            begins = begins.with_columns(begin=limited.otherwise("begin"))
        return (
            begins.join(covered, how="cross")
            .filter(at >= pl.col("begin"))
            .join(self.hours, on=["part", "timestamp"], how="left")
            .select("part", "timestamp", pl.col(COUNTS).fill_null(0))
            .sort("part", "timestamp")
        )


def collect_counts(
    whole: pl.DataFrame,
    statuses: pl.DataFrame,
    whole_latencies: HourLatencies,
    routes: pl.DataFrame,
    route_latencies: HourLatencies,
    consumers: pl.DataFrame,
) -> HourCounts:
    """Return the counts of all requests, the gateways, the busiest routes and consumers.

    Takes `timestamp` and counts, of routes with `gateway, method, route`, of consumers with
    `consumer`.
    """
    total = int(whole["requests"].sum())
    chosen = [
        _busiest(routes, ["gateway"], 100, total),
        _busiest(routes, ["gateway", "method", "route"], _MOST_ROUTES, total),
        _busiest(consumers, ["consumer"], _MOST_CONSUMERS, total),
    ]
    none = pl.DataFrame({"part": [0]}, schema={"part": pl.UInt32})
    hours = [whole.select(pl.lit(0, pl.UInt32).alias("part"), "timestamp", *COUNTS)]
    all_hours = pl.repeat(0, whole_latencies.keys.height, dtype=pl.UInt32, eager=True)
    latencies = [whole_latencies.of_parts(all_hours)]
    parts, used = [none], 1
    sources = ((routes, route_latencies), (routes, route_latencies), (consumers, None))
    for keys, (counts, histograms) in zip(chosen, sources, strict=True):
        numbered = keys.with_row_index("part", used)
        used += keys.height
        parts.append(numbered)
        on = keys.columns
        summed = counts.join(numbered, on=on, nulls_equal=True).group_by("part", "timestamp")
        hours.append(summed.agg(pl.col(COUNTS).sum()))
        if histograms is not None:
            part = histograms.keys.join(
                numbered, on=on, how="left", nulls_equal=True, maintain_order="left"
            )["part"]
            latencies.append(histograms.of_parts(part))
    listed = pl.concat(parts, how="diagonal_relaxed")
    missing = [pl.lit(None, pl.String).alias(k) for k in PART_KEYS if k not in listed.columns]
    return HourCounts(
        parts=listed.with_columns(missing).select("part", *PART_KEYS),
        hours=pl.concat(hours).with_columns(pl.col("timestamp").cast(TIMESTAMP)),
        latencies=HourLatencies.concat(latencies),
        statuses=statuses,
        routes=routes,
        consumers=consumers,
    )


def _busiest(counts: pl.DataFrame, keys: list[str], most: int, total: int) -> pl.DataFrame:
    """Return the keys of the busiest parts; none where there is one only."""
    sums = counts.group_by(keys).agg(pl.col("requests").sum())
    # A route without a name, or a caller who gave none, is no part anybody could look after.
    named = sums.filter(pl.col(keys[-1]).is_not_null())
    enough = (pl.col("requests") >= _FEWEST_REQUESTS) & (pl.col("requests") <= _WHOLE_SHARE * total)
    busiest = named.filter(enough).sort("requests", *keys, descending=[True, *[False] * len(keys)])
    return busiest.head(most).select(pl.col(keys).cast(pl.String))

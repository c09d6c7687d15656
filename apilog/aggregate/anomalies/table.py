"""The table of anomalies: each event once, told by the largest part that it is about.

An event of all requests is mostly one of its routes and consumers, too: these have no rows of
their own but are named in the event's row, if they explain most of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any

import polars as pl

from apilog.aggregate.anomalies.counts import HOUR, PART_KEYS, HourCounts
from apilog.aggregate.anomalies.detect import Detection
from apilog.aggregate.anomalies.explain import EventComparison, is_within, name_causes
from apilog.aggregate.anomalies.latencies import bucket_of_p95, local_hour
from apilog.aggregate.anomalies.scan import LEAST_CHANGE, Event
from apilog.aggregate.anomalies.series import (
    METRICS,
    count_slow_within_routes,
    is_within_routes,
    metric_of,
    part_of,
)
from apilog.aggregate.ddsketch import bucket_value_ms
from apilog.schema import TIMESTAMP

REPORTED_SCORE = 6.0
"""The score, whatever its sign, at which an event is reported."""
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "end": TIMESTAMP,
    "metric": pl.String,
    **dict.fromkeys(PART_KEYS, pl.String),
    "value": pl.Float64,
    "expected": pl.Float64,
    "score": pl.Float64,
    "p_value": pl.Float64,
    "kind": pl.String,
    "routes": pl.String,
    "statuses": pl.String,
    "consumers": pl.String,
}
_DAY = timedelta(days=1)
_LASTING = timedelta(days=2)
"""What has lasted so long when the log ends may have come to stay."""
_OUTAGE = 0.1
"""With less than a tenth of the requests it is an outage."""
_MOST_NAMED = 3
_COUNT_OF_METRIC = {
    "requests": "requests",
    "error_rate": "errors",
    "server_error_rate": "server_errors",
    "latency_p95": "slow",
}
_ROUTE_NAME = pl.concat_str("method", "route", separator=" ", ignore_nulls=True)


def choose_events(events: Sequence[Event]) -> list[Event]:
    """Return the events without those that another one tells of, too.

    Of one metric, the event of more requests tells of those of its parts at the same time and in
    the same direction. A shift tells of the hours around its begin. Of errors and server errors
    that rose together the surer one is kept.
    """
    chosen: list[Event] = []
    for event in sorted(events, key=lambda e: (_rank(e), -abs(e.score))):
        if not any(_tells_of(other, event) for other in chosen):
            chosen.append(event)
    return chosen


def _rank(event: Event) -> tuple[bool, bool]:
    return part_of(event.series) > 0, not event.is_shift


def _tells_of(one: Event, other: Event) -> bool:
    alike = {metric_of(one.series), metric_of(other.series)}
    same = len(alike) == 1 or alike == {"error_rate", "server_error_rate"}
    if one.is_shift:
        # What begins or ends with it, the level being one of whole days; later events are others.
        apart = min(abs(one.start - other.start), abs(one.start - other.end))
        return same and apart <= _DAY and (other.is_shift or other.end - other.start <= _DAY)
    near = min(one.end, other.end) - max(one.start, other.start) >= -HOUR
    return same and near and (one.score > 0) == (other.score > 0)


class AnomalyTable:
    """Rows for events, with what was observed and expected, and what explains it."""

    def __init__(self, counts: HourCounts, detection: Detection, timezone: str) -> None:
        self._counts = counts
        self._detection = detection
        self._timezone = timezone
        self._parts = {row["part"]: row for row in counts.parts.iter_rows(named=True)}
        self._sums = detection.expected.with_columns(
            part=pl.col("series") // len(METRICS), metric=pl.col("series") % len(METRICS)
        )
        self._last: datetime = detection.expected.select(pl.col("timestamp").max()).item()

    def build(self) -> pl.DataFrame:
        events = [event for event in self._detection.events if self._has_moved(event)]
        rows = [self._row(event) for event in choose_events(events)]
        return pl.DataFrame(rows, schema=SCHEMA).sort(
            "timestamp", "metric", *PART_KEYS, nulls_last=False
        )

    def _has_moved(self, event: Event) -> bool:
        """Return whether a p95 itself moved.

        Where durations are all alike, many are longer than usual by next to nothing; and a route
        that is fast among all may get slower without that all requests do.
        """
        if metric_of(event.series) != "latency_p95":
            return True
        value, expected = self._latencies(event)
        if value is None or not expected:
            return False
        return (value / expected - 1) * math.copysign(1.0, event.score) >= LEAST_CHANGE

    def _row(self, event: Event) -> dict[str, Any]:
        metric, part = metric_of(event.series), self._parts[part_of(event.series)]
        value, expected = self._values(event)
        limit = self._detection.limits[event.series]
        tail = 2 * NormalDist().cdf(-abs(event.score))
        looks = 2 * NormalDist().cdf(-limit)
        return {
            "timestamp": event.start,
            "end": event.end,
            "metric": metric,
            **{key: part[key] for key in PART_KEYS},
            "value": value,
            "expected": expected,
            "score": REPORTED_SCORE * event.score / limit,
            "p_value": min(1.0, _CHANCE_AT_LIMIT * tail / looks),
            "kind": self._kind(metric, event),
            **self._causes(event),
        }

    def _kind(self, metric: str, event: Event) -> str:
        if metric == "requests" and event.count < _OUTAGE * event.mean:
            return "outage"
        goes_on = event.end > self._last and event.end - event.start >= _LASTING
        if event.is_shift or goes_on:
            return "shift"
        return "spike" if event.score > 0 else "drop"

    def _values(self, event: Event) -> tuple[float | None, float | None]:
        """Return the metric over the event, and what was expected of it."""
        metric = metric_of(event.series)
        if metric == "requests":
            return event.count, event.mean
        if metric == "latency_p95":
            return self._latencies(event)
        own = self._sums.filter(pl.col("series") == event.series, is_within(event))
        requests = float(own["exposure"].sum())
        return event.count / requests, event.mean / requests

    def _latencies(self, event: Event) -> tuple[float | None, float | None]:
        latencies, is_own = self._counts.latencies, pl.col("part") == part_of(event.series)
        during = latencies.cells_where(is_own & is_within(event))
        hour = local_hour(self._timezone)
        hours = latencies.keys[during["id"].unique()].select(hour.unique()).to_series()
        others = is_own & ~is_within(event) & hour.is_in(hours.implode())
        expected = p95_of(latencies.cells_where(others))
        if expected is None:
            expected = p95_of(latencies.cells_where(is_own))
        return p95_of(during), expected

    def _comparison(self, event: Event) -> EventComparison | None:
        """Return what a count of the event is held against; None for one that can't be split."""
        metric, part = metric_of(event.series), part_of(event.series)
        if metric == "latency_p95" and not is_within_routes(event.series):
            return None
        column = _COUNT_OF_METRIC[metric]
        comparison = EventComparison(event=event, column=column, scale=0.0)
        # Errors are of requests, and what is slow is of the durations.
        same = column in ("requests", "slow")
        hours = self._sums.filter(
            pl.col("series") == (event.series if same else part * len(METRICS) + 1)
        )
        name = "mean" if column == "requests" else "exposure"
        usual = float(hours.filter(comparison.usual_hours)[name].sum())
        during = float(hours.filter(is_within(event))[name].sum())
        if column == "requests":
            during = event.mean
        return replace(comparison, scale=during / usual) if usual else None

    def _causes(self, event: Event) -> dict[str, str | None]:
        """Return what explains the event; of a route or consumer not what it is itself."""
        part, counts = self._parts[part_of(event.series)], self._counts
        comparison = self._comparison(event)
        if part["route"] is not None or part["consumer"] is not None:
            return dict.fromkeys(("routes", "statuses", "consumers"))
        if comparison is None or comparison.column == "slow":
            routes = self._slow_routes(comparison) if comparison else None
            routes = routes or self._slower_routes(event)
            return {"routes": routes, "statuses": None, "consumers": None}
        rows = counts.routes
        if part["gateway"] is not None:
            rows = rows.filter(pl.col("gateway").cast(pl.String) == part["gateway"])
        by_route = name_causes(rows, _ROUTE_NAME, comparison)
        if part["gateway"] is not None:
            return {"routes": by_route, "statuses": None, "consumers": None}
        return {
            "routes": by_route,
            "statuses": self._statuses(comparison),
            "consumers": name_causes(counts.consumers, pl.col("consumer"), comparison),
        }

    def _statuses(self, comparison: EventComparison) -> str | None:
        statuses, status = self._counts.statuses, pl.col("status")
        if comparison.column == "requests":
            return name_causes(statuses, status.cast(pl.String), comparison)
        lowest = 500 if comparison.column == "server_errors" else 400
        failed = statuses.filter(status.is_between(lowest, 599))
        # Any status of an error is worth naming: none has a usual part of the requests.
        counts = failed.select(
            "timestamp", "status", pl.col("requests").alias(comparison.column), requests=pl.lit(0)
        )
        return name_causes(counts, status.cast(pl.String), comparison)

    def _slow_routes(self, comparison: EventComparison) -> str | None:
        """Return the routes that most of what was slow for its own route comes from."""
        slow = count_slow_within_routes(self._counts, self._timezone)
        named = slow.join(self._counts.parts, on="part", how="left")
        return name_causes(named.rename({"timed": "requests"}), _ROUTE_NAME, comparison)

    def _slower_routes(self, event: Event) -> str | None:
        """Return the routes that got slower themselves, the most unusual first."""
        routes = [
            other
            for other in self._detection.events
            if metric_of(other.series) == metric_of(event.series)
            and self._parts[part_of(other.series)]["route"] is not None
            and (other.score > 0) == (event.score > 0)
            and min(other.end, event.end) > max(other.start, event.start)
        ]
        routes.sort(key=lambda other: -abs(other.score))
        names = (self._parts[part_of(other.series)] for other in routes[:_MOST_NAMED])
        texts = [" ".join(filter(None, (n["method"], n["route"]))) for n in names]
        return ", ".join(dict.fromkeys(texts)) or None


_CHANCE_AT_LIMIT = 0.005


def p95_of(latencies: pl.DataFrame) -> float | None:
    """Return the p95 of durations in milliseconds, given as `bucket` and `n`; None without any."""
    if latencies.is_empty():
        return None
    return bucket_value_ms(bucket_of_p95(latencies.with_columns(all=0), ["all"])["bucket"].item())

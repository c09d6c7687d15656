"""The table of anomalies: each event once, told by the largest part that it is about.

An event of all requests is mostly one of its routes and consumers, too: these have no rows of
their own but are named in the event's row, if they explain most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any

import polars as pl

from apilog.aggregate.anomalies.counts import HOUR, PART_KEYS, HourCounts
from apilog.aggregate.anomalies.detect import Detection
from apilog.aggregate.anomalies.scan import Event
from apilog.aggregate.anomalies.series import (
    METRICS,
    local_hour,
    metric_of,
    part_of,
    usual_p95,
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
_EXPLAINS = 0.5
_MOST_NAMED = 3


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
        rows = [self._row(event) for event in choose_events(self._detection.events)]
        return pl.DataFrame(rows, schema=SCHEMA).sort(
            "timestamp", "metric", *PART_KEYS, nulls_last=False
        )

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
            "routes": self._explained_by(event, "route"),
            "statuses": self._explained_by_statuses(event),
            "consumers": self._explained_by(event, "consumer"),
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
        own = self._sums.filter(pl.col("series") == event.series, _is_within(event))
        requests = float(own["exposure"].sum())
        return event.count / requests, event.mean / requests

    def _latencies(self, event: Event) -> tuple[float | None, float | None]:
        own = self._counts.latencies.filter(pl.col("part") == part_of(event.series))
        local = own.with_columns(local_hour(self._timezone))
        during = local.filter(_is_within(event))
        hours = during["local_hour"].unique()
        others = local.filter(~_is_within(event), pl.col("local_hour").is_in(hours.implode()))
        return _p95(during), _p95(others if others.height else local)

    def _explained_by(self, event: Event, key: str) -> str | None:
        """Return the routes or consumers that most of the difference is of; null if it is of many.

        Not of a part's own kind: a route is not explained by itself.
        """
        part = self._parts[part_of(event.series)]
        if part["route"] is not None or part["consumer"] is not None:
            return None
        ids = [i for i, p in self._parts.items() if p[key] is not None]
        metric = METRICS.index(metric_of(event.series))
        own = self._sums.filter(
            pl.col("metric") == metric, pl.col("part").is_in(ids), _is_within(event)
        )
        off = own.group_by("part").agg((pl.col("count") - pl.col("mean")).sum().alias("off"))
        differences = {
            self._name_of(row["part"], key): row["off"] for row in off.iter_rows(named=True)
        }
        return _largest(differences, event.count - event.mean)

    def _name_of(self, part: int, key: str) -> str:
        names = self._parts[part]
        return (
            " ".join(filter(None, (names["method"], names["route"])))
            if key == "route"
            else str(names[key])
        )

    def _explained_by_statuses(self, event: Event) -> str | None:
        """Return the statuses that most of the difference is of."""
        metric = metric_of(event.series)
        if part_of(event.series) or metric == "latency_p95":
            return None
        statuses = self._counts.statuses.drop_nulls("status")
        if metric != "requests":
            statuses = statuses.filter(
                pl.col("status") >= (500 if metric == "server_error_rate" else 400)
            )
        hours = self._sums.filter(pl.col("series") == (0 if metric == "requests" else 1))
        base = "mean" if metric == "requests" else "exposure"
        during = float(hours.filter(_is_within(event))[base].sum())
        otherwise = float(hours.filter(~_is_within(event))[base].sum())
        if not during or not otherwise:
            return None
        own = (
            statuses.with_columns(during=_is_within(event))
            .group_by("status")
            .agg(
                observed=pl.col("requests").filter("during").sum(),
                usual=pl.col("requests").filter(~pl.col("during")).sum(),
            )
        )
        differences = {
            str(row["status"]): row["observed"] - row["usual"] * during / otherwise
            for row in own.iter_rows(named=True)
        }
        return _largest(differences, event.count - event.mean)


_CHANCE_AT_LIMIT = 0.005


def _is_within(event: Event) -> pl.Expr:
    return pl.col("timestamp").is_between(event.start, event.end, closed="left")


def _p95(latencies: pl.DataFrame) -> float | None:
    if latencies.is_empty():
        return None
    return bucket_value_ms(usual_p95(latencies.with_columns(all=0), ["all"])["bucket"].item())


def _largest(differences: dict[str, float], total: float) -> str | None:
    """Return the few names that together have most of the total difference, with their shares."""
    sign = 1 if total > 0 else -1
    ranked = sorted(
        ((sign * d, name) for name, d in differences.items() if sign * d > 0), reverse=True
    )
    named, sum_ = [], 0.0
    for difference, name in ranked[:_MOST_NAMED]:
        sum_ += difference
        named.append(f"{name} ({min(difference / abs(total), 1):.0%})")
        if sum_ >= _EXPLAINS * abs(total):
            return ", ".join(named)
    return None

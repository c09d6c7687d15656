"""The sums of whole hours of the past weeks, by which alerts know what is usual.

An hour counts only if it was seen whole: one that was seen in part is not taken for a quiet one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.aggregate import score_last_hour
from apilog.aggregate.ddsketch import bucket_code, bucket_of_code, clean_duration
from apilog.metrics import is_client_error, is_server_error
from apilog.schema import TIMESTAMP

HOUR = timedelta(hours=1)
HISTORY_LENGTH = timedelta(days=29)
"""How long hours are kept: the same hour of 28 earlier days, and the last one."""
_MOST_BUCKETS = 300
"""Latency buckets of an hour: from the longest down to a 400th of it. Shorter ones are counted with
the shortest of these (the collapsing DDSketch), which moves no upper quantile."""
_HOURS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "requests": pl.Int64,
    "errors": pl.Int64,
    "server_errors": pl.Int64,
}
_LATENCIES_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "bucket": pl.Int16,
    "n": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class HourSums:
    """What is kept of the requests of an hour."""

    requests: int = 0
    errors: int = 0
    server_errors: int | None = 0
    """None where a state file of an earlier version doesn't tell."""
    durations: Mapping[int, int] = field(default_factory=dict)
    """How many durations lie in which latency bucket; empty where nobody asks for them."""

    def add(self, other: HourSums) -> HourSums:
        """Return the sums of both."""
        durations = dict(self.durations)
        for bucket, n in other.durations.items():
            durations[bucket] = durations.get(bucket, 0) + n
        return HourSums(
            self.requests + other.requests,
            self.errors + other.errors,
            (self.server_errors or 0) + (other.server_errors or 0),
            durations,
        )

    def collapse(self) -> HourSums:
        """Return the sums with a bounded number of latency buckets."""
        if len(self.durations) <= _MOST_BUCKETS:
            return self
        buckets = sorted(self.durations)
        kept = {bucket: self.durations[bucket] for bucket in buckets[-_MOST_BUCKETS:]}
        kept[buckets[-_MOST_BUCKETS]] += sum(self.durations[b] for b in buckets[:-_MOST_BUCKETS])
        return HourSums(self.requests, self.errors, self.server_errors, kept)

    def more_complete(self, other: HourSums) -> HourSums:
        """Return the one that saw more requests: the other one saw only some of the logs.

        Of the same requests the one that tells more of them.
        """
        return max(self, other, key=HourSums._completeness)

    def _completeness(self) -> tuple[int, int, int, int]:
        told = -1 if self.server_errors is None else self.server_errors
        return self.requests, self.errors, told, sum(self.durations.values())


class HourHistory:
    """The sums of whole hours of the past weeks, by which unusual hours are recognised."""

    def __init__(self, hours: Mapping[datetime, HourSums] | None = None) -> None:
        """Begin with the sums of hours that are already known, by their starts."""
        self._hours = dict(hours or {})
        self._open_hours: dict[datetime, HourSums] = {}
        self._scores: dict[tuple[str, datetime], dict[str, object] | None] = {}
        """What was found of the hours as they are: they change once an hour."""

    @property
    def known_hours(self) -> Mapping[datetime, HourSums]:
        """The sums of all known hours, in order."""
        return dict(sorted(self._hours.items()))

    def count_records(self, records: pl.DataFrame, *, timed: bool = False) -> None:
        """Count records in their hours, which become known when they are over.

        `timed` says that their durations are wanted, too.
        """
        hours = (
            records.lazy()
            .select(
                pl.col("timestamp").dt.truncate("1h"),
                (is_client_error() | is_server_error()).fill_null(False).alias("failed"),
                is_server_error().fill_null(False).alias("broke"),
            )
            .drop_nulls("timestamp")
            .group_by("timestamp")
            .agg(pl.len(), pl.col("failed", "broke").sum().cast(pl.Int64))
            .collect()
        )
        durations = _histograms(records) if timed else {}
        for start, requests, errors, server_errors in hours.iter_rows():
            new = HourSums(requests, errors, server_errors, durations.get(start, {}))
            self._open_hours[start] = self._open_hours.get(start, HourSums()).add(new)

    def complete_hours(self, now: datetime, since: datetime) -> None:
        """Take over the sums of hours that are over and were seen whole; forget old hours.

        An hour was seen whole if it began at or after `since`.
        """
        # A microsecond less than an hour rounds up, and leaves a start on the hour as it is.
        hour = _hour_start(max(since, now - HISTORY_LENGTH) + HOUR - timedelta(microseconds=1))
        while hour + HOUR <= now:
            known = self._hours.get(hour)
            sums = self._open_hours.get(hour, HourSums()).collapse()
            best = known.more_complete(sums) if known else sums
            if best is not known:
                self._hours[hour] = best
                self._scores.clear()
            hour += HOUR
        self._open_hours = {start: s for start, s in self._open_hours.items() if start + HOUR > now}
        self._hours = {start: s for start, s in self._hours.items() if start > now - HISTORY_LENGTH}

    def score_last_hour(self, metric: str, now: datetime) -> dict[str, object] | None:
        """Return the row of `score_last_hour` of the last hour before now, or None without one."""
        last = _hour_start(now) - HOUR
        if last not in self._hours:
            return None
        if (metric, last) not in self._scores:
            self._scores[metric, last] = self._score(metric, last)
        return self._scores[metric, last]

    def _score(self, metric: str, last: datetime) -> dict[str, object] | None:
        first = min(start for start in self._hours if start <= last)
        starts = [first + i * HOUR for i in range((last - first) // HOUR + 1)]
        # Unknown hours are nulls: a gap in the logs is not a quiet hour.
        unknown = (None, None, None)
        rows = [
            (start, *((s.requests, s.errors, s.server_errors) if s else unknown))
            for start, s in ((start, self._hours.get(start)) for start in starts)
        ]
        hours = pl.DataFrame(rows, schema=_HOURS_SCHEMA, orient="row")
        cells = [
            (start, bucket, n)
            for start, s in self._hours.items()
            if start <= last
            for bucket, n in s.durations.items()
        ]
        latencies = pl.DataFrame(cells, schema=_LATENCIES_SCHEMA, orient="row")
        return score_last_hour(hours, metric, latencies=latencies)


def _histograms(records: pl.DataFrame) -> dict[datetime, dict[int, int]]:
    """Return how many durations of each hour lie in which latency bucket."""
    cells = (
        records.lazy()
        .select(pl.col("timestamp").dt.truncate("1h"), clean_duration("duration_ms"))
        .drop_nulls()
        .select("timestamp", bucket=bucket_code("duration_ms"))
        .group_by("timestamp", bucket_of_code(pl.col("bucket")))
        .agg(n=pl.len().cast(pl.Int64))
        .sort("timestamp", "bucket")
        .collect()
    )
    found: dict[datetime, dict[int, int]] = {}
    for start, bucket, n in cells.iter_rows():
        found.setdefault(start, {})[bucket] = n
    return found


def _hour_start(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

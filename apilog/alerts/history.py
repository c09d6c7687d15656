"""Requests of the hours of the last weeks, which unusual hours are told by.

An hour is known whole or not at all: one that was seen in part is not taken for a quiet one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.aggregate import score_hours
from apilog.metrics import is_client_error, is_server_error
from apilog.schema import TIMESTAMP

HOUR = timedelta(hours=1)
KEPT = timedelta(days=29)
"""How long hours are remembered: those of 28 earlier days, and the last one."""
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "requests": pl.Int64,
    "errors": pl.Int64,
}

Counts = tuple[int, int]
"""Requests, and how many of them were errors."""


class History:
    """Known hours, by their starts."""

    def __init__(self, hours: Mapping[datetime, Counts] | None = None) -> None:
        self._hours = dict(hours or {})
        self._counting: dict[datetime, Counts] = {}

    @property
    def hours(self) -> Mapping[datetime, Counts]:
        """What is known, in order."""
        return dict(sorted(self._hours.items()))

    def add(self, hours: pl.DataFrame) -> None:
        """Take in whole hours, `timestamp, requests, errors`.

        Of two counts of an hour the larger is kept: the smaller one saw a part of the logs.
        """
        for start, requests, errors in hours.select(*_SCHEMA).iter_rows():
            self._add(start, (requests, errors))

    def count(self, records: pl.DataFrame) -> None:
        """Count records of hours that are not over yet."""
        counted = (
            records.lazy()
            .select(
                pl.col("timestamp").dt.truncate("1h"),
                (is_client_error() | is_server_error()).fill_null(False).alias("failed"),
            )
            .drop_nulls("timestamp")
            .group_by("timestamp")
            .agg(requests=pl.len().cast(pl.Int64), errors=pl.col("failed").sum().cast(pl.Int64))
            .collect()
        )
        for start, requests, errors in counted.iter_rows():
            known = self._counting.get(start, (0, 0))
            self._counting[start] = (known[0] + requests, known[1] + errors)

    def pass_to(self, now: datetime, since: datetime) -> None:
        """Take the counts of hours that are over, if they began after `since`; forget old ones."""
        hour = _start(max(since, now - KEPT) + HOUR - timedelta(microseconds=1))
        while hour + HOUR <= now:
            self._add(hour, self._counting.get(hour, (0, 0)))
            hour += HOUR
        self._counting = {start: c for start, c in self._counting.items() if start + HOUR > now}
        self._hours = {start: c for start, c in self._hours.items() if start > now - KEPT}

    def last_score(self, metric: str, now: datetime) -> dict[str, object] | None:
        """The last hour before now as `score_hours` has it; None if it can't be judged."""
        last = _start(now) - HOUR
        if last not in self._hours:
            return None
        scored = score_hours(self._every_hour(last)).filter(
            pl.col("timestamp") == last, pl.col("metric") == metric
        )
        return scored.row(0, named=True) if scored.height else None

    def _add(self, start: datetime, counts: Counts) -> None:
        known = self._hours.get(start)
        self._hours[start] = max(known, counts) if known else counts

    def _every_hour(self, last: datetime) -> pl.DataFrame:
        """All hours up to the last, those that aren't known as nulls."""
        first = min(start for start in self._hours if start <= last)
        starts = _hours(first, last)
        counts = [self._hours.get(start, (None, None)) for start in starts]
        frame = pl.DataFrame(
            [(start, *known) for start, known in zip(starts, counts, strict=True)],
            schema=_SCHEMA,
            orient="row",
        )
        return frame.with_columns(end=pl.col("timestamp") + HOUR)


def _hours(first: datetime, last: datetime) -> list[datetime]:
    return [first + i * HOUR for i in range((last - first) // HOUR + 1)]


def _start(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

"""The time that a log tells of: what happened outside of it is unknown, which is not nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from apilog.time import ALL_TIME, TimeWindow

DAY = timedelta(days=1)
ENOUGH = 0.9
"""From this share on, a time counts as covered: the day on which a report runs may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCoverage:
    """The time of the calls before as-of, whoever made them."""

    first: datetime | None
    """The time of the first call; None without any."""
    last: datetime | None
    as_of: datetime
    window: TimeWindow = ALL_TIME
    """The calls that are counted; those outside of it still tell what is known of an account."""

    @property
    def begins(self) -> datetime | None:
        """The midnight, in UTC, before the first call."""
        # Logs are cut at midnight and sign-ups are often mere dates, but a quiet log's first call
        # comes later than that.
        return None if self.first is None else _midnight(self.first)

    @property
    def ends(self) -> datetime | None:
        """The midnight, in UTC, after the last call, or as-of if that is earlier."""
        return None if self.last is None else min(self.as_of, _midnight(self.last) + DAY)

    def share_of(self, since: datetime, until: datetime) -> float:
        """Return which share of a time is covered, from 0 to 1."""
        if self.begins is None or self.ends is None:
            return 0.0
        covered = min(until, self.ends) - max(since, self.begins)
        return max(0.0, covered / (until - since))

    def includes(self, at: pl.Expr) -> pl.Expr:
        """Return whether an instant is covered; false for one that is null."""
        if self.begins is None or self.ends is None:
            return pl.lit(value=False)
        return ((at >= self.begins) & (at <= self.ends)).fill_null(value=False)

    @property
    def counted(self) -> tuple[datetime, datetime] | None:
        """From where to where calls are counted, to the second; None for less than a day."""
        if self.first is None or self.last is None:
            return None
        start = max(self.first, self.window.since or self.first)
        end = min(self.last, self.window.until or self.last)
        return (start, end) if end - start >= DAY else None


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)

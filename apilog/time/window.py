"""The window of time that a run is about.

A `TimeWindow` is half-open everywhere: `since` is in it, `until` is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apilog.errors import UsageError
from apilog.time.instants import parse_instant, parse_zone

TimeLimit = str | datetime | None
"""What a user gives for an end of a window; None means no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """From `since`, inside, up to `until`, outside, both aware; None means no limit there."""

    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def enclosing(cls, windows: Iterable[TimeWindow]) -> TimeWindow:
        """Return the shortest window that covers all of these; there is at least one."""
        starts, ends = zip(*((w.since, w.until) for w in windows), strict=True)
        return cls(
            since=None if None in starts else min(starts),
            until=None if None in ends else max(ends),
        )

    @property
    def is_limited(self) -> bool:
        """Whether any instant lies outside."""
        return self.since is not None or self.until is not None

    @property
    def seconds(self) -> float | None:
        """The length; None where a limit is missing."""
        if self.since is None or self.until is None:
            return None
        return (self.until - self.since).total_seconds()

    def with_defaults(self, first: datetime | None, last: datetime | None) -> TimeWindow:
        """Return the window with `first` and `last` where a limit is missing."""
        return TimeWindow(since=self.since or first, until=self.until or last)

    def overlaps(self, first: datetime, last: datetime) -> bool:
        """Return whether some instant from `first` to `last`, both included, may lie inside."""
        return (self.since is None or self.since <= last) and (
            self.until is None or first < self.until
        )

    def contains(self, first: datetime, last: datetime) -> bool:
        """Return whether all instants from `first` to `last`, both included, lie inside."""
        return (self.since is None or self.since <= first) and (
            self.until is None or last < self.until
        )

    def covers(self, other: TimeWindow) -> bool:
        return self.intersect(other) == other

    def intersect(self, other: TimeWindow) -> TimeWindow:
        """Return what both windows have in common; it is empty where they are apart."""
        starts = [w.since for w in (self, other) if w.since is not None]
        ends = [w.until for w in (self, other) if w.until is not None]
        return TimeWindow(since=max(starts, default=None), until=min(ends, default=None))


ALL_TIME = TimeWindow()
"""The window without limits."""


def parse_window(
    since: TimeLimit, until: TimeLimit, timezone: str, now: datetime | None = None
) -> TimeWindow:
    """Return the window that `--since` and `--until` mean, in UTC.

    A time without an offset is in `timezone`, an IANA name. Raises UsageError for what can't be
    read, and where `since` is not before `until`.

    >>> parse_window("2026-11-21", "2026-11-22T06:00Z", "Europe/Berlin").seconds / 3600
    31.0
    """
    now, ends = now or datetime.now(UTC), []
    for limit in (since, until):
        at = limit
        if isinstance(at, str):
            at = parse_instant(at, now=now, timezone=parse_zone(timezone))
        elif at and not at.tzinfo:
            at = at.replace(tzinfo=parse_zone(timezone))
        ends.append(at.astimezone(UTC) if at else None)
    start, end = ends
    if start and end and start >= end:
        hint = "--until is exclusive: give the instant after the last one wanted"
        if start > end:
            hint = "the earlier of the two is --since: they may be the wrong way round"
        raise UsageError(
            f"--since {start:%Y-%m-%dT%H:%M:%SZ} is not before --until {end:%Y-%m-%dT%H:%M:%SZ}",
            hint,
        )
    return TimeWindow(since=start, until=end)


def parse_span(text: str, timezone: str, now: datetime | None = None) -> TimeWindow:
    """Return the stretch of time that one text means, in UTC: `A..B`, or a day such as `yesterday`.

    A day at its end is part of it; an age alone, such as `24h`, goes up to now. Raises UsageError
    for what can't be read, and for an end that is not after the beginning.

    >>> parse_span("2026-11-01..2026-11-07", "UTC").seconds / 86400
    7.0
    """
    now, zone = now or datetime.now(UTC), parse_zone(timezone)
    begin, dots, end = (part.strip() for part in text.partition(".."))
    since = parse_instant(begin, now=now, timezone=zone)
    if dots:
        until = parse_instant(end, now=now, timezone=zone) if end else now
    else:
        end, until = begin, since if _NAMES_DAY.search(begin) else now
    if _NAMES_DAY.search(end):
        # The next midnight of the zone, whether the day has 23 hours or 25.
        day = until.astimezone(zone).replace(tzinfo=None)
        until = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=1)
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    if since >= until:
        raise UsageError(f"{text!r} ends before it begins", "write such as 2026-11-01..2026-11-07")
    return TimeWindow(since=since, until=until)


_NAMES_DAY = re.compile(r"^(?:\d{4}-\d\d-\d\d|today|yesterday)$", re.IGNORECASE)

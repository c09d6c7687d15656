"""Steps that cut a window into buckets, and the named hours, days and weeks of a time zone.

Buckets start where Polars' `dt.truncate` puts them, in every zone and through every change of
its clocks: a day may have 23 or 25 hours, and an hour of the wall clock that comes twice is two
periods, each with a name that no other of its kind has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from apilog.errors import UsageError
from apilog.text.units import parse_duration
from apilog.time.window import TimeWindow

STEPS: tuple[tuple[str, int], ...] = (
    ("1s", 1),
    ("10s", 10),
    ("1m", 60),
    ("5m", 300),
    ("15m", 900),
    ("1h", 3_600),
    ("6h", 21_600),
    ("1d", 86_400),
    ("1w", 604_800),
)
"""The steps that a report chooses from, shortest first: name and seconds."""

_UNITS = {name: parse_duration(f"1{name}") for name in ("d", "h", "m", "s", "ms", "us")}
_MICROSECOND = timedelta(microseconds=1)
# Clocks on the wall have no zone. Weeks are counted from a Monday.
_ORIGIN = datetime(1970, 1, 1)  # noqa: DTZ001
_WEEK_ORIGIN = datetime(1970, 1, 5)  # noqa: DTZ001


def parse_step(text: str) -> str:
    """Return a bucket's length as Polars takes it: `5m`, `90s`, `1d`, `2w`.

    Any positive duration. Days and weeks are those of the calendar (24h is 1d);
    weeks start on Monday. Raises UsageError.

    >>> parse_step("5m"), parse_step("1h30m"), parse_step("24h"), parse_step("1w")
    ('5m', '90m', '1d', '1w')
    """
    length = parse_duration(text)
    if not length:
        raise UsageError(f"the step {text!r} is empty", "write a longer one, such as 5m")
    if re.fullmatch(r"[0-9]+w", text.strip()):
        return f"{length // timedelta(weeks=1)}w"
    name = next(name for name, unit in _UNITS.items() if not length % unit)
    return f"{length // _UNITS[name]}{name}"


def choose_step(since: datetime, until: datetime, timezone: tzinfo, at_most: int = 60) -> str:
    """Return the shortest of `STEPS` that cuts the window into `at_most` buckets or fewer.

    It is `1w` where even weeks are more; `until` is exclusive.
    """
    for name, seconds in STEPS[:-1]:
        # Where clocks change a bucket can be longer than its step, but hardly by a day in all.
        slack = 86_400 if seconds >= 3_600 else 0
        if (until - since).total_seconds() <= at_most * seconds + slack:
            starts = iter_buckets(since, until, name, timezone)
            if sum(1 for _ in islice(starts, at_most + 1)) <= at_most:
                return name
    return STEPS[-1][0]


def iter_buckets(
    since: datetime, until: datetime, step: str, timezone: tzinfo
) -> Iterator[datetime]:
    """Yield the start, in UTC, of every bucket that holds an instant of the window.

    `until` is exclusive; the first bucket may start before `since`. `step` is a name
    that `parse_step` gives. They come in order, but for a step such as `7m` that doesn't
    fit where clocks are changed.
    """
    length, origin = parse_duration(step), _step_origin(step)
    at, end, seen = since.astimezone(UTC), until.astimezone(UTC), set()
    while at < end:
        past = (_wall_clock(at, timezone) - origin) % length
        start = _step_back(at, past, timezone)
        if start not in seen:
            seen.add(start)
            yield start
        here, at = at, at + (length - past)
        if not _same_offset(here, at, timezone):
            # The clocks change between the two: halve that time until it is an instant.
            low = here
            while at - low > _MICROSECOND:
                middle = low + (at - low) // 2
                if _same_offset(here, middle, timezone):
                    low = middle
                else:
                    at = middle


def bucket_start(at: datetime, step: str, timezone: tzinfo) -> datetime:
    """Return the start, in UTC, of the bucket that holds the instant."""
    past = (_wall_clock(at, timezone) - _step_origin(step)) % parse_duration(step)
    return _step_back(at.astimezone(UTC), past, timezone)


def _step_origin(step: str) -> datetime:
    return _WEEK_ORIGIN if step.endswith("w") else _ORIGIN


def _wall_clock(at: datetime, timezone: tzinfo) -> datetime:
    return at.astimezone(timezone).replace(tzinfo=None)


def _step_back(at: datetime, past: timedelta, timezone: tzinfo) -> datetime:
    """Return when the clock on the wall showed `past` less.

    Where it never did, that is when it would have, had it not been put forward.
    """
    start = at - past
    if _same_offset(start, at, timezone):
        return start
    wall = _wall_clock(at, timezone) - past
    return wall.replace(tzinfo=timezone, fold=0).astimezone(UTC)


def _same_offset(first: datetime, second: datetime, timezone: tzinfo) -> bool:
    return first.astimezone(timezone).utcoffset() == second.astimezone(timezone).utcoffset()


class PeriodLength(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday on."""
    MONTH = "month"

    @property
    def step(self) -> str:
        """The step of buckets none of which lies in two periods; of a month, its days."""
        return _STEP_OF_LENGTH[self]


_STEP_OF_LENGTH = {
    PeriodLength.HOUR: "1h",
    PeriodLength.DAY: "1d",
    PeriodLength.WEEK: "1w",
    PeriodLength.MONTH: "1d",
}
_SEARCH_RANGE = timedelta(days=16)
"""Longer than any period and the one after it."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One hour, day, week or month of a time zone: from `start` up to `end`, exclusive, in UTC."""

    start: datetime
    end: datetime
    name: str
    """`2026-11-21`, `2026-11-21T10Z`, `2026-11-21T10+0100`, `2026-W47` or `2026-11`: sorted as
    text, the names of one zone and kind are in order of time, but for an hour that comes twice."""

    @property
    def window(self) -> TimeWindow:
        return TimeWindow(since=self.start, until=self.end)

    def is_over(self, now: datetime) -> bool:
        """Return whether nothing that happens from now on belongs to it."""
        return self.end <= now


def period_at(instant: datetime, length: PeriodLength, zone: ZoneInfo) -> Period:
    """Return the period that holds an instant.

    >>> from datetime import UTC
    >>> instant = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    >>> period_at(instant, PeriodLength.HOUR, ZoneInfo("UTC")).name
    '2026-11-21T09Z'
    """
    if length is PeriodLength.MONTH:
        start = _month_start(instant, zone)
        # Some days into the month that comes next.
        end = _month_start(start + timedelta(days=33), zone)
        return Period(start, end, f"{start.astimezone(zone):%Y-%m}")
    start = bucket_start(instant, length.step, zone)
    # The first one starts there; where the second does, it ends.
    _, end = islice(iter_buckets(start, start + _SEARCH_RANGE, length.step, zone), 2)
    local = start.astimezone(zone)
    match length:
        case PeriodLength.HOUR:
            offset = "Z" if zone == ZoneInfo("UTC") else f"{local:%z}"
            name = f"{local:%Y-%m-%dT%H}{offset}"
        case PeriodLength.DAY:
            name = f"{local:%Y-%m-%d}"
        case PeriodLength.WEEK:
            name = f"{local:%G-W%V}"
    return Period(start, end, name)


def _month_start(at: datetime, timezone: tzinfo) -> datetime:
    wall = _wall_clock(at, timezone)
    first = wall.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _step_back(at.astimezone(UTC), wall - first, timezone)

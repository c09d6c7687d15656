"""The steps that a report cuts its window into.

Buckets start where Polars' `dt.truncate` puts them, in every zone and through every
change of its clocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice

from apilog.errors import UsageError
from apilog.units import parse_duration

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
"""The steps a report chooses from, shortest first: name and seconds."""

_UNITS = {name: parse_duration(f"1{name}") for name in ("d", "h", "m", "s", "ms", "us")}
_MICROSECOND = timedelta(microseconds=1)
# Clocks on the wall have no zone. Weeks are counted from a Monday.
_ORIGIN = datetime(1970, 1, 1)  # noqa: DTZ001
_WEEK_ORIGIN = datetime(1970, 1, 5)  # noqa: DTZ001


def parse_step(text: str) -> str:
    """The name of a bucket's length, as Polars takes it: `5m`, `90s`, `1d`, `2w`.

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


def step_for(since: datetime, until: datetime, timezone: tzinfo, at_most: int = 60) -> str:
    """The shortest of `STEPS` that cuts the window (`until` exclusive) into so many buckets.

    `1w` where even weeks are more.
    """
    for name, _ in STEPS[:-1]:
        if sum(1 for _ in islice(buckets(since, until, name, timezone), at_most + 1)) <= at_most:
            return name
    return STEPS[-1][0]


def buckets(since: datetime, until: datetime, step: str, timezone: tzinfo) -> Iterator[datetime]:
    """The start, in UTC, of every bucket that holds an instant of the window, each once.

    `until` is exclusive; the first bucket may start before `since`. `step` is a name
    that `parse_step` gives. They come in order, but for a step such as `7m` that doesn't
    fit where clocks are changed.
    """
    length, origin = parse_duration(step), _origin(step)
    at, end, seen = since.astimezone(UTC), until.astimezone(UTC), set()
    while at < end:
        past = (_wall(at, timezone) - origin) % length
        start = _step_back(at, past, timezone)
        if start not in seen:
            seen.add(start)
            yield start
        at = _step_on(at, length - past, timezone)


def bucket_start(at: datetime, step: str, timezone: tzinfo) -> datetime:
    """The start, in UTC, of the bucket that holds the instant."""
    past = (_wall(at, timezone) - _origin(step)) % parse_duration(step)
    return _step_back(at.astimezone(UTC), past, timezone)


def _origin(step: str) -> datetime:
    return _WEEK_ORIGIN if step.endswith("w") else _ORIGIN


def _wall(at: datetime, timezone: tzinfo) -> datetime:
    """What the clock on the wall shows."""
    return at.astimezone(timezone).replace(tzinfo=None)


def _step_back(at: datetime, past: timedelta, timezone: tzinfo) -> datetime:
    """When the clock on the wall showed `past` less.

    Where it never did, when it would have, had it not been put forward.
    """
    start = at - past
    if _same_offset(start, at, timezone):
        return start
    wall = _wall(at, timezone) - past
    return wall.replace(tzinfo=timezone, fold=0).astimezone(UTC)


def _step_on(at: datetime, rest: timedelta, timezone: tzinfo) -> datetime:
    """`rest` later, or when clocks are changed, if that is sooner."""
    end = at + rest
    return end if _same_offset(at, end, timezone) else _clock_change(at, end, timezone)


def _same_offset(first: datetime, second: datetime, timezone: tzinfo) -> bool:
    return first.astimezone(timezone).utcoffset() == second.astimezone(timezone).utcoffset()


def _clock_change(low: datetime, high: datetime, timezone: tzinfo) -> datetime:
    """The first instant after `low`, up to `high`, with another offset than `low`."""
    while high - low > _MICROSECOND:
        middle = low + (high - low) // 2
        if _same_offset(low, middle, timezone):
            low = middle
        else:
            high = middle
    return high

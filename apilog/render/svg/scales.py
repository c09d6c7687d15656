"""Axes as numbers: where values lie, and which of them get a tick.

Ticks are round: 1, 2 or 5 times a power of ten, for durations the parts of minutes and hours, for
times those of the calendar in the report's zone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_LONG_STEPS_MS = tuple(
    1000.0 * seconds
    for seconds in (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
)


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`.

    >>> [round_step(value) for value in (0.3, 1, 1.1, 30, 51)]
    [0.5, 1.0, 2.0, 50.0, 100.0]
    """
    if not 0 < least < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    # A hair of room: 0.1 / 0.01 is not quite 10.
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= least * (1 - 1e-9))


def duration_step(least: float) -> float:
    """Return a round number of milliseconds that is not below `least`."""
    if least <= 50_000:
        step = round_step(least)
        return step if step <= 50_000 else _LONG_STEPS_MS[0]
    days = round_step(least / _LONG_STEPS_MS[-1]) * _LONG_STEPS_MS[-1]
    return next((step for step in _LONG_STEPS_MS if step >= least), max(days, _LONG_STEPS_MS[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueScale:
    """Values of an axis, and the pixels they lie at."""

    low: float
    high: float
    start: float
    """The pixel of `low`."""
    end: float
    ticks: tuple[float, ...]
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return the pixel of a value; what lies outside is moved to the nearer end."""
        value = min(max(value, self.low), self.high)
        if self.is_logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def linear_scale(
    low: float,
    high: float,
    start: float,
    end: float,
    *,
    most_ticks: int = 5,
    step_of: Callable[[float], float] = round_step,
    least_step: float = 0.0,
) -> ValueScale:
    """Return a scale over round ticks that begins at or below `low` and ends at or above `high`.

    `least_step` is 1 for counts, which have no halves.
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        low, high = min(low, 0.0) if math.isfinite(low) else 0.0, max(low, 0.0) or 1.0
        high = high if high > low else low + 1.0
    step = max(step_of((high - low) / max(most_ticks, 1)), least_step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(step * i for i in range(first, last + 1))
    return ValueScale(low=ticks[0], high=ticks[-1], start=start, end=end, ticks=ticks)


def logarithmic_scale(
    low: float,
    high: float,
    start: float,
    end: float,
    *,
    most_ticks: int = 6,
    is_exact: bool = False,
) -> ValueScale:
    """Return a scale whose ticks are 1, 2 and 5 times powers of ten, or fewer of them.

    It begins and ends at ticks, unless it is to do so exactly at `low` and `high`.
    """
    least, most = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = [10.0**p for p in range(least, most + 1)]
    ticks = _around([m * power for power in powers for m in (1, 2, 5)], low, high)
    if len(ticks) > most_ticks:
        ticks = _around(powers, low, high)
    if is_exact:
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    else:
        low, high = min(low, ticks[0]), max(high, ticks[-1])
    kept = ticks[:: -(-len(ticks) // max(most_ticks, 2)) or 1]
    return ValueScale(
        low=low,
        high=high if high > low else 10 * low,
        start=start,
        end=end,
        ticks=tuple(kept),
        is_logarithmic=True,
    )


def _around(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """Return the ticks from the last one not above `low` to the first one not below `high`."""
    first = max((i for i, tick in enumerate(ticks) if tick <= low * (1 + 1e-9)), default=0)
    last = next((i for i, tick in enumerate(ticks) if tick >= high * (1 - 1e-9)), len(ticks) - 1)
    return list(ticks[first : last + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTick:
    """A round time on an axis."""

    moment: datetime
    label: str
    """The time of day, or the day, month or year where that is what goes on."""
    context: str = ""
    """The day or year that begins there, and of the first tick the one it lies in."""


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK_STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
)
"""Seconds."""
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)


def time_ticks(since: datetime, until: datetime, zone: tzinfo, most: int) -> list[TimeTick]:
    """Return round times of the zone within these limits, `most` of them at most.

    Hours that a change of clocks leaves out have no tick, and those that come twice one.
    """
    most, seconds = max(most, 1), (until - since).total_seconds()
    for step in _CLOCK_STEPS:
        if seconds / step <= most:
            moments = _clock_times(since, until, zone, step)
            return _labelled(moments, _minute if step >= 60 else _second, _day)
    for days in _DAY_STEPS:
        if seconds / 86_400 / days <= most:
            return _labelled(_days(since, until, zone, days), _day, lambda t: f"{t.year}")
    months = next((m for m in _MONTH_STEPS if seconds / 86_400 / 30 / m <= most), _MONTH_STEPS[-1])
    firsts = _months(since, until, zone, months)
    if months >= 12:
        return _labelled(firsts, lambda t: f"{t.year}", lambda t: "")
    return _labelled(firsts, lambda t: _MONTHS[t.month - 1], lambda t: f"{t.year}")


def _labelled(
    moments: Sequence[datetime],
    label: Callable[[datetime], str],
    context: Callable[[datetime], str],
) -> list[TimeTick]:
    """Return the ticks, with a context wherever it changes."""
    ticks, before = [], ""
    for moment in moments:
        now = context(moment)
        ticks.append(
            TimeTick(moment=moment, label=label(moment), context=now if now != before else "")
        )
        before = now
    return ticks


def _second(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S")


def _minute(moment: datetime) -> str:
    return moment.strftime("%H:%M")


def _day(moment: datetime) -> str:
    return f"{_MONTHS[moment.month - 1]} {moment.day}"


def _within(
    locals_: Iterator[datetime], since: datetime, until: datetime, zone: tzinfo
) -> list[datetime]:
    """Return the wall clock times that exist in the zone and lie within the limits."""
    moments = []
    for local in locals_:
        moment = local.replace(tzinfo=zone)
        instant = moment.astimezone(UTC)
        if instant > until:
            break
        if instant >= since and instant.astimezone(zone).replace(tzinfo=None) == local:
            moments.append(moment)
    return moments


def _clock_times(since: datetime, until: datetime, zone: tzinfo, step: int) -> list[datetime]:
    def walk() -> Iterator[datetime]:
        local = since.astimezone(zone).replace(tzinfo=None)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        local = midnight + timedelta(seconds=(local - midnight).seconds // step * step)
        while True:
            yield local
            local += timedelta(seconds=step)

    return _within(walk(), since, until, zone)


def _days(since: datetime, until: datetime, zone: tzinfo, step: int) -> list[datetime]:
    def walk() -> Iterator[datetime]:
        local = since.astimezone(zone).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        )
        # Weeks begin on Mondays.
        local -= timedelta(days=local.weekday() if step >= 7 else 0)
        while True:
            yield local
            local += timedelta(days=step)

    return _within(walk(), since, until, zone)


def _months(since: datetime, until: datetime, zone: tzinfo, step: int) -> list[datetime]:
    def walk() -> Iterator[datetime]:
        local = since.astimezone(zone).replace(tzinfo=None)
        count = (12 * local.year + local.month - 1) // step * step
        while True:
            year, month = divmod(count, 12)
            yield datetime(max(year, 1), month + 1, 1)  # noqa: DTZ001
            count += step

    return _within(walk(), since, until, zone)

"""Points in time and time zones as users write them.

A text has one meaning or is refused; the machine's own zone never plays a part.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from datetime import timezone as fixed_offset
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from apilog.errors import UsageError
from apilog.text.units import parse_duration
from apilog.time.hints import explain_time, explain_zone

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_EPOCH = re.compile(r"[0-9]{9,10}(?:\.[0-9]+)?")
# POSIX and ISO disagree on the sign in `UTC+3`:
# https://pubs.opengroup.org/onlinepubs/9699919799/basedefs/V1_chap08.html#tag_08_03
_SIGNED_NAME = re.compile(r"\b(?:UTC|GMT|Z)[+-]", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"[0-9]{4}[-/.]")
# Names in the system's zone data that Polars doesn't know, or that mean another zone elsewhere.
_EXCLUDED_NAMES = {"Factory", "localtime", "posixrules"}
# dateutil fills in what a text lacks. Two days that share neither year, month, day nor weekday
# show whether it did.
_FILLERS = (datetime(2000, 1, 1), datetime(2003, 2, 3))  # noqa: DTZ001 - the text has the zone


def parse_zone(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name; raises UsageError naming the nearest ones."""
    # All names are found by looking at hundreds of files, which the usual zone needn't wait for.
    if name != "UTC" and name not in _zone_names():
        raise UsageError(f"there is no time zone {name!r}", explain_zone(name, _zone_names()))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"can't load the time zone {name!r}: {error}") from error


def parse_instant(text: str, *, now: datetime, timezone: tzinfo) -> datetime:
    """Return the instant, in UTC, that a limit such as `--since` means.

    Understands ISO 8601; an age (`24h`, `7d`, also `7d ago`); `now`, `today`,
    `yesterday` and `tomorrow` (where the day starts in `timezone`); seconds since 1970;
    and what dateutil reads in one way only. Times without an offset are in `timezone`,
    the first of two where clocks are put back; a time alone is today's. Raises UsageError.
    """
    stripped, here = text.strip(), now.astimezone(timezone)
    try:
        for read in (_parse_keyword, _parse_epoch, _parse_age, _parse_iso, _parse_free_text):
            if instant := read(stripped, here):
                return instant.astimezone(UTC)
    except OverflowError as error:
        raise UsageError(
            f"the time {text!r} is out of range", "write a year from 1900 to 2261"
        ) from error
    raise UsageError(
        f"can't read the time {text!r}, or only in more than one way",
        explain_time(stripped, here.date())
        or "write 2026-11-21, 2026-11-21T10:00:00Z, an age such as 24h or 7d, today, yesterday, "
        "or seconds since 1970",
    )


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - _EXCLUDED_NAMES)


def _parse_keyword(text: str, now: datetime) -> datetime | None:
    word = text.lower()
    if word == "now":
        return now
    if word not in _DAYS:
        return None
    return datetime.combine(now.date() + timedelta(days=_DAYS[word]), time(), now.tzinfo)


def _parse_epoch(text: str, now: datetime) -> datetime | None:
    if not _EPOCH.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    return datetime.fromtimestamp(int(whole), UTC).replace(microsecond=int(f"{fraction:0<6.6}"))


def _parse_age(text: str, now: datetime) -> datetime | None:
    try:
        age = parse_duration(text.removesuffix("ago"))
    except UsageError:
        return None
    return now.astimezone(UTC) - age


def _parse_iso(text: str, now: datetime) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=now.tzinfo)


def _parse_free_text(text: str, now: datetime) -> datetime | None:
    """Return what dateutil reads, if neither the order of day, month, year nor a filler matters."""
    from dateutil import parser  # only for what nothing else reads: it takes long to load

    if _SIGNED_NAME.search(text):
        return None
    orders = {(False, False), (True, False), (False, True)}
    try:
        readings = {
            tuple(
                parser.parse(
                    text, default=filler, dayfirst=day, yearfirst=year, tzinfos=_zone_of_offset
                )
                for filler in _FILLERS
            )
            for day, year in ({(False, False)} if _YEAR_FIRST.match(text) else orders)
        }
    except (ValueError, TypeError):
        return None
    first, second = readings.pop()
    if [first.date(), second.date()] == [filler.date() for filler in _FILLERS]:
        first = second = datetime.combine(now.date(), first.timetz())
    if readings or first != second:
        return None
    return first if first.tzinfo else first.replace(tzinfo=now.tzinfo)


def _zone_of_offset(name: str | None, seconds: int | None) -> tzinfo | None:
    """Return the zone of a name and offset that dateutil has found.

    UTC is the only name that is taken: `CST` has three meanings.
    """
    if name is None:
        return None if seconds is None else fixed_offset(timedelta(seconds=seconds))
    if name not in ("UTC", "GMT", "Z", "z") or seconds:
        raise ValueError(name)
    return UTC

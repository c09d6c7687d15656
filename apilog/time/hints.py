"""What people write for times and zones that have no one meaning, and what to write instead.

Hints only: nothing here gives a time to anybody, and the machine's zone is named, never used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from datetime import date, timedelta

from apilog.text import did_you_mean

_UNITS = {
    **dict.fromkeys(("second", "sec", "s"), "s"),
    **dict.fromkeys(("minute", "min", "m"), "m"),
    **dict.fromkeys(("hour", "hr", "h"), "h"),
    **dict.fromkeys(("day", "d"), "d"),
    **dict.fromkeys(("week", "wk", "w"), "w"),
    **dict.fromkeys(("month", "mo"), "month"),
    **dict.fromkeys(("year", "yr", "y"), "year"),
}
_PERIOD = re.compile(
    r"(?:the )?(?:(last|past|previous|this|current) )?([0-9]{1,5})? ?([a-z]+?)s?(?: ago)?"
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LOCAL = {"local", "localtime", "system", "here", "machine"}
_OFFSET = re.compile(r"(?:[A-Z]{1,4})?([+-])([0-9]{1,2})(?::?00)?", re.IGNORECASE)
_ABBREVIATIONS = {
    "bst": "Europe/London",
    "cest": "Europe/Berlin",
    "eest": "Europe/Helsinki",
    "edt": "America/New_York",
    "jst": "Asia/Tokyo",
    "mdt": "America/Denver",
    "pdt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    "sgt": "Asia/Singapore",
    "aest": "Australia/Sydney",
}
"""Zones that people mean by letters."""
_AMBIGUOUS = {"amt", "ast", "cdt", "cst", "ect", "gst", "ist", "sst"}
"""Letters that several zones have."""


def explain_time(text: str, today: date) -> str:
    """Return the hint for a text that names a time in words; empty for another one.

    >>> explain_time("last week", date(2026, 11, 29))
    'write 7d for the last 7 days, or 2026-11-16 for the start of the calendar week before this one'
    >>> explain_time("7 days", date(2026, 11, 29)), explain_time("Monday", date(2026, 11, 29))
    ('write 7d', 'write the date: 2026-11-23')
    """
    words = " ".join(text.casefold().split())
    if re.fullmatch(r"[-+][0-9]+[smhdw]", words):
        return f"ages have no sign: write {words[1:]}"
    if re.fullmatch(r".* (?:to|until|bis|-) .*", words):
        return "write a stretch of time with two dots, as in 2026-11-01..2026-11-07"
    day = words.removeprefix("last ")
    weekday = next((at for at, name in enumerate(_WEEKDAYS) if day in (name, name[:3])), None)
    if weekday is not None:
        back = (today.weekday() - weekday) % 7
        if words != day:
            back = back or 7
        return f"write the date: {today - timedelta(days=back)}"
    match = _PERIOD.fullmatch(words)
    unit = _UNITS.get(match[3]) if match else None
    if match is None or unit is None:
        return ""
    if match[2] is None and match[1] and unit in ("d", "w", "month", "year"):
        return _explain_calendar(unit, today, is_this=match[1] in ("this", "current"))
    count = int(match[2] or 1)
    days = {"month": 30, "year": 365}.get(unit)
    return f"write {count * days}d" if days else f"write {count}{unit}"


def explain_zone(name: str, known: Collection[str]) -> str:
    """Return the hint for a text that names no time zone.

    >>> explain_zone("UTC+2", ())
    'write a place such as Europe/Berlin; two hours ahead of UTC all year is Etc/GMT-2'
    >>> explain_zone("berlin", ["Europe/Berlin"])
    'did you mean Europe/Berlin?'
    """
    word = name.strip().casefold().replace(" ", "_")
    if word in _LOCAL:
        here = _machine_zone(known)
        example = f"here it is {here}" if here else "such as Europe/Berlin"
        return f"a report means the same on every machine, so write the zone's name: {example}"
    if word in _ABBREVIATIONS:
        return f"did you mean {_ABBREVIATIONS[word]}?"
    if word in _AMBIGUOUS:
        return f"{name.strip()} means several zones: write a place such as Europe/Berlin"
    if match := _OFFSET.fullmatch(name.strip()):
        return _explain_offset(match[1], int(match[2]))
    places = sorted(zone for zone in known if zone.rpartition("/")[2].casefold() == word)
    if places:
        return f"did you mean {' or '.join(places[:3])}?"
    return did_you_mean(name, sorted(known), "write one such as Europe/Berlin")


def _explain_calendar(unit: str, today: date, *, is_this: bool) -> str:
    start = {
        "w": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }.get(unit, today)
    what = {"w": "calendar week"}.get(unit, unit)
    if is_this:
        return f"write {start}, where this {what} started"
    end = start - timedelta(days=1)
    start = {
        "w": start - timedelta(days=7),
        "month": end.replace(day=1),
        "year": end.replace(month=1, day=1),
    }.get(unit, end)
    days = {"w": 7, "month": 30, "year": 365}.get(unit, 1)
    return (
        f"write {days}d for the last {days} days, or {start} for the start of the {what} "
        "before this one"
    )


def _explain_offset(sign: str, hours: int) -> str:
    number = {1: "one hour", 2: "two hours"}.get(hours, f"{hours} hours")
    if not 0 < hours <= (14 if sign == "+" else 12):
        return "write a place such as Europe/Berlin, or UTC"
    # Of these names POSIX decides the sign: Etc/GMT-2 is ahead of UTC.
    # https://data.iana.org/time-zones/tzdb/etcetera
    where, name = ("ahead of", "-") if sign == "+" else ("behind", "+")
    fixed = f"{number} {where} UTC all year is Etc/GMT{name}{hours}"
    return f"write a place such as Europe/Berlin; {fixed}"


def _machine_zone(known: Collection[str]) -> str | None:
    """Return the name of the machine's zone, where it has one."""
    file = os.path.realpath("/etc/localtime")
    for name in (os.environ.get("TZ", "").removeprefix(":"), file.rpartition("zoneinfo/")[2]):
        if name in known:
            return name
    return None

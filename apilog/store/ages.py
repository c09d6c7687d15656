"""How old the files of a store are: by the days that they are of, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from apilog.store.entries import DataFile


def limit_of(age: timedelta, now: datetime | None = None) -> datetime:
    """The instant that long ago; the first one there is for longer ones."""
    try:
        return (now or datetime.now(UTC)) - age
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def is_over(file: DataFile, limit: datetime) -> bool:
    """Whether the day of a file ended before the limit; of rejects that of storing them.

    That of a file without times did not.
    """
    if file.last is None:
        return False
    return datetime.combine(file.last.date(), time.max, UTC) < limit

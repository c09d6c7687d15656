"""Letting go of old data: whole days, never a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from apilog.storage import Place
from apilog.store.entries import DataFile
from apilog.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed."""

    files: int
    records: int
    rejects: int
    size: int
    """Bytes."""


def prune(path: Place, keep: timedelta, now: datetime | None = None) -> Pruned:
    """Remove the days of a store that ended more than `keep` ago, in UTC.

    Rejects go by the day on which they were stored. Inputs stay known, so that no line comes
    back. Records without a time stay. Raises InputError and OutputError as Writer does.
    """
    limit = _limit(now or datetime.now(UTC), keep)
    with Writer(path, create=False) as writer:
        old = [file for file in writer.store.manifest.files if _is_over(file, limit)]
        writer.drop(old)
        writer.commit()
    return Pruned(
        files=len(old),
        records=sum(file.rows for file in old if file.kind == "records"),
        rejects=sum(file.rows for file in old if file.kind == "rejects"),
        size=sum(file.size for file in old),
    )


def _is_over(file: DataFile, limit: datetime) -> bool:
    if file.last is None:
        return False
    return datetime.combine(file.last.date(), time.max, UTC) < limit


def _limit(now: datetime, keep: timedelta) -> datetime:
    try:
        return now - keep
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)

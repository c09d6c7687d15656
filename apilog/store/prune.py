"""Letting go of old data: whole days, never a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apilog.storage import Place
from apilog.store.ages import is_over, limit_of
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
    limit = limit_of(keep, now)
    with Writer(path, create=False) as writer:
        old = [file for file in writer.store.manifest.files if is_over(file, limit)]
        writer.drop(old)
        writer.commit()
    return Pruned(
        files=len(old),
        records=sum(file.rows for file in old if file.kind == "records"),
        rejects=sum(file.rows for file in old if file.kind == "rejects"),
        size=sum(file.size for file in old),
    )

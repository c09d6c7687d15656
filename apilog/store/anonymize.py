"""Making the records of a store less telling, for good.

Each day is rewritten in one commit. What was made so before is left alone, so that a run that
was killed goes on, and one a day costs little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from apilog.privacy import Privacy
from apilog.storage import Place
from apilog.store.ages import is_over, limit_of
from apilog.store.entries import DataFile
from apilog.store.files import read_intact
from apilog.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymized:
    """What was rewritten."""

    files: int
    records: int
    """Of the files of records."""
    rejects: int
    """Of those of rejects, whose lines are gone."""


def anonymize(
    path: Place,
    privacy: Privacy,
    *,
    drop: Collection[str] = (),
    before: timedelta | None = None,
    now: datetime | None = None,
) -> Anonymized:
    """Rewrite the records of the days that ended more than `before` ago; None: of all days.

    `drop` are columns that become null. The lines of rejects, which can't be told apart, become
    null, so that they can't be read again. Records without a time are always rewritten. Raises
    InputError for a damaged file, as Writer does, and OutputError.
    """
    limit = None if before is None else limit_of(before, now)
    changed: list[DataFile] = []
    with Writer(path, create=False) as writer:
        for files in _days(writer.store.manifest.files, limit):
            done = [file for file in files if _rewritten(writer, file, privacy, drop)]
            if done:
                writer.commit()
            changed += done
    return Anonymized(
        files=len(changed),
        records=sum(file.rows for file in changed if file.kind == "records"),
        rejects=sum(file.rows for file in changed if file.kind == "rejects"),
    )


def _days(files: Iterable[DataFile], limit: datetime | None) -> Iterable[Sequence[DataFile]]:
    """The files of each day, and those of rejects."""
    days: defaultdict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        if limit is None or file.last is None or is_over(file, limit):
            days[file.name.rpartition("/")[0]].append(file)
    return days.values()


def _rewritten(writer: Writer, file: DataFile, privacy: Privacy, drop: Collection[str]) -> bool:
    """Whether there was anything to do."""
    rows = read_intact(writer.folder, file)
    gone = ["line"] if file.kind == "rejects" else drop
    after = privacy.applied(rows).with_columns(
        pl.lit(None, rows.schema[name]).alias(name) for name in gone
    )
    if after.equals(rows):
        return False
    writer.write(after, file.kind, (file.first, file.last))
    writer.drop([file])
    return True

"""Maintenance of a store: remove old days, merge small files, anonymize records, verify all files.

What changes a store goes through the one writer, so each step is a commit: it has happened
entirely or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import polars as pl

from apilog.privacy import Privacy
from apilog.storage import Folder, FolderLike
from apilog.store import layout
from apilog.store.commit import list_store_files
from apilog.store.data_files import DataFile, TimeSpan, find_damage, read_verified
from apilog.store.reader import Store
from apilog.store.writer import StoreWriter


def age_limit(age: timedelta, now: datetime | None = None) -> datetime:
    """The instant that long ago; the first one there is for longer ones."""
    try:
        return (now or datetime.now(UTC)) - age
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def ended_before(file: DataFile, limit: datetime) -> bool:
    """Whether the day of a file ended before the limit; of rejects that of storing them.

    That of a file without times did not.
    """
    if file.last is None:
        return False
    return datetime.combine(file.last.date(), time.max, UTC) < limit


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSummary:
    """What was removed."""

    files: int
    records: int
    rejects: int
    size: int
    """Bytes."""


def prune(path: FolderLike, keep: timedelta, now: datetime | None = None) -> PruneSummary:
    """Remove the days of a store that ended more than `keep` ago, in UTC.

    Rejects go by the day on which they were stored. Inputs stay known, so that no line comes
    back. Records without a time stay. Raises InputError and OutputError as Writer does.
    """
    limit = age_limit(keep, now)
    with StoreWriter(path, create=False) as writer:
        old = [file for file in writer.store.manifest.files if ended_before(file, limit)]
        writer.drop_files(old)
        writer.commit()
    return PruneSummary(
        files=len(old),
        records=sum(file.rows for file in old if file.kind == "records"),
        rejects=sum(file.rows for file in old if file.kind == "rejects"),
        size=sum(file.size for file in old),
    )


ROWS = 400_000
"""Of a file that is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactSummary:
    """What merging changed: of the whole store."""

    files_before: int
    files_after: int
    size_before: int
    """Bytes."""
    size_after: int


def compact(path: FolderLike) -> CompactSummary:
    """Merge the small files of each day, and those of rejects; a commit a day.

    Raises InputError for a damaged file, as Writer does, and OutputError.
    """
    with StoreWriter(path, create=False) as writer:
        before = writer.store.manifest.files
        for group in _small_files_by_folder(before):
            merges = [merge for merge in _plan_merges(group) if len(merge) > 1]
            for merge in merges:
                _merge_files(writer, merge)
            if merges:
                writer.commit()
        after = writer.store.manifest.files
    return CompactSummary(
        files_before=len(before),
        files_after=len(after),
        size_before=sum(file.size for file in before),
        size_after=sum(file.size for file in after),
    )


def _small_files_by_folder(files: Iterable[DataFile]) -> Iterable[list[DataFile]]:
    """The small files of each folder, in the order in which they were written."""
    folders: defaultdict[str, list[DataFile]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.name):
        # More than half: two of them would not fit into one.
        if file.rows <= ROWS // 2:
            folders[file.name.rpartition("/")[0]].append(file)
    return folders.values()


def _plan_merges(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Consecutive files that fit into one."""
    merge: list[DataFile] = []
    for file in files:
        if merge and sum(f.rows for f in merge) + file.rows > ROWS:
            yield merge
            merge = []
        merge.append(file)
    yield merge


def _merge_files(writer: StoreWriter, files: Sequence[DataFile]) -> None:
    kind = files[0].kind
    rows = pl.concat([read_verified(writer.folder, file) for file in files])
    if kind == "records":
        rows = rows.sort("timestamp", maintain_order=True)
    writer.write_rows(rows, kind, _span_of_files(files))
    writer.drop_files(files)


def _span_of_files(files: Iterable[DataFile]) -> TimeSpan:
    spans = [(file.first, file.last) for file in files if file.first and file.last]
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymizeSummary:
    """What was rewritten."""

    files: int
    records: int
    """Of the files of records."""
    rejects: int
    """Of those of rejects, whose lines are gone."""


def anonymize(
    path: FolderLike,
    privacy: Privacy,
    *,
    drop: Collection[str] = (),
    before: timedelta | None = None,
    now: datetime | None = None,
) -> AnonymizeSummary:
    """Rewrite the records of the days that ended more than `before` ago; None: of all days.

    `drop` are columns that become null. The lines of rejects, which can't be told apart, become
    null, so that they can't be read again. Records without a time are always rewritten. Raises
    InputError for a damaged file, as Writer does, and OutputError.
    """
    limit = None if before is None else age_limit(before, now)
    changed: list[DataFile] = []
    with StoreWriter(path, create=False) as writer:
        for files in _files_by_day(writer.store.manifest.files, limit):
            done = [file for file in files if _rewrite_file(writer, file, privacy, drop)]
            if done:
                writer.commit()
            changed += done
    return AnonymizeSummary(
        files=len(changed),
        records=sum(file.rows for file in changed if file.kind == "records"),
        rejects=sum(file.rows for file in changed if file.kind == "rejects"),
    )


def _files_by_day(
    files: Iterable[DataFile], limit: datetime | None
) -> Iterable[Sequence[DataFile]]:
    """The files of each day, and those of rejects."""
    days: defaultdict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        if limit is None or file.last is None or ended_before(file, limit):
            days[file.name.rpartition("/")[0]].append(file)
    return days.values()


def _rewrite_file(
    writer: StoreWriter, file: DataFile, privacy: Privacy, drop: Collection[str]
) -> bool:
    """Whether there was anything to do."""
    rows = read_verified(writer.folder, file)
    gone = ["line"] if file.kind == "rejects" else drop
    after = privacy.apply(rows).with_columns(
        pl.lit(None, rows.schema[name]).alias(name) for name in gone
    )
    if after.equals(rows):
        return False
    writer.write_rows(after, file.kind, (file.first, file.last))
    writer.drop_files([file])
    return True


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file of the store that isn't as it was written."""

    name: str
    """Relative to the store."""
    problem: str
    """What is wrong: continues a sentence that begins with the name."""
    rows: int
    """What it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySummary:
    """What checking a store found."""

    files: int
    rows: int
    """Of the files that are intact, rejects included."""
    damaged: tuple[DamagedFile, ...]
    strangers: tuple[str, ...]
    """Parquet files that are not part of the store; other programs that read it count them."""


def verify(path: FolderLike, told: Callable[[DataFile], None] = lambda _: None) -> VerifySummary:
    """Read every file of a store and compare bytes and rows with its manifest.

    Needs no lock; `told` hears of each file before it is read. Raises InputError if there is
    no store, or if its manifest can't be read.
    """
    store = Store.open(path)
    damaged: dict[DataFile, DamagedFile] = {}
    for file in store.manifest.files:
        told(file)
        if problem := find_damage(store.folder, file):
            damaged[file] = DamagedFile(file.name, problem, file.rows)
    # What a writer has removed meanwhile is no damage.
    now = Store.open(path)
    still = set(now.manifest.files)
    return VerifySummary(
        files=len(store.manifest.files),
        rows=sum(file.rows for file in store.manifest.files if file not in damaged),
        damaged=tuple(found for file, found in damaged.items() if file in still),
        strangers=tuple(_find_strangers(store.folder, store, now)),
    )


def _find_strangers(folder: Folder, *states: Store) -> list[str]:
    named = {file.name for state in states for file in state.manifest.files}
    return sorted(
        name
        for name in list_store_files(folder)
        if name.endswith(".parquet")
        and name not in named
        and not name.startswith(f"{layout.MANIFEST_FOLDER}/")
    )

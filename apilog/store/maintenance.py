"""Maintenance of a store: remove old days, merge small files, anonymize records, verify all files.

Every change goes through the one writer, so each step is a commit: it has happened entirely or not
at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import polars as pl

from apilog.privacy import Privacy
from apilog.storage import Folder, FolderLike
from apilog.store import layout
from apilog.store.commit import list_store_files
from apilog.store.data_files import DataFile, find_damage, read_verified
from apilog.store.reader import Store
from apilog.store.writer import StoreWriter

COMPACTED_ROWS = 400_000
"""The most rows of a file that `compact` makes."""


def age_limit(age: timedelta, now: datetime | None = None) -> datetime:
    """Return the instant that long ago, or the earliest one there is."""
    try:
        return (now or datetime.now(UTC)) - age
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def ended_before(file: DataFile, limit: datetime) -> bool:
    """Whether the day of a file ended before the limit; never for a file without times.

    The day of rejects is that on which they were stored.
    """
    return file.last is not None and datetime.combine(file.last.date(), time.max, UTC) < limit


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSummary:
    """The size of what `prune` removed, in bytes too."""

    files: int
    records: int
    rejects: int
    size: int


def prune(path: FolderLike, keep: timedelta, now: datetime | None = None) -> PruneSummary:
    """Remove the days of a store that ended more than `keep` ago, in UTC.

    Rejects go by the day on which they were stored. Checkpoints stay, so that no line comes back.
    Records without a time stay. Raises InputError and OutputError as StoreWriter does.
    """
    with StoreWriter(path, create=False) as writer:
        old = _find_ended(writer.store, age_limit(keep, now))
        writer.drop_files(old)
        writer.commit()
    return _sum_pruned(old)


def plan_prune(path: FolderLike, keep: timedelta, now: datetime | None = None) -> PruneSummary:
    """Return what `prune` would remove of the store as it is now; nothing is locked or changed."""
    return _sum_pruned(_find_ended(Store.open(path), age_limit(keep, now)))


def _find_ended(store: Store, limit: datetime) -> list[DataFile]:
    return [file for file in store.manifest.files if ended_before(file, limit)]


def _sum_pruned(old: Collection[DataFile]) -> PruneSummary:
    return PruneSummary(
        files=len(old),
        records=sum(file.rows for file in old if file.kind == "records"),
        rejects=sum(file.rows for file in old if file.kind == "rejects"),
        size=sum(file.size for file in old),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactSummary:
    """The store before and after `compact`; sizes are in bytes."""

    files_before: int
    files_after: int
    size_before: int
    size_after: int


def compact(path: FolderLike) -> CompactSummary:
    """Merge the small files of each day, and those of rejects, with a commit per day.

    Rows and their order stay what they were. Memory is bounded: no file that is made has more than
    COMPACTED_ROWS rows, unless it had them before. Raises InputError for a damaged file and as
    StoreWriter does, and OutputError.
    """
    with StoreWriter(path, create=False) as writer:
        before = writer.store.manifest.files
        for files, merges in _plan_merges(before):
            for merge in merges:
                if len(merge) == 1:
                    continue
                rows = pl.concat([read_verified(writer.folder, file) for file in merge])
                if merge[0].kind == "records":
                    # Files overlap in time where several inputs are of one day.
                    rows = rows.sort("timestamp", maintain_order=True)
                first = min((file.first for file in merge if file.first), default=None)
                last = max((file.last for file in merge if file.last), default=None)
                writer.write_rows(rows, merge[0].kind, (first, last))
                writer.drop_files(merge)
            if len(merges) < len(files):
                writer.commit()
        after = writer.store.manifest.files
    return CompactSummary(
        files_before=len(before),
        files_after=len(after),
        size_before=sum(file.size for file in before),
        size_after=sum(file.size for file in after),
    )


def plan_compact(path: FolderLike) -> tuple[int, int]:
    """Return how many files the store has, and how many `compact` would leave; nothing changes."""
    files = Store.open(path).manifest.files
    fewer = sum(len(small) - len(merges) for small, merges in _plan_merges(files))
    return len(files), len(files) - fewer


def _plan_merges(
    files: Iterable[DataFile],
) -> Iterator[tuple[list[DataFile], list[list[DataFile]]]]:
    """Yield the small files of each day, and those of them that become one file each."""
    # Two files of more than half of the rows would not fit into one.
    small = [file for file in files if file.rows <= COMPACTED_ROWS // 2]
    for together in _group_by_folder(small):
        merges: list[list[DataFile]] = []
        for file in together:
            if not merges or sum(f.rows for f in merges[-1]) + file.rows > COMPACTED_ROWS:
                merges.append([])
            merges[-1].append(file)
        yield together, merges


def _group_by_folder(files: Iterable[DataFile]) -> Iterable[list[DataFile]]:
    """Group files by day, rejects apart, in the order in which they were written."""
    folders: defaultdict[str, list[DataFile]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.name):
        folders[file.name.rpartition("/")[0]].append(file)
    return folders.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymizeSummary:
    """The size of what `anonymize` rewrote."""

    files: int
    records: int
    rejects: int
    """Rejects, whose lines are gone."""


def anonymize(
    path: FolderLike,
    privacy: Privacy,
    *,
    drop: Collection[str] = (),
    before: timedelta | None = None,
    now: datetime | None = None,
) -> AnonymizeSummary:
    """Rewrite the records of the days that ended more than `before` ago, or of all days.

    `drop` are columns that become null. The lines of rejects become null, too: nobody can tell
    what they hold. Records without a time are always rewritten. There is a commit per day, and
    files that are anonymous already stay, so that a killed run goes on where it was and a run per
    day costs little. Raises InputError for a damaged file and as StoreWriter does, and
    OutputError.
    """
    changed: list[DataFile] = []
    with StoreWriter(path, create=False) as writer:
        for files in _group_by_folder(_find_to_anonymize(writer.store, before, now)):
            rewritten = []
            for file in files:
                after = _anonymize_file(writer.folder, file, privacy, drop)
                if after is not None:
                    writer.write_rows(after, file.kind, (file.first, file.last))
                    writer.drop_files([file])
                    rewritten.append(file)
            if rewritten:
                writer.commit()
            changed += rewritten
    return _sum_anonymized(changed)


def plan_anonymize(
    path: FolderLike,
    privacy: Privacy,
    *,
    drop: Collection[str] = (),
    before: timedelta | None = None,
    now: datetime | None = None,
) -> AnonymizeSummary:
    """Return what `anonymize` would rewrite of the store as it is now.

    Every file of the days is read, since what is anonymous already stays; nothing is locked or
    changed. Raises InputError for a damaged file.
    """
    store = Store.open(path)
    files = _find_to_anonymize(store, before, now)
    return _sum_anonymized(
        [f for f in files if _anonymize_file(store.folder, f, privacy, drop) is not None]
    )


def _find_to_anonymize(
    store: Store, before: timedelta | None, now: datetime | None
) -> list[DataFile]:
    limit = None if before is None else age_limit(before, now)
    return [
        file
        for file in store.manifest.files
        if limit is None or file.last is None or ended_before(file, limit)
    ]


def _anonymize_file(
    folder: Folder, file: DataFile, privacy: Privacy, drop: Collection[str]
) -> pl.DataFrame | None:
    """Return the rows of a file as they are to become; None where they are so already."""
    rows = read_verified(folder, file)
    emptied = ["line"] if file.kind == "rejects" else drop
    after = privacy.apply(rows).with_columns(
        pl.lit(None, rows.schema[name]).alias(name) for name in emptied
    )
    return None if after.equals(rows) else after


def _sum_anonymized(changed: Collection[DataFile]) -> AnonymizeSummary:
    return AnonymizeSummary(
        files=len(changed),
        records=sum(file.rows for file in changed if file.kind == "records"),
        rejects=sum(file.rows for file in changed if file.kind == "rejects"),
    )


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file of the store that differs from its entry in the manifest, which has these rows."""

    name: str
    """The path relative to the store."""
    problem: str
    """The end of a sentence that begins with the name."""
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySummary:
    """The result of `verify`."""

    files: int
    rows: int
    """The rows of intact files, rejects included."""
    damaged: tuple[DamagedFile, ...]
    strangers: tuple[str, ...]
    """Parquet files that are no part of the store, but that other programs would read as one."""


def verify(
    path: FolderLike, progress: Callable[[DataFile], None] = lambda _: None
) -> VerifySummary:
    """Read every file of a store and compare bytes and rows with its manifest.

    This needs no lock; `progress` is called with each file before it is read. Raises InputError
    if there is no store, or if its manifest can't be read.
    """
    store = Store.open(path)
    damaged: dict[DataFile, DamagedFile] = {}
    for file in store.manifest.files:
        progress(file)
        if problem := find_damage(store.folder, file):
            damaged[file] = DamagedFile(file.name, problem, file.rows)
    # A file that a writer has removed meanwhile is not damaged.
    now = Store.open(path)
    named = {file.name for file in (*store.manifest.files, *now.manifest.files)}
    strangers = sorted(
        name
        for name in list_store_files(store.folder)
        if name.endswith(".parquet")
        and name not in named
        and not name.startswith(f"{layout.MANIFEST_FOLDER}/")
    )
    return VerifySummary(
        files=len(store.manifest.files),
        rows=sum(file.rows for file in store.manifest.files if file not in damaged),
        damaged=tuple(damaged[file] for file in now.manifest.files if file in damaged),
        strangers=tuple(strangers),
    )

"""Reading a store: one committed state of it, without a lock.

A Store never changes; what is committed later is in the next one that is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import polars as pl

from apilog.errors import InputError
from apilog.schema import error_source, is_within
from apilog.storage import Folder, FolderLike, folder_at, unreadable_error
from apilog.store import layout
from apilog.store.data_files import DataFile, format_instant, scan_files
from apilog.store.manifest import RESTORE_HINT, StoreManifest
from apilog.time import ALL_TIME, TimeWindow

_ATTEMPTS = 20
"""How often a manifest may be removed between listing and reading it."""


@dataclass(frozen=True, slots=True)
class Store:
    """One committed state of the store in a folder, or at a URL."""

    folder: Folder
    manifest: StoreManifest

    @staticmethod
    def is_store(path: FolderLike) -> bool:
        """Whether a folder is a store, or was one; it may still be unreadable."""
        folder = folder_at(path)
        try:
            return bool(generations(folder)) or _has_days(folder)
        except OSError:
            return False

    @classmethod
    def open(cls, path: FolderLike) -> Self:
        """Open the newest state of the store in a folder.

        Raises InputError if there is none, if a newer apilog wrote it, or if its manifest is
        damaged.
        """
        folder = folder_at(path)
        # A writer may remove a manifest between listing and reading it. Then there is a newer one,
        # so that looking again is enough, and readers need no lock.
        for _ in range(_ATTEMPTS):
            try:
                newest = max(generations(folder), default=None)
                if newest is None:
                    break
                return cls(folder, read_manifest(folder, newest))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise unreadable_error(folder, error) from error
        raise no_store_error(folder)

    def record_files(self, window: TimeWindow = ALL_TIME) -> tuple[DataFile, ...]:
        """Return the files that may have records in the window, by name."""
        return tuple(
            file
            for file in self.manifest.files
            if file.kind == "records"
            and (
                window.overlaps(file.first, file.last)
                if file.first and file.last
                else not window.is_limited
            )
        )

    def scan_records(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        files: tuple[DataFile, ...] | None = None,
        *,
        as_stored: bool = False,
    ) -> pl.LazyFrame:
        """Scan the records in the window, or those in `files`, in the types of the schema.

        Stores of earlier versions lack `error_source`, which other columns tell, unless records are
        wanted as they are stored.

        Polars pushes projections and predicates down: only the files, columns and row groups that
        a query needs are read. A file that `compact` or `prune` removes meanwhile makes the query
        fail; opened anew, the store gives the same records.
        """
        window = TimeWindow(since=since, until=until)
        paths = self.file_paths(self.record_files(window) if files is None else files)
        frame = scan_files(paths, "records", self.folder.scan_options)
        if window.is_limited:
            frame = frame.filter(is_within(window))
        if as_stored:
            return frame
        derived = error_source(tells_upstream=False)
        return frame.with_columns(pl.coalesce("error_source", derived).alias("error_source"))

    def reject_files(self) -> tuple[DataFile, ...]:
        """Return the files of rejects, by name."""
        return tuple(file for file in self.manifest.files if file.kind == "rejects")

    def scan_rejects(self) -> pl.LazyFrame:
        """Scan the rejects, with the columns of REJECT_COLUMNS."""
        paths = self.file_paths(self.reject_files())
        return scan_files(paths, "rejects", self.folder.scan_options)

    def collect_facts(self) -> dict[str, str | int | None]:
        """Describe what the store holds; times in ISO 8601, sizes in bytes."""
        records, manifest = self.record_files(), self.manifest
        firsts = [file.first for file in records if file.first]
        lasts = [file.last for file in records if file.last]
        return {
            "store": str(self.folder),
            "version": manifest.version,
            "generation": manifest.generation,
            "written": format_instant(manifest.created),
            "first": format_instant(min(firsts)) if firsts else None,
            "last": format_instant(max(lasts)) if lasts else None,
            "days": len({file.name.rpartition("/")[0] for file in records}),
            "records": sum(file.rows for file in records),
            "rejects": sum(file.rows for file in self.reject_files()),
            "inputs": len(manifest.inputs),
            "files": len(manifest.files),
            "size": sum(file.size for file in manifest.files),
        }

    def file_paths(self, files: tuple[DataFile, ...]) -> list[Path | str]:
        """Return the paths or URLs of files."""
        return [self.folder.path(file.name) for file in files]


def generations(folder: Folder) -> list[int]:
    """Return the generations that a store keeps; none if it is no store."""
    try:
        names = folder.list_entries(layout.MANIFEST_FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [g for name in names if (g := layout.generation_of(name)) is not None]


def read_manifest(folder: Folder, generation: int) -> StoreManifest:
    """Read a manifest; InputError if it is damaged or newer, OSError if it is gone."""
    name = layout.manifest_name(generation)
    path = folder.path(name)
    manifest = StoreManifest.from_json(folder.read_file(name), str(path))
    if manifest.generation != generation:
        raise InputError(f"{path} is of another generation: {manifest.generation}", RESTORE_HINT)
    return manifest


def no_store_error(folder: Folder) -> InputError:
    """Return the error for a folder that is no store."""
    try:
        if not folder.exists():
            return InputError(f"there is no folder {folder}", "check the path of the store")
    except OSError as error:
        return unreadable_error(folder, error)
    if _has_days(folder):
        return InputError(
            f"the store {folder} has lost its manifest: there is none in "
            f"{folder.path(layout.MANIFEST_FOLDER)}",
            "restore that folder from a backup; what is in records/ can be read by other programs",
        )
    return InputError(
        f"{folder} is no store of apilog", "`apilog ingest` makes one; check the path"
    )


def _has_days(folder: Folder) -> bool:
    """Whether there are days of records, which no store has before its first manifest."""
    try:
        return any(
            layout.is_day_folder(name) for name in folder.list_entries(layout.RECORDS_FOLDER)
        )
    except OSError:
        return False

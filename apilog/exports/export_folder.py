"""The folder of an export, on a disk or in object storage: every change that export makes there.

On a disk a period's folder is made beside its place under a hidden name, and renamed when it is
whole. Object storage can't rename folders: there the period's manifest says that it is incomplete,
and which files are export's own, so that a killed run leaves nothing that is not known.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from apilog.errors import InputError, UsageError
from apilog.exports.manifest import (
    OPEN_SUFFIX,
    PERIOD_FILE,
    PERIOD_FOLDER_PATTERN,
    NewerManifest,
    PeriodManifest,
)
from apilog.storage import Folder, folder_at, hint_of, is_url, local_folder
from apilog.storage.folder import explain_write_errors, unfinished_name
from apilog.storage.local_folder import FileLock

EXPORT_LOCK = ".export.lock"


class ExportFolder(Protocol):
    """Folders of files. Names are relative to the place, with slashes.

    `str` of it is what users call it. What fails raises OutputError, or InputError for reading.
    """

    def hold_lock(self) -> AbstractContextManager[None]:
        """Hold the lock, and put right what a killed run left.

        Raises InputError if another run holds it.
        """

    def read_file(self, name: str) -> bytes | None:
        """A file; None if it isn't there."""

    def write_file(self, name: str, data: bytes) -> None:
        """Make or replace a file, which readers see whole."""

    def list_folders(self) -> Sequence[str]:
        """The names of everything that is called like a period's folder."""

    def file_sizes(self, folder: str) -> Mapping[str, int]:
        """What lies in a folder, with bytes; empty where there is no folder."""

    def replace_folder(
        self, folder: str, files: Mapping[str, bytes], before: Sequence[str]
    ) -> None:
        """Make a folder of these files in place of those before, one of which may be it.

        The mark is one of the files. Readers see the folders of a period whole or not at all; where
        folders can't be renamed, a mark that says so means whole. Files in them that are not
        export's own go on in the new one.
        """

    def remove_folder(self, folder: str) -> None:
        """Remove a folder of which every file is export's own."""


_HIDDEN = re.compile(rf"\.({PERIOD_FOLDER_PATTERN})\.[0-9a-f]{{8}}\.(new|old|gone)")
"""Not whole yet; to be put back or dissolved; to be removed."""


class DiskExportFolder:
    """See `place.Place`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    @contextmanager
    def hold_lock(self) -> Iterator[None]:
        """Hold the folder's lock, made if it is missing, and put right what a killed run left.

        Raises InputError if another process holds it, OutputError if it can't be written.
        """
        local_folder.make_folder(self.path)
        lock = FileLock(self.path / EXPORT_LOCK)
        try:
            self._recover()
            yield
        finally:
            lock.release()

    def read_file(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"can't read {self.path / name}: {reason}") from error

    def write_file(self, name: str, data: bytes) -> None:
        """See `Place`."""
        beside, target = self.path / unfinished_name(name), self.path / name
        local_folder.write_synced(beside, data)
        local_folder.rename_path(beside, target)
        local_folder.sync_folder(target.parent)

    def list_folders(self) -> list[str]:
        """See `Place`."""
        return sorted(name for name in self._names() if re.fullmatch(PERIOD_FOLDER_PATTERN, name))

    def file_sizes(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        path = self.path / folder
        # What a link leads to is not export's own.
        if path.is_symlink() or not path.is_dir():
            return {}
        return {e.name: e.stat(follow_symlinks=False).st_size for e in os.scandir(path)}

    def replace_folder(
        self, folder: str, files: Mapping[str, bytes], before: Sequence[str]
    ) -> None:
        """See `Place`."""
        run = secrets.token_hex(4)
        beside = self.path / f".{folder}.{run}.new"
        with ExitStack() as undo:
            undo.callback(self._recover)
            local_folder.make_folder(beside)
            for name, data in files.items():
                local_folder.write_synced(beside / name, data)
            local_folder.sync_folder(beside)
            retired = [self._retire(name, run) for name in before]
            local_folder.rename_path(beside, self.path / folder)
            undo.pop_all()
        local_folder.sync_folder(self.path)
        for path in retired:
            self._dissolve(path, self.path / folder)

    def remove_folder(self, folder: str) -> None:
        """See `Place`."""
        gone = self.path / f".{folder}.{secrets.token_hex(4)}.gone"
        local_folder.rename_path(self.path / folder, gone)
        self._delete(gone)

    def _names(self) -> list[str]:
        with explain_write_errors(self.path):
            return os.listdir(self.path)

    def _retire(self, folder: str, run: str) -> Path:
        hidden = self.path / f".{folder}.{run}.old"
        local_folder.rename_path(self.path / folder, hidden)
        return hidden

    def _recover(self) -> None:
        """Finish or undo what was begun: a period that was there is there again."""
        hidden = [match for name in sorted(self._names()) if (match := _HIDDEN.fullmatch(name))]
        for match in hidden:
            path, folder = self.path / match[0], match[1]
            if match[2] != "old":
                self._delete(path)
                continue
            period = folder.removesuffix(OPEN_SUFFIX)
            place = next(
                (p for p in (period, period + OPEN_SUFFIX) if (self.path / p).exists()), None
            )
            if place is None:
                local_folder.rename_path(path, self.path / folder)
            else:
                self._dissolve(path, self.path / place)

    def _dissolve(self, old: Path, new: Path) -> None:
        """Remove a folder that was replaced; files that are not export's go on in the new one."""
        kept = set(os.listdir(old)) - _own_file_names(old)
        for name in sorted(kept):
            if (new / name).exists():
                return  # neither is ours to overwrite
            local_folder.rename_path(old / name, new / name)
        gone = old.with_suffix(".gone")
        local_folder.rename_path(old, gone)
        self._delete(gone)

    def _delete(self, folder: Path) -> None:
        with explain_write_errors(folder):
            names = os.listdir(folder)
        for name in names:
            local_folder.unlink_file(folder / name)
        local_folder.remove_empty_folder(folder)


def _own_file_names(folder: Path) -> set[str]:
    """What the folder's mark names, and the mark."""
    try:
        return {*PeriodManifest.from_json((folder / PERIOD_FILE).read_bytes()).files, PERIOD_FILE}
    except (OSError, ValueError, NewerManifest):
        return {PERIOD_FILE}


class ObjectExportFolder:
    """See `place.Place`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder.location)

    @contextmanager
    def hold_lock(self) -> Iterator[None]:
        """See `Place`; where there are no locks, nothing is held."""
        lock = self._folder.acquire_lock(EXPORT_LOCK)
        try:
            yield
        finally:
            lock.release()

    def read_file(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            return self._folder.read_file(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(name, error) from error

    def write_file(self, name: str, data: bytes) -> None:
        """See `Place`."""
        self._folder.put_file(name, data)

    def list_folders(self) -> list[str]:
        """See `Place`."""
        try:
            names = self._folder.list_entries()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable("", error) from error
        return sorted(name for name in names if re.fullmatch(PERIOD_FOLDER_PATTERN, name))

    def file_sizes(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        try:
            found = self._folder.list_file_infos(folder)
        except OSError as error:
            raise self._unreadable(folder, error) from error
        return {name.removeprefix(f"{folder}/"): info.size for name, info in found.items()}

    def replace_folder(
        self, folder: str, files: Mapping[str, bytes], before: Sequence[str]
    ) -> None:
        """See `Place`."""
        names = set(files) - {PERIOD_FILE}
        marks = {name: self._mark(name) for name in before}
        old = set(marks[folder].files) - names if folder in marks else set()
        self._begin(folder, PeriodManifest.from_json(files[PERIOD_FILE]), names | old)
        for other, mark in marks.items():
            if other != folder:
                self._begin(other, mark, set(mark.files))
        for name in names:
            self._folder.put_file(f"{folder}/{name}", files[name])
        self._folder.put_file(f"{folder}/{PERIOD_FILE}", files[PERIOD_FILE])
        self._folder.remove_files(f"{folder}/{name}" for name in old)
        for other in set(before) - {folder}:
            self._move_others(other, folder, set(marks[other].files))
            self._delete(other, marks[other])

    def remove_folder(self, folder: str) -> None:
        """See `Place`."""
        mark = self._mark(folder)
        self._begin(folder, mark, set(mark.files))
        self._delete(folder, mark)

    def _mark(self, folder: str) -> PeriodManifest:
        return PeriodManifest.from_json(self.read_file(f"{folder}/{PERIOD_FILE}") or b"")

    def _begin(self, folder: str, mark: PeriodManifest, names: set[str]) -> None:
        """Say that a folder is not complete, and that files of these names are export's own."""
        nothing = dict.fromkeys(sorted(names), (0, ""))
        begun = replace(mark, files=nothing, requests=0, made_of=None, is_complete=False)
        self._folder.put_file(f"{folder}/{PERIOD_FILE}", begun.to_json())

    def _move_others(self, folder: str, target: str, own: set[str]) -> None:
        """Files that are not export's go on in the new folder."""
        for name in sorted(set(self.file_sizes(folder)) - own - {PERIOD_FILE}):
            self._folder.put_file(f"{target}/{name}", self._folder.read_file(f"{folder}/{name}"))
            self._folder.remove_files([f"{folder}/{name}"])

    def _delete(self, folder: str, mark: PeriodManifest) -> None:
        """Remove a folder, its mark last."""
        self._folder.remove_files(f"{folder}/{name}" for name in mark.files)
        self._folder.remove_files([f"{folder}/{PERIOD_FILE}"])

    def _unreadable(self, name: str, error: OSError) -> InputError:
        return InputError(f"can't read {self}/{name}: {error.strerror or error}", hint_of(error))


def place_at(to: str | os.PathLike[str]) -> ExportFolder:
    """The place at a path or URL, which need not be there; UsageError for an empty one."""
    if not os.fspath(to):
        raise UsageError("--to is empty", "name the folder of the export")
    return ObjectExportFolder(folder_at(to)) if is_url(os.fspath(to)) else DiskExportFolder(to)


def lies_within(to: str | os.PathLike[str], source: str | os.PathLike[str]) -> bool:
    """Whether a place lies in a folder or below a prefix, or is it."""
    inner, outer = os.fspath(to), os.fspath(source)
    if is_url(inner) or is_url(outer):
        return f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")
    folder = Path(os.path.realpath(outer))
    return folder.is_dir() and Path(os.path.realpath(inner)).is_relative_to(folder)

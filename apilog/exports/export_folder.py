"""The folder of an export: its manifests, and every change that export makes to it.

Only what a manifest names is export's own; nothing else is changed or removed. A killed run leaves
nothing that the next one doesn't recognise and put right.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from apilog.aggregate.table_specs import OBJECTIVES
from apilog.errors import OutputError, UsageError
from apilog.exports.known_periods import FolderListing
from apilog.exports.manifest import (
    EXPORT_VERSION,
    INDEX_FILE,
    INDEX_MARK,
    OPEN_SUFFIX,
    PERIOD_FILE,
    PERIOD_FOLDER_PATTERN,
    SETTINGS_FILE,
    ExportSetting,
    NewerManifest,
    PeriodManifest,
    SettingsManifest,
    period_folder_name,
)
from apilog.storage import Folder, LocalFolder, folder_at, is_url, unreadable_error
from apilog.storage.folder import unfinished_name
from apilog.time import Period

EXPORT_LOCK = ".export.lock"

_READERS = 16
"""How many manifests are read at the same time from object storage."""
_HIDDEN = re.compile(rf"\.({PERIOD_FOLDER_PATTERN})\.[0-9a-f]{{8}}\.(new|old|gone)")
"""Folders that are not whole yet, that were replaced, and that are being removed."""


@dataclass(frozen=True, slots=True)
class PeriodChange:
    """A folder of a period that is to be made."""

    manifest: PeriodManifest
    files: Mapping[str, bytes]
    replaced: Sequence[PeriodManifest]
    """The period's folders that are there."""


class ExportFolder:
    """The folder of an export in any storage: files of a period are replaced one by one.

    While that is done the period's manifest says that it is incomplete, and names the files of
    before and after, so that all of them are known to be export's own.

    Errors are OutputError, or InputError while reading.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._index: bytes | None = None
        self._listed: FolderListing | None = None
        self._touched: set[str] = set()
        """The folders that were changed after they were listed."""

    def __str__(self) -> str:
        return str(self._folder.location)

    @contextmanager
    def hold_lock(self) -> Iterator[None]:
        """Hold the lock, if the storage has locks, and put right what a killed run left.

        Raises InputError if another run holds it.
        """
        lock = self._folder.acquire_lock(EXPORT_LOCK)
        try:
            self._recover()
            yield
        finally:
            lock.release()

    def check_settings(self, settings: Mapping[str, ExportSetting]) -> None:
        """Raise UsageError if the folder was exported with other options."""
        if (data := self._read(SETTINGS_FILE)) is None:
            return
        try:
            manifest = SettingsManifest.from_json(data)
        except NewerManifest as error:
            raise self._newer_error(SETTINGS_FILE, error) from error
        except ValueError as error:
            raise OutputError(
                f"{self}/{SETTINGS_FILE} is not what export writes there",
                "restore it, or move it away: then the next run writes it anew",
            ) from error
        for name in {**settings, **manifest.settings}:
            before, value = manifest.settings.get(name), settings.get(name)
            # An option that one of them doesn't have was not given.
            if before != value and (before or value):
                raise UsageError(
                    f"{self} was exported with {_format_option(name, before)}, "
                    f"not with {_format_option(name, value)}",
                    "name another folder, or pass --force to go on in this one",
                )

    def write_settings(self, manifest: SettingsManifest) -> None:
        """Write how the export is made, unless the folder says so already."""
        data = manifest.to_json()
        if self._read(SETTINGS_FILE) != data:
            self._folder.put_file(SETTINGS_FILE, data)

    def check_index(self) -> None:
        """Raise OutputError if there is a file in the place of the index that is not export's."""
        data = self._index = self._read(INDEX_FILE)
        if data is not None and INDEX_MARK not in data[:1000]:
            raise OutputError(
                f"{self}/{INDEX_FILE} is there, and was not made by export",
                "move it away, or name another folder",
            )

    def write_index(self, data: bytes) -> None:
        """Write the index, unless it says so already."""
        if self._index != data:
            self._folder.put_file(INDEX_FILE, data)

    def read_period(self, period: Period) -> list[PeriodManifest]:
        """Read the manifests of the period's folders: that of the open one, of the closed one.

        Raises OutputError if a folder of that name is not export's.
        """
        manifests = []
        for is_open in (False, True):
            name = period_folder_name(period, is_open=is_open)
            if name not in self._period_folders:
                continue
            if (manifest := self._read_manifest(name)) is None:
                raise OutputError(
                    f"{self}/{name} is there, and was not made by export",
                    "move it away, or name another folder",
                )
            manifests.append(manifest)
        return manifests

    def read_all_periods(self) -> list[PeriodManifest]:
        """Read the manifests of all folders that are there now and export's."""
        if self._touched:
            self._listed = None
        names = sorted(self._list_period_folders())
        if self._asks_a_server:
            # Reading an object is waiting for the most part: some wait at the same time.
            with ThreadPoolExecutor(_READERS, "apilog-periods") as pool:
                read = [*pool.map(self._read_manifest, names)]
        else:
            read = [*map(self._read_manifest, names)]
        return [manifest for manifest in read if manifest]

    def remember_periods(self) -> None:
        """Keep what all manifests say in one file, where reading each of them takes long."""
        if not self._asks_a_server:
            return
        manifests = self.read_all_periods()
        if listing := self._listing:
            listing.remember(self._folder, manifests)

    def is_intact(self, manifest: PeriodManifest) -> bool:
        """Whether the files of a period are there, and as long as they were written."""
        sizes = self._file_sizes(manifest.folder)
        return all(sizes.get(name) == size for name, (size, _) in manifest.files.items())

    def has_foreign_files(self, manifest: PeriodManifest) -> bool:
        """Whether the folder of a period holds something that export did not make."""
        return not _own_names(manifest).issuperset(self._list_entries(manifest.folder))

    def write_period(self, manifest: PeriodManifest) -> None:
        """Write the manifest of a folder whose files are there."""
        self._touched.add(manifest.folder)
        self._folder.put_file(f"{manifest.folder}/{PERIOD_FILE}", manifest.to_json())

    def replace_periods(self, changes: Sequence[PeriodChange]) -> None:
        """Make folders of periods in place of those that are there.

        Readers see either the old folder or the new one, whole, and never both. Files in the old
        one that are not export's own go on in the new one.
        """
        for change in changes:
            self._replace_period(change.manifest, change.files, change.replaced)

    def _replace_period(
        self,
        manifest: PeriodManifest,
        files: Mapping[str, bytes],
        replaced: Sequence[PeriodManifest],
    ) -> None:
        folder = manifest.folder
        obsolete = {n for old in replaced if old.folder == folder for n in old.files} - {*files}
        others = [old for old in replaced if old.folder != folder]
        self._write_incomplete(manifest, {*files, *obsolete})
        for other in others:
            self._write_incomplete(other, other.files)
        for name, data in files.items():
            self._folder.put_file(f"{folder}/{name}", data)
        self.write_period(manifest)
        self._folder.remove_files(f"{folder}/{name}" for name in obsolete)
        for other in others:
            for name in sorted(self._file_sizes(other.folder).keys() - _own_names(other)):
                moved = self._folder.read_file(f"{other.folder}/{name}")
                self._folder.put_file(f"{folder}/{name}", moved)
                self._folder.remove_files([f"{other.folder}/{name}"])
            self._remove_own_files(other)

    def remove_period(self, manifest: PeriodManifest) -> None:
        """Remove a folder in which every file is export's own."""
        self._write_incomplete(manifest, manifest.files)
        self._remove_own_files(manifest)

    def _recover(self) -> None:
        """Do nothing: a period that is incomplete is written by the next run that reads it."""

    @cached_property
    def _period_folders(self) -> frozenset[str]:
        return self._list_period_folders()

    def _list_period_folders(self) -> frozenset[str]:
        names = listing.names if (listing := self._listing) else self._list_entries()
        return frozenset(name for name in names if re.fullmatch(PERIOD_FOLDER_PATTERN, name))

    @property
    def _asks_a_server(self) -> bool:
        """Whether each reading takes a request, so that what can be asked for at once is."""
        return True

    @property
    def _listing(self) -> FolderListing | None:
        """What the folder held when it was listed, but for what was touched since then."""
        if self._listed is None and self._asks_a_server:
            try:
                self._listed = FolderListing(self._folder)
            except OSError as error:
                raise unreadable_error(self, error) from error
            self._touched.clear()
        return self._listed if self._listed and self._listed.is_whole else None

    def _list_entries(self, below: str = "") -> list[str]:
        try:
            return self._folder.list_entries(below)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable_error(self._folder.path(below), error) from error

    def _file_sizes(self, folder: str) -> Mapping[str, int]:
        """Return the files in a folder with their bytes; empty where there is no folder."""
        if folder not in self._touched and (listing := self._listing):
            return listing.sizes_in(folder)
        try:
            infos = self._folder.list_file_infos(folder)
        except OSError as error:
            raise unreadable_error(self._folder.path(folder), error) from error
        return {name.removeprefix(f"{folder}/"): info.size for name, info in infos.items()}

    def _read(self, name: str) -> bytes | None:
        try:
            return self._folder.read_file(name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unreadable_error(self._folder.path(name), error) from error

    def _read_manifest(self, folder: str) -> PeriodManifest | None:
        manifest = self._read_any_manifest(folder)
        return manifest if manifest and manifest.folder == folder else None

    def _read_any_manifest(self, folder: str) -> PeriodManifest | None:
        """Read the manifest in a folder, which may be meant for a folder of another name."""
        if folder not in self._touched and (listing := self._listing):
            known = listing.find_manifest(folder)
            if known is not None:
                return known
        name = f"{folder}/{PERIOD_FILE}"
        data = self._read(name) if PERIOD_FILE in self._file_sizes(folder) else None
        try:
            return PeriodManifest.from_json(data or b"")
        except NewerManifest as error:
            raise self._newer_error(name, error) from error
        except ValueError:
            return None

    def _newer_error(self, name: str, error: NewerManifest) -> OutputError:
        return OutputError(
            f"{self}/{name} has version {error}, this apilog writes up to {EXPORT_VERSION}",
            "upgrade apilog",
        )

    def _write_incomplete(self, manifest: PeriodManifest, names: Iterable[str]) -> None:
        files = dict.fromkeys(sorted(names), (0, ""))
        self.write_period(
            replace(manifest, files=files, requests=0, made_of=None, is_complete=False)
        )

    def _remove_own_files(self, manifest: PeriodManifest) -> None:
        self._folder.remove_files(f"{manifest.folder}/{name}" for name in manifest.files)
        # The manifest goes last: it is what says that the files before it are export's.
        self._folder.remove_files([f"{manifest.folder}/{PERIOD_FILE}"])


class DiskExportFolder(ExportFolder):
    """The folder of an export on a disk, where a period's folder is replaced by renaming.

    The new folder is made beside its place under a hidden name, and renamed when it is whole.
    """

    def __init__(self, folder: LocalFolder) -> None:
        super().__init__(folder)
        self._disk = folder

    def replace_periods(self, changes: Sequence[PeriodChange]) -> None:
        # The disk is waited for once for all periods that are new.
        new = {
            _hidden_name(change.manifest.folder, "new"): change
            for change in changes
            if not change.replaced
        }
        with ExitStack() as undo:
            undo.callback(self._recover)
            self._disk.write_folders({name: _contents_of(change) for name, change in new.items()})
            self._disk.move_entries({name: c.manifest.folder for name, c in new.items()})
            undo.pop_all()
        for change in changes:
            if change.replaced:
                self._replace_period_folder(change)

    def _replace_period_folder(self, change: PeriodChange) -> None:
        folder = change.manifest.folder
        new, old = _hidden_name(folder, "new"), _hidden_name(folder, "old")
        with ExitStack() as undo:
            undo.callback(self._recover)
            self._disk.write_folders({new: _contents_of(change)})
            # From here on a killed run may leave either content under the hidden name. What
            # becomes of it is decided by whether there is a folder of the period.
            self._disk.move_entries({new: old})
            retired = self._swap(old, folder, [found.folder for found in change.replaced])
            undo.pop_all()
        for name in retired:
            self._dissolve(name, folder)

    def _swap(self, hidden: str, folder: str, present: Sequence[str]) -> list[str]:
        """Put a hidden folder in the place of those that are there; return their hidden names.

        A period has another name while it is open: then the folder changes its name, too.
        """
        place = folder if folder in present else present[0]
        others = {name: _hidden_name(name, "old") for name in present if name != place}
        if place != folder and folder.endswith(OPEN_SUFFIX):
            self._disk.move_entries({place: folder})
            place = folder
        if self._disk.exchange_entries(hidden, place):
            self._disk.move_entries(others)
            if place != folder:
                self._disk.move_entries({place: folder})
            return [hidden, *others.values()]
        # Between the renames there is no folder of the period. That is why readers that meet
        # a run must look again, and why a killed run leaves an `.old` to be put back.
        others[place] = _hidden_name(place, "old")
        self._disk.move_entries({**others, hidden: folder})
        return [*others.values()]

    def remove_period(self, manifest: PeriodManifest) -> None:
        gone = _hidden_name(manifest.folder, "gone")
        self._disk.move_entries({manifest.folder: gone})
        self._disk.remove_folder(gone)

    @property
    def _asks_a_server(self) -> bool:
        return False

    def _recover(self) -> None:
        """Finish or undo what was begun: a period that was there is there again."""
        for name in self._list_entries():
            if not (re.fullmatch(PERIOD_FOLDER_PATTERN, name) and name.endswith(OPEN_SUFFIX)):
                continue
            with suppress(OutputError):  # of a newer version
                manifest = self._read_any_manifest(name)
                closed = name.removesuffix(OPEN_SUFFIX)
                if manifest and manifest.folder == closed and not self._disk.path(closed).exists():
                    self._disk.move_entries({name: closed})
        for hidden in filter(None, map(_HIDDEN.fullmatch, sorted(self._list_entries()))):
            name, folder, state = hidden[0], hidden[1], hidden[2]
            if state != "old":
                self._disk.remove_folder(name)
                continue
            period = folder.removesuffix(OPEN_SUFFIX)
            successors = [n for n in (period, period + OPEN_SUFFIX) if self._disk.path(n).exists()]
            if successors:
                self._dissolve(name, successors[0])
            else:
                self._disk.move_entries({name: folder})

    def _dissolve(self, old: str, new: str) -> None:
        """Remove a folder that was replaced; files that are not export's move to the new one."""
        try:
            manifest = PeriodManifest.from_json(self._read(f"{old}/{PERIOD_FILE}") or b"")
            own = _own_names(manifest)
        except (ValueError, NewerManifest):
            own = {PERIOD_FILE}
        foreign = sorted({*self._list_entries(old)} - own)
        moves = {
            f"{old}/{name}": f"{new}/{name}"
            for name in foreign
            if not self._disk.path(f"{new}/{name}").exists()
        }
        self._disk.move_entries(moves)
        if len(moves) < len(foreign):
            return  # neither of two files of one name is ours to overwrite
        gone = f"{old.removesuffix('.old')}.gone"
        self._disk.move_entries({old: gone})
        self._disk.remove_folder(gone)

    def _file_sizes(self, folder: str) -> Mapping[str, int]:
        # The target of a link is not export's own.
        return {} if self._disk.is_link(folder) else super()._file_sizes(folder)


def _hidden_name(folder: str, state: str) -> str:
    return f".{folder}.{secrets.token_hex(4)}.{state}"


def _contents_of(change: PeriodChange) -> dict[str, bytes]:
    """Return all files of a period's folder."""
    return {**change.files, PERIOD_FILE: change.manifest.to_json()}


def _own_names(manifest: PeriodManifest) -> set[str]:
    return {*manifest.files, PERIOD_FILE, unfinished_name(PERIOD_FILE)}


def _format_option(name: str, value: ExportSetting) -> str:
    if name == OBJECTIVES:  # which no option gives
        return f"the objectives {value}" if value else "no objectives"
    match value:
        case None | False | []:
            return f"no --{name}"
        case True:
            return f"--{name}"
        case list():
            return " ".join(f"--{name} {item}" for item in value)
        case _:
            return f"--{name} {value}"


def export_folder_at(to: str | os.PathLike[str]) -> ExportFolder:
    """Return the folder at a path or URL, which need not exist; UsageError for an empty one."""
    if not os.fspath(to):
        raise UsageError("--to is empty", "name the folder of the export")
    folder = folder_at(to)
    return DiskExportFolder(folder) if isinstance(folder, LocalFolder) else ExportFolder(folder)


def lies_within(to: str | os.PathLike[str], source: str | os.PathLike[str]) -> bool:
    """Whether a path or URL lies in a folder or below a prefix, or is it."""
    inner, outer = os.fspath(to), os.fspath(source)
    if is_url(inner) or is_url(outer):
        return f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")
    folder = Path(os.path.realpath(outer))
    return folder.is_dir() and Path(os.path.realpath(inner)).is_relative_to(folder)

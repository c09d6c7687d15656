"""A folder on a disk as the place of an export: every change that export makes there.

A period's folder is made beside its place under a hidden name, and renamed when it is whole.
What a killed run left between two renames is put right by the next.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from apilog.errors import InputError
from apilog.export.marks import OPEN, PERIOD, PERIOD_MARK, NewerVersion, PeriodMark
from apilog.export.place import LOCK
from apilog.storage import disk
from apilog.storage.errors import explained
from apilog.storage.lock import FileLock
from apilog.storage.names import unfinished

_HIDDEN = re.compile(rf"\.({PERIOD})\.[0-9a-f]{{8}}\.(new|old|gone)")
"""Not whole yet; to be put back or dissolved; to be removed."""


class DiskPlace:
    """See `place.Place`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder's lock, made if it is missing, and put right what a killed run left.

        Raises InputError if another process holds it, OutputError if it can't be written.
        """
        disk.make_folder(self.path)
        lock = FileLock(self.path / LOCK)
        try:
            self._recover()
            yield
        finally:
            lock.release()

    def read(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"can't read {self.path / name}: {reason}") from error

    def write(self, name: str, data: bytes) -> None:
        """See `Place`."""
        beside, target = self.path / unfinished(name), self.path / name
        disk.write_file(beside, data)
        disk.rename(beside, target)
        disk.sync_folder(target.parent)

    def folders(self) -> list[str]:
        """See `Place`."""
        return sorted(name for name in self._names() if re.fullmatch(PERIOD, name))

    def sizes(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        path = self.path / folder
        # What a link leads to is not export's own.
        if path.is_symlink() or not path.is_dir():
            return {}
        return {e.name: e.stat(follow_symlinks=False).st_size for e in os.scandir(path)}

    def replace(self, folder: str, files: Mapping[str, bytes], before: Sequence[str]) -> None:
        """See `Place`."""
        run = secrets.token_hex(4)
        beside = self.path / f".{folder}.{run}.new"
        with ExitStack() as undo:
            undo.callback(self._recover)
            disk.make_folder(beside)
            for name, data in files.items():
                disk.write_file(beside / name, data)
            disk.sync_folder(beside)
            retired = [self._retire(name, run) for name in before]
            disk.rename(beside, self.path / folder)
            undo.pop_all()
        disk.sync_folder(self.path)
        for path in retired:
            self._dissolve(path, self.path / folder)

    def remove(self, folder: str) -> None:
        """See `Place`."""
        gone = self.path / f".{folder}.{secrets.token_hex(4)}.gone"
        disk.rename(self.path / folder, gone)
        self._delete(gone)

    def _names(self) -> list[str]:
        with explained(self.path):
            return os.listdir(self.path)

    def _retire(self, folder: str, run: str) -> Path:
        hidden = self.path / f".{folder}.{run}.old"
        disk.rename(self.path / folder, hidden)
        return hidden

    def _recover(self) -> None:
        """Finish or undo what was begun: a period that was there is there again."""
        hidden = [match for name in sorted(self._names()) if (match := _HIDDEN.fullmatch(name))]
        for match in hidden:
            path, folder = self.path / match[0], match[1]
            if match[2] != "old":
                self._delete(path)
                continue
            period = folder.removesuffix(OPEN)
            place = next((p for p in (period, period + OPEN) if (self.path / p).exists()), None)
            if place is None:
                disk.rename(path, self.path / folder)
            else:
                self._dissolve(path, self.path / place)

    def _dissolve(self, old: Path, new: Path) -> None:
        """Remove a folder that was replaced; files that are not export's go on in the new one."""
        kept = set(os.listdir(old)) - _own_files(old)
        for name in sorted(kept):
            if (new / name).exists():
                return  # neither is ours to overwrite
            disk.rename(old / name, new / name)
        gone = old.with_suffix(".gone")
        disk.rename(old, gone)
        self._delete(gone)

    def _delete(self, folder: Path) -> None:
        with explained(folder):
            names = os.listdir(folder)
        for name in names:
            disk.remove(folder / name)
        disk.remove_empty(folder)


def _own_files(folder: Path) -> set[str]:
    """What the folder's mark names, and the mark."""
    try:
        return {*PeriodMark.from_json((folder / PERIOD_MARK).read_bytes()).files, PERIOD_MARK}
    except (OSError, ValueError, NewerVersion):
        return {PERIOD_MARK}

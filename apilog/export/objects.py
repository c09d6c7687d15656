"""Object storage, which can't rename folders, as the place of an export.

While a period is being written its mark says that it is not complete, and of which files it
consists then and now: so that a run that is killed leaves nothing that is not known to be its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from apilog.errors import InputError
from apilog.export.marks import PERIOD, PERIOD_MARK, PeriodMark
from apilog.export.place import LOCK
from apilog.storage import Folder, hint_of


class ObjectPlace:
    """See `place.Place`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder.location)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """See `Place`; where there are no locks, nothing is held."""
        lock = self._folder.lock(LOCK)
        try:
            yield
        finally:
            lock.release()

    def read(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            return self._folder.read(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(name, error) from error

    def write(self, name: str, data: bytes) -> None:
        """See `Place`."""
        self._folder.put(name, data)

    def folders(self) -> list[str]:
        """See `Place`."""
        try:
            names = self._folder.entries()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable("", error) from error
        return sorted(name for name in names if re.fullmatch(PERIOD, name))

    def sizes(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        try:
            found = self._folder.infos(folder)
        except OSError as error:
            raise self._unreadable(folder, error) from error
        return {name.removeprefix(f"{folder}/"): info.size for name, info in found.items()}

    def replace(self, folder: str, files: Mapping[str, bytes], before: Sequence[str]) -> None:
        """See `Place`."""
        names = set(files) - {PERIOD_MARK}
        marks = {name: self._mark(name) for name in before}
        old = set(marks[folder].files) - names if folder in marks else set()
        self._begin(folder, PeriodMark.from_json(files[PERIOD_MARK]), names | old)
        for other, mark in marks.items():
            if other != folder:
                self._begin(other, mark, set(mark.files))
        for name in names:
            self._folder.put(f"{folder}/{name}", files[name])
        self._folder.put(f"{folder}/{PERIOD_MARK}", files[PERIOD_MARK])
        self._folder.remove(f"{folder}/{name}" for name in old)
        for other in set(before) - {folder}:
            self._move_others(other, folder, set(marks[other].files))
            self._delete(other, marks[other])

    def remove(self, folder: str) -> None:
        """See `Place`."""
        mark = self._mark(folder)
        self._begin(folder, mark, set(mark.files))
        self._delete(folder, mark)

    def _mark(self, folder: str) -> PeriodMark:
        return PeriodMark.from_json(self.read(f"{folder}/{PERIOD_MARK}") or b"")

    def _begin(self, folder: str, mark: PeriodMark, names: set[str]) -> None:
        """Say that a folder is not complete, and that files of these names are export's own."""
        nothing = dict.fromkeys(sorted(names), (0, ""))
        begun = replace(mark, files=nothing, requests=0, made_of=None, is_complete=False)
        self._folder.put(f"{folder}/{PERIOD_MARK}", begun.to_json())

    def _move_others(self, folder: str, target: str, own: set[str]) -> None:
        """Files that are not export's go on in the new folder."""
        for name in sorted(set(self.sizes(folder)) - own - {PERIOD_MARK}):
            self._folder.put(f"{target}/{name}", self._folder.read(f"{folder}/{name}"))
            self._folder.remove([f"{folder}/{name}"])

    def _delete(self, folder: str, mark: PeriodMark) -> None:
        """Remove a folder, its mark last."""
        self._folder.remove(f"{folder}/{name}" for name in mark.files)
        self._folder.remove([f"{folder}/{PERIOD_MARK}"])

    def _unreadable(self, name: str, error: OSError) -> InputError:
        return InputError(f"can't read {self}/{name}: {error.strerror or error}", hint_of(error))

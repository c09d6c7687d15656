"""A folder on a disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from apilog.storage import disk
from apilog.storage.base import FileInfo
from apilog.storage.lock import FileLock
from apilog.storage.names import unfinished


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """See `Folder`."""

    location: Path
    is_guarded: bool = True
    scan_options: dict[str, str] | None = None

    def __str__(self) -> str:
        return str(self.location)

    def exists(self) -> bool:
        return self.location.exists()

    def entries(self, below: str = "") -> list[str]:
        return os.listdir(self.location / below)

    def names(self, below: str = "") -> Iterator[str]:
        for directory, _, files in os.walk(self.location / below):
            for file in files:
                yield (Path(directory) / file).relative_to(self.location).as_posix()

    def infos(self, below: str = "") -> Mapping[str, FileInfo]:
        return {name: _info(self.path(name)) for name in self.names(below)}

    def path(self, name: str) -> Path:
        return self.location / name

    def holds(self, location: str) -> bool:
        folder = os.path.join(os.path.realpath(self.location), "")
        return os.path.realpath(location).startswith(folder)

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def put(self, name: str, data: bytes) -> None:
        self.adding(name, data)()

    def stage(self, name: str, data: bytes) -> None:
        beside = self.path(unfinished(name))
        disk.make_folder(beside.parent)
        disk.write_file(beside, data)

    def publish(self, names: Iterable[str]) -> None:
        folders = set()
        for name in names:
            disk.rename(self.path(unfinished(name)), self.path(name))
            folders.add(self.path(name).parent)
        for folder in folders:
            disk.sync_folder(folder)

    def adding(self, name: str, data: bytes) -> Callable[[], None]:
        self.stage(name, data)
        return lambda: self.publish([name])

    def check_adding(self, name: str, data: bytes) -> None:
        """The lock keeps others from it."""

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            disk.remove(self.path(name))
            if (parent := self.path(name).parent) != self.location:
                disk.remove_empty(parent)

    def lock(self, name: str) -> FileLock:
        disk.make_folder(self.location)
        return FileLock(self.path(name))


def _info(path: Path) -> FileInfo:
    status = path.stat()
    return FileInfo(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

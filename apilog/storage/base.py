"""What a folder can do, wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a listing tells of a file."""

    size: int
    """Bytes."""
    written: datetime
    """By the clock of the storage, UTC."""


class Lock(Protocol):
    """Held from its making to `release`, or to the end of the process."""

    def release(self) -> None:
        """Let others write."""


class Folder(Protocol):
    """A place for files, known by their names relative to it, with slashes.

    To write a file for others to read, call `put`; `entries`, `names` and `infos` list what is
    there, `remove` removes it. Files that only make sense together are staged and then published.

    Reading raises OSError (FileNotFoundError for what isn't there), writing OutputError. Each
    change is lasting when its method returns. Names must not come from what a log holds.
    """

    @property
    def location(self) -> Path | str:
        """The path or URL, as users know it."""

    @property
    def is_guarded(self) -> bool:
        """Whether `lock` keeps other writers out; if not, only `adding` tells who was first."""

    @property
    def scan_options(self) -> dict[str, str] | None:
        """What Polars needs to know to read the files in it; None on a disk."""

    def exists(self) -> bool:
        """Whether it is there; in a bucket, whether anything is in it."""

    def entries(self, below: str = "") -> list[str]:
        """The names of files and folders directly in it or in a folder below."""

    def names(self, below: str = "") -> Iterator[str]:
        """Every file at any depth; links to folders aren't followed. Empty for no folder."""

    def infos(self, below: str = "") -> Mapping[str, FileInfo]:
        """Every file at any depth, and what a listing tells of it."""

    def path(self, name: str) -> Path | str:
        """The path or URL of a file, for other readers."""

    def holds(self, location: str) -> bool:
        """Whether a path or URL leads into it."""

    def read(self, name: str) -> bytes:
        """All of a file."""

    def put(self, name: str, data: bytes) -> None:
        """Make or replace a file: at any moment the old one or the new one is there, whole."""

    def stage(self, name: str, data: bytes) -> None:
        """Write a file where readers don't look, under its `unfinished` name."""

    def publish(self, names: Iterable[str]) -> None:
        """Give staged files their names."""

    def adding(self, name: str, data: bytes) -> Callable[[], None]:
        """All but the last step of making a file; the result is that step.

        It raises FileExistsError, having changed nothing, where an unguarded folder has a file
        of that name. After any other error the file may be there.
        """

    def check_adding(self, name: str, data: bytes) -> None:
        """Raise OutputError if a file could be added again that holds this already."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, if they are there, and the folders that are empty then."""

    def lock(self, name: str) -> Lock:
        """Keep others from writing; InputError if another has the lock."""


Place = str | os.PathLike[str] | Folder
"""A path, a URL, or a folder itself."""

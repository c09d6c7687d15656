"""What every folder can do, wherever it lies: its operations, its file names and its errors.

Reading raises OSError, writing raises OutputError. A file that a reader must not see yet has its
`unfinished_name`, which other programs skip.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from apilog.errors import OutputError

URL_SCHEMES = ("s3", "gs", "az")
"""Of URLs that name objects: Amazon S3 and what is like it, Google Cloud Storage, Azure Blob."""

_URL = re.compile(rf"(?:{'|'.join(URL_SCHEMES)})://", re.IGNORECASE)
_UNFINISHED_NAME = re.compile(r"((?:.*/)?)\.([^/]+)\.tmp")


def is_url(text: str) -> bool:
    """Whether an argument names objects rather than files."""
    return _URL.match(text) is not None


def unfinished_name(name: str) -> str:
    """What a file is called until it counts: Spark and Arrow skip it, globs miss it.

    >>> unfinished_name("records/a.parquet")
    'records/.a.parquet.tmp'
    """
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}.{file}.tmp"


def finished_name(name: str) -> str:
    """The name that `unfinished` was made of; any other name as it is."""
    return _UNFINISHED_NAME.sub(r"\1\2", name)


_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}


class StorageError(OSError):
    """What object storage refuses, or why it can't be reached: `strerror`, and a hint."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(0, reason)
        self.hint = hint

    def __reduce__(self) -> tuple[type[StorageError], tuple[str, str]]:
        return type(self), (str(self.strerror), self.hint)


@contextmanager
def explain_write_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says while writing into an error that a user can act on."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"can't write {os.fspath(path)}: {reason}", _write_error_hint(error)
        ) from error


def hint_of(error: OSError) -> str:
    """What object storage gave as a hint; of other errors nothing."""
    return error.hint if isinstance(error, StorageError) else ""


def _write_error_hint(error: OSError) -> str:
    if isinstance(error, StorageError):
        return error.hint
    if error.errno in _DISK_FULL_ERRNOS:
        return "free some space and run it again: nothing is lost or doubled"
    if error.errno == errno.EROFS:
        return "the file system is mounted read-only"
    return "check who may write there"


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a listing tells of a file."""

    size: int
    """Bytes."""
    written: datetime
    """By the clock of the storage, UTC."""


class FolderLock(Protocol):
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

    def list_entries(self, below: str = "") -> list[str]:
        """The names of files and folders directly in it or in a folder below."""

    def list_files(self, below: str = "") -> Iterator[str]:
        """Every file at any depth; links to folders aren't followed. Empty for no folder."""

    def list_file_infos(self, below: str = "") -> Mapping[str, FileInfo]:
        """Every file at any depth, and what a listing tells of it."""

    def path(self, name: str) -> Path | str:
        """The path or URL of a file, for other readers."""

    def contains_location(self, location: str) -> bool:
        """Whether a path or URL leads into it."""

    def read_file(self, name: str) -> bytes:
        """All of a file."""

    def put_file(self, name: str, data: bytes) -> None:
        """Make or replace a file: at any moment the old one or the new one is there, whole."""

    def stage_file(self, name: str, data: bytes) -> None:
        """Write a file where readers don't look, under its `unfinished` name."""

    def publish_files(self, names: Iterable[str]) -> None:
        """Give staged files their names."""

    def prepare_add(self, name: str, data: bytes) -> Callable[[], None]:
        """All but the last step of making a file; the result is that step.

        It raises FileExistsError, having changed nothing, where an unguarded folder has a file
        of that name. After any other error the file may be there.
        """

    def check_add_refused(self, name: str, data: bytes) -> None:
        """Raise OutputError if a file could be added again that holds this already."""

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove files, if they are there, and the folders that are empty then."""

    def acquire_lock(self, name: str) -> FolderLock:
        """Keep others from writing; InputError if another has the lock."""


FolderLike = str | os.PathLike[str] | Folder
"""A path, a URL, or a folder itself."""

"""What every folder can do, wherever it lies: its operations, its file names and its errors.

Reading raises OSError, writing raises OutputError. A file that readers must not see yet has its
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

from apilog.errors import InputError, OutputError

URL_SCHEMES = ("s3", "gs", "az")
"""URL schemes of Amazon S3 and compatible servers, Google Cloud Storage and Azure Blob Storage."""

_URL = re.compile(rf"(?:{'|'.join(URL_SCHEMES)})://", re.IGNORECASE)
_UNFINISHED_NAME = re.compile(r"((?:.*/)?)\.([^/]+)\.tmp")
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}


def is_url(text: str) -> bool:
    """Whether an argument names objects rather than files."""
    return _URL.match(text) is not None


def unfinished_name(name: str) -> str:
    """Return the name of a file until it counts: Spark and Arrow skip it, globs miss it.

    >>> unfinished_name("records/a.parquet")
    'records/.a.parquet.tmp'
    """
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}.{file}.tmp"


def finished_name(name: str) -> str:
    """Undo `unfinished_name`; any other name stays as it is."""
    return _UNFINISHED_NAME.sub(r"\1\2", name)


class StorageError(OSError):
    """A refusal of object storage, or the reason why it can't be reached, with a hint."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(0, reason)
        self.hint = hint

    # OSError is pickled with its own two arguments, which are not those of this class.
    def __reduce__(self) -> tuple[type[StorageError], tuple[str, str]]:
        return type(self), (str(self.strerror), self.hint)


@contextmanager
def explain_write_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError while writing into an OutputError that a user can act on."""
    try:
        yield
    except OSError as error:
        match error:
            case StorageError():
                hint = error.hint
            case OSError(errno=code) if code in _DISK_FULL_ERRNOS:
                hint = "free some space and run it again: nothing is lost or doubled"
            case NotADirectoryError():
                hint = "a part of the path is a file: name a folder"
            case OSError(errno=errno.EROFS):
                hint = "the file system is mounted read-only"
            case _:
                hint = "check who may write there"
        reason = error.strerror or str(error)
        raise OutputError(f"can't write {os.fspath(path)}: {reason}", hint) from error


def unreadable_error(path: object, error: OSError, action: str = "read") -> InputError:
    """Return the error for something that can't be read, with the hint of object storage."""
    hint = error.hint if isinstance(error, StorageError) else ""
    return InputError(f"can't {action} {path}: {error.strerror or error}", hint)


@dataclass(frozen=True, slots=True)
class FileInfo:
    """The bytes of a file, and when it was written by the clock of the storage, UTC."""

    size: int
    written: datetime
    version: str = ""
    """What changes with the content, as the storage tells it; empty where it tells nothing."""


class FolderLock(Protocol):
    """A lock that is held from its making to `release`, or to the end of the process."""

    def release(self) -> None:
        """Let others write."""


class Folder(Protocol):
    """A place for files, known by their names relative to it, with slashes.

    To write a file for others to read, call `put_file`. Files that only make sense together are
    staged and then published.

    Reading raises OSError (FileNotFoundError for a missing file), writing raises OutputError. Each
    change is lasting when its method returns. Names must not come from the contents of a log.
    """

    @property
    def location(self) -> Path | str:
        """The path or URL, as users know it."""

    @property
    def is_guarded(self) -> bool:
        """Whether a lock keeps other writers out; if not, `prepare_add` tells who was first."""

    @property
    def scan_options(self) -> dict[str, str] | None:
        """The options that Polars needs to read the files in it; None on a disk."""

    def exists(self) -> bool:
        """Whether it is there; in a bucket, whether anything is in it."""

    def list_entries(self, below: str = "") -> list[str]:
        """List the files and folders directly in it or in a folder below."""

    def list_files(self, below: str = "") -> Iterator[str]:
        """List every file at any depth; links to folders aren't followed. Empty for no folder."""

    def list_file_infos(self, below: str = "") -> Mapping[str, FileInfo]:
        """List every file at any depth with its size and age."""

    def iter_file_infos(self) -> Iterator[tuple[str, FileInfo]]:
        """Yield what `list_file_infos` lists, as it is met."""

    def path(self, name: str) -> Path | str:
        """Return the path or URL of a file, for other readers."""

    def contains_location(self, location: str) -> bool:
        """Whether a path or URL leads into it."""

    def read_file(self, name: str) -> bytes:
        """Read all of a file."""

    def put_file(self, name: str, data: bytes) -> None:
        """Make or replace a file: at any moment the old one or the new one is there, whole."""

    def stage_file(self, name: str, data: bytes) -> None:
        """Write a file where readers don't look, under its `unfinished_name`."""

    def publish_files(self, names: Iterable[str]) -> None:
        """Give staged files their names."""

    def prepare_add(self, name: str, data: bytes) -> Callable[[], None]:
        """Do all but the last step of making a file; the result is that step.

        It raises FileExistsError, having changed nothing, where an unguarded folder has a file
        of that name. After any other error the file may be there.
        """

    def check_add_refused(self, name: str, data: bytes) -> None:
        """Raise OutputError if a file with these bytes, which is there, could be added again."""

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove files, if they are there, and the folders that are empty then."""

    def acquire_lock(self, name: str) -> FolderLock:
        """Keep others from writing; InputError if another process has the lock."""


FolderLike = str | os.PathLike[str] | Folder
"""A path, a URL, or a folder itself."""

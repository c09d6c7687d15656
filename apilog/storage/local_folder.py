"""A folder on a disk, its lock, and every change that apilog makes on a disk.

All system calls go through `os`, so that a test can let each of them fail. A change is on the disk
when its function returns; one that fails raises OutputError with the reason.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from apilog.errors import InputError
from apilog.storage.folder import FileInfo, explain_write_errors, unfinished_name

_BINARY_FLAG = getattr(os, "O_BINARY", 0)
_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY_FLAG


def write_synced(path: Path, data: bytes) -> None:
    """Make a file of these bytes, on the disk when this returns."""
    with explain_write_errors(path):
        stream = os.open(path, _NEW_FILE_FLAGS, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(stream, rest) :]
            os.fsync(stream)
        finally:
            os.close(stream)


def rename_path(source: Path, target: Path) -> None:
    """Give a file its name; lasting once the folder is synced."""
    with explain_write_errors(target):
        os.replace(source, target)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, if they are missing; on the disk when this returns."""
    with explain_write_errors(path):
        if os.path.isdir(path):
            return
        make_folder(path.parent)
        with suppress(FileExistsError):
            os.mkdir(path)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder last."""
    # Windows can't open folders; its names last as they are.
    if sys.platform == "win32":
        return
    with explain_write_errors(path):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def unlink_file(path: Path) -> None:
    """Remove a file, if it is there."""
    with explain_write_errors(path), suppress(FileNotFoundError):
        os.unlink(path)


def remove_empty_folder(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    with suppress(OSError):
        os.rmdir(folder)


if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows keeps others from reading what is locked: it locks a byte behind the text.
_LOCKED_BYTE = 1 << 20
_HELD_ERRNOS = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class FileLock:
    """Held from its making to `release`, or to the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock; InputError if another has it, OutputError if it can't be made."""
        with explain_write_errors(path):
            self._stream = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with ExitStack() as undo:
            undo.callback(os.close, self._stream)
            self._acquire(path)
            undo.pop_all()

    def _acquire(self, path: Path) -> None:
        with explain_write_errors(path):
            try:
                _lock_stream(self._stream)
            except OSError as error:
                if error.errno not in _HELD_ERRNOS:
                    raise
                raise self._held_error(path) from error
        # For people alone: who has it. It must not fail where the disk is full.
        with suppress(OSError):
            os.ftruncate(self._stream, 0)
            os.write(self._stream, f"{os.getpid()}\n".encode())

    def _held_error(self, path: Path) -> InputError:
        text = os.read(self._stream, 20).decode("ascii", "replace").strip()
        holder = f"process {text}" if text.isdecimal() else "another process"
        return InputError(
            f"{path.parent} is being written by {holder}",
            "wait until it has ended; reading never needs to wait",
        )

    def release(self) -> None:
        """Let others write."""
        # Said in so many words: a process forked meanwhile has the same open file.
        _unlock_stream(self._stream)
        os.close(self._stream)


def _lock_stream(stream: int) -> None:
    if sys.platform == "win32":
        os.lseek(stream, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(stream, msvcrt.LK_NBLCK, 1)
        os.lseek(stream, 0, os.SEEK_SET)
    else:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock_stream(stream: int) -> None:
    if sys.platform == "win32":
        os.lseek(stream, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(stream, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(stream, fcntl.LOCK_UN)


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

    def list_entries(self, below: str = "") -> list[str]:
        return os.listdir(self.location / below)

    def list_files(self, below: str = "") -> Iterator[str]:
        for directory, _, files in os.walk(self.location / below):
            for file in files:
                yield (Path(directory) / file).relative_to(self.location).as_posix()

    def list_file_infos(self, below: str = "") -> Mapping[str, FileInfo]:
        return {name: _file_info(self.path(name)) for name in self.list_files(below)}

    def path(self, name: str) -> Path:
        return self.location / name

    def contains_location(self, location: str) -> bool:
        folder = os.path.join(os.path.realpath(self.location), "")
        return os.path.realpath(location).startswith(folder)

    def read_file(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def put_file(self, name: str, data: bytes) -> None:
        self.prepare_add(name, data)()

    def stage_file(self, name: str, data: bytes) -> None:
        beside = self.path(unfinished_name(name))
        make_folder(beside.parent)
        write_synced(beside, data)

    def publish_files(self, names: Iterable[str]) -> None:
        folders = set()
        for name in names:
            rename_path(self.path(unfinished_name(name)), self.path(name))
            folders.add(self.path(name).parent)
        for folder in folders:
            sync_folder(folder)

    def prepare_add(self, name: str, data: bytes) -> Callable[[], None]:
        self.stage_file(name, data)
        return lambda: self.publish_files([name])

    def check_add_refused(self, name: str, data: bytes) -> None:
        """The lock keeps others from it."""

    def remove_files(self, names: Iterable[str]) -> None:
        for name in names:
            unlink_file(self.path(name))
            if (parent := self.path(name).parent) != self.location:
                remove_empty_folder(parent)

    def acquire_lock(self, name: str) -> FileLock:
        make_folder(self.location)
        return FileLock(self.path(name))


def _file_info(path: Path) -> FileInfo:
    status = path.stat()
    return FileInfo(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

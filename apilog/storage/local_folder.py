"""A folder on a disk, its lock, and every change that apilog makes on a disk.

System calls go through `os`, so that a test can let each of them fail. A change is on the disk
when its function returns; one that fails raises OutputError with the reason.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from apilog.errors import InputError, OutputError
from apilog.storage.exchange import exchange_paths
from apilog.storage.folder import FileInfo, explain_write_errors, unfinished_name

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)

_AT_ONCE = 16
"""How many files are written at the same time."""

# Windows keeps others from reading what is locked: it locks a byte behind the text.
_LOCKED_BYTE = 1 << 20
_HELD_ERRNOS = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextmanager
def atomic_file(path: Path, force: bool) -> Iterator[BinaryIO]:
    """Open a stream whose content becomes the file when the block ends without an error.

    A device or named pipe is written to directly, a symbolic link is followed. Raises
    OutputError if the file exists and `force` is not set, or if it can't be written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        refuse_existing([path], force)
        # The new file lies beside its target: renaming is one step only within a file system, and
        # only on the target itself, not on a link to it. See rename(2).
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with beside.open("wb") as stream:
                yield stream
                sync_stream(stream)
            beside.replace(target)
            # It is whole now; some file systems, and folders that one may only write to, don't let
            # its name be synced.
            with suppress(OutputError):
                _sync_folder(target.parent)
        finally:
            beside.unlink(missing_ok=True)
    except BrokenPipeError:
        # The reader of a pipe has gone: that ends a command quietly.
        raise
    except OSError as error:
        with explain_write_errors(path):
            raise error from None


def sync_stream(stream: BinaryIO) -> None:
    """Have what was written to a file survive a power cut; a device or pipe takes it at once."""
    stream.flush()
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        os.fsync(stream.fileno())


def refuse_existing(paths: Iterable[Path], force: bool) -> None:
    """Raise OutputError for the first of the files that exists, unless `force` is set.

    What is no regular file, such as /dev/null, is not replaced and so never refused.
    """
    existing = next((path for path in paths if path.is_file()), None)
    if existing is not None and not force:
        raise OutputError(f"{existing} exists already", "pass --force to replace it")


class FileLock:
    """A lock on a file, which the system frees when the process ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock; InputError if another process has it, OutputError if it can't be made."""
        with explain_write_errors(path):
            self._stream = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with ExitStack() as undo:
            undo.callback(os.close, self._stream)
            try:
                if sys.platform == "win32":
                    os.lseek(self._stream, _LOCKED_BYTE, os.SEEK_SET)
                    msvcrt.locking(self._stream, msvcrt.LK_NBLCK, 1)
                    os.lseek(self._stream, 0, os.SEEK_SET)
                else:
                    fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                with explain_write_errors(path):
                    if error.errno not in _HELD_ERRNOS:
                        raise
                    text = os.read(self._stream, 20).decode("ascii", "replace").strip()
                holder = f"process {text}" if text.isdecimal() else "another process"
                raise InputError(
                    f"{path.parent} is being written by {holder}",
                    "wait until it has ended; reading never needs to wait",
                ) from error
            # The number is for people alone: writing it must not fail where the disk is full.
            with suppress(OSError):
                os.ftruncate(self._stream, 0)
                os.write(self._stream, f"{os.getpid()}\n".encode())
            undo.pop_all()

    def release(self) -> None:
        # Closing alone would not do: a process forked meanwhile has the same open file.
        if sys.platform == "win32":
            os.lseek(self._stream, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(self._stream, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(self._stream, fcntl.LOCK_UN)
        os.close(self._stream)


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder on a disk: see `Folder`, and what only a disk can do."""

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
        # `os.walk` follows a link only if it is the top: a store's part may lie on another disk.
        for directory, _, files in os.walk(self.location / below):
            for file in files:
                yield (Path(directory) / file).relative_to(self.location).as_posix()

    def list_file_infos(self, below: str = "") -> Mapping[str, FileInfo]:
        infos = {}
        for name in self.list_files(below):
            # Of a link, not of its target: it counts as what it is, and may lead nowhere.
            status = self.path(name).lstat()
            infos[name] = FileInfo(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
        return infos

    def iter_file_infos(self) -> Iterator[tuple[str, FileInfo]]:
        yield from self.list_file_infos().items()

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
        path = self.path(unfinished_name(name))
        _make_folder(path.parent)
        _write_file(path, data)

    def write_folders(self, folders: Mapping[str, Mapping[str, bytes]]) -> None:
        """Write folders that are not there yet, with their files.

        Meant for names that nobody looks at: a folder is whole only when this returns, and it lasts
        once it was moved to another name.
        """
        paths = {self.path(name): files for name, files in folders.items()}
        for path in paths:
            with explain_write_errors(path):
                os.mkdir(path)
        contents = [(path / file, d) for path, files in paths.items() for file, d in files.items()]
        _at_once(_write_file, contents)
        _at_once(_sync_folder, [(path,) for path in paths])

    def publish_files(self, names: Iterable[str]) -> None:
        self.move_entries({unfinished_name(name): name for name in names})

    def prepare_add(self, name: str, data: bytes) -> Callable[[], None]:
        self.stage_file(name, data)
        return lambda: self.publish_files([name])

    def check_add_refused(self, name: str, data: bytes) -> None:
        """Do nothing: the lock keeps others from adding it."""

    def remove_files(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.path(name)
            with explain_write_errors(path), suppress(FileNotFoundError):
                os.unlink(path)
            if path.parent != self.location:
                _remove_empty_folder(path.parent)

    def acquire_lock(self, name: str) -> FileLock:
        _make_folder(self.location)
        return FileLock(self.path(name))

    def is_link(self, name: str) -> bool:
        return self.path(name).is_symlink()

    def move_entries(self, moves: Mapping[str, str]) -> None:
        """Rename files or folders, old name to new name, one after the other.

        Each is a single step for readers. A file of the new name is replaced.
        """
        parents = set()
        for source, target in moves.items():
            with explain_write_errors(self.path(target)):
                os.replace(self.path(source), self.path(target))
            parents.add(self.path(target).parent)
        for parent in parents:
            _sync_folder(parent)

    def exchange_entries(self, first: str, second: str) -> bool:
        """Let two folders, which are both there, change their names: a single step for readers.

        False where the system can't: then nothing has changed.
        """
        with explain_write_errors(self.path(second)):
            is_done = exchange_paths(self.path(first), self.path(second))
        if is_done:
            for parent in {self.path(first).parent, self.path(second).parent}:
                _sync_folder(parent)
        return is_done

    def remove_folder(self, name: str) -> None:
        folder = self.path(name)
        with explain_write_errors(folder):
            entries = os.listdir(folder)
        self.remove_files(f"{name}/{entry}" for entry in entries)
        _remove_empty_folder(folder)


def _write_file(path: Path, data: bytes) -> None:
    with explain_write_errors(path):
        stream = os.open(path, _NEW_FILE_FLAGS, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(stream, rest) :]
            os.fsync(stream)
        finally:
            os.close(stream)


def _at_once(change: Callable[..., None], calls: Sequence[tuple[object, ...]]) -> None:
    """Make changes that don't depend on each other; the first error is raised after all of them.

    A file system writes out together what is asked for at the same time.
    """
    pool = _writers(os.getpid())
    begun = [pool.submit(change, *call) for call in calls]
    wait(begun)
    for one in begun:
        one.result()


@lru_cache(maxsize=1)
def _writers(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process that write; starting them takes longer than a small file."""
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"apilog {process}")


def _make_folder(path: Path) -> None:
    with explain_write_errors(path):
        if os.path.isdir(path):
            return
        _make_folder(path.parent)
        with suppress(FileExistsError):
            os.mkdir(path)
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    # A new name survives a power cut only once its folder is synced, too: see fsync(2). Windows
    # can't open folders; its names last as they are.
    if sys.platform == "win32":
        return
    with explain_write_errors(path):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove_empty_folder(folder: Path) -> None:
    with suppress(OSError):
        os.rmdir(folder)

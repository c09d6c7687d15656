"""The lock of a folder: one writer at a time, freed by the system when its process ends."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from apilog.errors import InputError
from apilog.storage.errors import explained

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows keeps others from reading what is locked: it locks a byte behind the text.
_LOCKED_BYTE = 1 << 20
_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class FileLock:
    """Held from its making to `release`, or to the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock; InputError if another has it, OutputError if it can't be made."""
        with explained(path):
            self._stream = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with ExitStack() as undo:
            undo.callback(os.close, self._stream)
            self._take(path)
            undo.pop_all()

    def _take(self, path: Path) -> None:
        with explained(path):
            try:
                _lock(self._stream)
            except OSError as error:
                if error.errno not in _HELD:
                    raise
                raise self._held(path) from error
        # For people alone: who has it. It must not fail where the disk is full.
        with suppress(OSError):
            os.ftruncate(self._stream, 0)
            os.write(self._stream, f"{os.getpid()}\n".encode())

    def _held(self, path: Path) -> InputError:
        text = os.read(self._stream, 20).decode("ascii", "replace").strip()
        holder = f"process {text}" if text.isdecimal() else "another process"
        return InputError(
            f"{path.parent} is being written by {holder}",
            "wait until it has ended; reading never needs to wait",
        )

    def release(self) -> None:
        """Let others write."""
        # Said in so many words: a process forked meanwhile has the same open file.
        _unlock(self._stream)
        os.close(self._stream)


def _lock(stream: int) -> None:
    if sys.platform == "win32":
        os.lseek(stream, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(stream, msvcrt.LK_NBLCK, 1)
        os.lseek(stream, 0, os.SEEK_SET)
    else:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(stream: int) -> None:
    if sys.platform == "win32":
        os.lseek(stream, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(stream, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(stream, fcntl.LOCK_UN)

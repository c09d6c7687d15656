"""What goes wrong in a folder: an OSError while reading, an OutputError while writing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from apilog.errors import OutputError

_SPACE = {errno.ENOSPC, errno.EDQUOT}


class StorageError(OSError):
    """What object storage refuses, or why it can't be reached: `strerror`, and a hint."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(0, reason)
        self.hint = hint

    def __reduce__(self) -> tuple[type[StorageError], tuple[str, str]]:
        return type(self), (str(self.strerror), self.hint)


@contextmanager
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says while writing into an error that a user can act on."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"can't write {os.fspath(path)}: {reason}", _hint(error)) from error


def hint_of(error: OSError) -> str:
    """What object storage gave as a hint; of other errors nothing."""
    return error.hint if isinstance(error, StorageError) else ""


def _hint(error: OSError) -> str:
    if isinstance(error, StorageError):
        return error.hint
    if error.errno in _SPACE:
        return "free some space and run it again: nothing is lost or doubled"
    if error.errno == errno.EROFS:
        return "the file system is mounted read-only"
    return "check who may write there"

"""Every change on the disk, made to last.

All system calls go through `os`, so that a test can let each of them fail. A change that fails
raises OutputError with the reason.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from apilog.storage.errors import explained

_BINARY = getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY


def write_file(path: Path, data: bytes) -> None:
    """Make a file of these bytes, on the disk when this returns."""
    with explained(path):
        stream = os.open(path, _NEW, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(stream, rest) :]
            os.fsync(stream)
        finally:
            os.close(stream)


def rename(source: Path, target: Path) -> None:
    """Give a file its name; lasting once the folder is synced."""
    with explained(target):
        os.replace(source, target)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, if they are missing; on the disk when this returns."""
    with explained(path):
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
    with explained(path):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    with explained(path), suppress(FileNotFoundError):
        os.unlink(path)


def remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    with suppress(OSError):
        os.rmdir(folder)

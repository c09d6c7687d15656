"""An input as a name, and the errors of one that can't be read.

A `Source` is only a name: making one opens nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.errors import InputError
from apilog.storage import StorageError, is_url

if TYPE_CHECKING:
    from apilog.storage.cloud.object_reader import ObjectPrefetcher

STDIN = "-"
"""The path that stands for standard input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """One input."""

    path: str
    """The path as shown to users, always encodable as UTF-8; `-` is standard input."""
    file: str
    """The path as the operating system knows it, may hold surrogate escapes; or a URL."""
    size: int | None
    """Bytes as stored (compressed ones, if it is compressed); None for standard input and pipes."""
    is_searched: bool = False
    """Whether nobody named it: it was found in a folder that was searched."""
    prefetcher: ObjectPrefetcher | None = field(default=None, compare=False, repr=False)
    """What fetches this object and its neighbours before their turn; None for all else."""

    @property
    def is_stdin(self) -> bool:
        """Return whether it is standard input, which can be read only once."""
        return self.file == STDIN

    @property
    def is_object(self) -> bool:
        """Return whether it lies in object storage: `file` is a URL."""
        return is_url(self.file)

    @classmethod
    def from_path(cls, file: str, size: int | None) -> LogSource:
        """Return the source at a path of the operating system."""
        return cls(path=display_path(file), file=file, size=size)


class SourceError(InputError):
    """An input that can't be found or opened.

    `path` is the input as shown to users, `reason` the message without it.
    """

    def __init__(self, path: str, reason: str, hint: str = "") -> None:
        super().__init__(f"{path}: {reason}", hint)
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str, str]]:
        return type(self), (self.path, self.reason, self.hint)


class MissingSource(SourceError):
    """An input that is not there, or no longer."""


class DamagedSource(SourceError):
    """An input that ended badly, raised after everything that could be read of it."""


def display_path(file: str) -> str:
    r"""Return a path that can be encoded: bytes of a file name that are no UTF-8 become `\xHH`.

    >>> display_path("caf\udce9.log")
    'caf\\xe9.log'
    """
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def open_error(file: str, error: OSError | ValueError) -> SourceError:
    """Return the error to show when the operating system or a storage refuses a path."""
    path = display_path(file)
    match error:
        case StorageError():
            return SourceError(path, str(error.strerror), error.hint)
        case FileNotFoundError() if is_url(file):
            hint = "check the spelling; a folder ends in a slash, `*` matches the rest of a name"
            return SourceError(path, "no such object or folder", hint)
        case FileNotFoundError() | NotADirectoryError():
            if "://" in file:
                hint = "only s3://, gs:// and az:// URLs are read; "
                hint += "fetch the log and pipe it to `apilog report -`"
            elif file.startswith("~"):
                hint = "the shell puts a home folder for ~ only outside of quotes"
            elif file.startswith(("s3:", "gs:", "az:")):
                hint = f"write {file[:2]}://bucket/name"
            elif Path(file).is_absolute():
                hint = "check the spelling"
            else:
                folder = display_path(str(Path.cwd()))
                hint = f"check the spelling; the name is relative to {folder}"
            return MissingSource(path, "no such file or directory", hint)
        case PermissionError():
            hint = "run as a user who may read it, or ask for read permission"
            return SourceError(path, "permission denied", hint)
        case OSError():
            reason = error.strerror or type(error).__name__
            return SourceError(path, reason[:1].lower() + reason[1:])
        case _:
            return SourceError(path.replace("\0", "\\0"), "not a possible file name")

"""The files below a folder and the paths that a glob matches.

No folder is entered twice in one walk, so that loops of symbolic links end. Hidden entries are
left out unless a pattern asks for them with a leading dot. Below a folder, stores and tables of
accounts that lie beside the logs are left out, too.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator

Refused = Callable[[OSError], None]
"""Called with the error, and its `filename`, of each folder that can't be listed."""

_ANY_DEPTH = "**"
_ACCOUNT_TABLE = re.compile(
    rb"(?=.*\baccount\b)(?=.*\b(?:consumers|signed_up_at|converted_at)\b)[\w\xef\xbb\xbf,;\t\" -]+"
)
"""The head of a table of accounts, as `apilog success` takes it."""
_HEAD_BYTES = 4096
_MANIFEST = re.compile(r"[0-9]{20}\.json")
"""What lies in the folder `manifest` of every store."""


def files_below(folder: str, refused: Refused) -> list[str]:
    """Every visible regular file at or below a folder, sorted; links are followed."""
    files = [
        os.path.join(parent, name)
        for parent, names in _walk(folder, refused)
        for name in names
        if not name.startswith(".")
    ]
    return sorted(file for file in files if os.path.isfile(file) and not _is_account_table(file))


def _is_account_table(path: str) -> bool:
    if not path.lower().endswith(".csv"):
        return False
    try:
        with open(path, "rb") as file:
            head = file.readline(_HEAD_BYTES).rstrip(b"\r\n")
    except OSError:
        return False  # whoever opens it as a log tells why
    return _ACCOUNT_TABLE.fullmatch(head) is not None


def matches(pattern: str, refused: Refused) -> list[str]:
    """The existing paths that a glob matches, sorted.

    `**` stands for any number of folders; at the end of a pattern, for all below.
    """
    drive, tail = os.path.splitdrive(pattern)
    separators = os.sep + (os.altsep or "")
    relative = tail.lstrip(separators)
    root = drive + tail[: len(tail) - len(relative)]
    segments = re.split(f"[{re.escape(separators)}]+", relative)
    return sorted(set(_expand(root, segments, refused)))


def _expand(folder: str, segments: list[str], refused: Refused) -> Iterator[str]:
    """The paths below a folder that match; an empty folder is the current one."""
    if not segments:
        yield folder
        return
    segment, rest = segments[0], segments[1:]
    if segment == _ANY_DEPTH and not rest:
        yield folder or os.curdir
    elif segment == _ANY_DEPTH:
        for inner, _ in _walk(folder or os.curdir, refused):
            below = inner if folder else inner.removeprefix(os.curdir).lstrip(os.sep)
            yield from _expand(below, rest, refused)
    elif any(char in segment for char in "*?["):
        for path in _matching(folder, segment, refused):
            yield from _expand(path, rest, refused)
    elif os.path.lexists(path := os.path.join(folder, segment)):
        yield from _expand(path, rest, refused)


def _matching(folder: str, pattern: str, refused: Refused) -> list[str]:
    """The entries of one folder that a pattern without separators matches."""
    try:
        names = fnmatch.filter(os.listdir(folder or os.curdir), pattern)
    except NotADirectoryError:
        return []
    except OSError as error:
        refused(error)
        return []
    hidden_too = pattern.startswith(".")
    return [os.path.join(folder, n) for n in names if hidden_too or not n.startswith(".")]


def _walk(folder: str, refused: Refused) -> Iterator[tuple[str, list[str]]]:
    """Each real folder at or below this one, once, and the names of the files in it."""
    seen = {_identity(folder)}
    for parent, folders, files in os.walk(folder, onerror=refused, followlinks=True):
        yield parent, files
        entered: list[str] = []
        for name in sorted(folders):
            identity = _identity(os.path.join(parent, name))
            if name.startswith(".") or identity in seen or _is_store(os.path.join(parent, name)):
                continue
            seen.add(identity)
            entered.append(name)
        folders[:] = entered


def _is_store(folder: str) -> bool:
    """Whether a folder is a store, whose records came from logs that may lie beside it."""
    try:
        return any(map(_MANIFEST.fullmatch, os.listdir(os.path.join(folder, "manifest"))))
    except OSError:
        return False


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino

"""From what users call a place to the place."""

from __future__ import annotations

import os
from pathlib import Path

from apilog.errors import UsageError
from apilog.export.disk import DiskPlace
from apilog.export.objects import ObjectPlace
from apilog.export.place import Place
from apilog.storage import folder_at, is_url


def place_at(to: str | os.PathLike[str]) -> Place:
    """The place at a path or URL, which need not be there; UsageError for an empty one."""
    if not os.fspath(to):
        raise UsageError("--to is empty", "name the folder of the export")
    return ObjectPlace(folder_at(to)) if is_url(os.fspath(to)) else DiskPlace(to)


def lies_within(to: str | os.PathLike[str], source: str | os.PathLike[str]) -> bool:
    """Whether a place lies in a folder or below a prefix, or is it."""
    inner, outer = os.fspath(to), os.fspath(source)
    if is_url(inner) or is_url(outer):
        return f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")
    folder = Path(os.path.realpath(outer))
    return folder.is_dir() and Path(os.path.realpath(inner)).is_relative_to(folder)

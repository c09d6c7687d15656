"""Where files lie.

`folder_at` gives the Folder at a path; all else here works on that. Nothing in this package knows
what the files hold.
"""

from __future__ import annotations

import os
from pathlib import Path

from apilog.storage.base import Folder, Lock, Place
from apilog.storage.errors import StorageError
from apilog.storage.local import LocalFolder
from apilog.storage.names import is_url

__all__ = ["Folder", "Lock", "Place", "StorageError", "folder_at", "is_url"]


def folder_at(place: Place) -> Folder:
    """The folder at a path, which need not be there; a Folder is given back."""
    if not isinstance(place, (str, os.PathLike)):
        return place
    return LocalFolder(Path(place))

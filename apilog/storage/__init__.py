"""Where files lie: folders on a disk, and prefixes of buckets in object storage.

`folder_at` gives the Folder at a path or a URL (`s3://`, `gs://`, `az://`); all else here works
on that. Nothing in this package knows what the files hold. Only what an argument names as a URL
is looked up over the network.
"""

from __future__ import annotations

import os
from pathlib import Path

from apilog.storage.base import FileInfo, Folder, Lock, Place
from apilog.storage.errors import StorageError, hint_of
from apilog.storage.local import LocalFolder
from apilog.storage.names import is_url

__all__ = ["FileInfo", "Folder", "Lock", "Place", "StorageError", "folder_at", "hint_of", "is_url"]


def folder_at(place: Place) -> Folder:
    """The folder at a path or URL, which need not be there; a Folder is given back.

    Raises InputError for a URL that names no bucket, and where the package for URLs is missing.
    """
    if not isinstance(place, (str, os.PathLike)):
        return place
    text = os.fspath(place)
    if is_url(text):
        from apilog.storage.cloud.folder import CloudFolder

        return CloudFolder.at(text)
    return LocalFolder(Path(text))

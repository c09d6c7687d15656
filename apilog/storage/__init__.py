"""Where files lie: folders on a disk, and prefixes of buckets in object storage.

`folder_at` gives the Folder at a path or a URL (`s3://`, `gs://`, `az://`); all else here works
on that. Nothing in this package knows what the files hold. The network is used only for what an
argument names as a URL.
"""

from __future__ import annotations

import os
from pathlib import Path

from apilog.storage.folder import (
    Folder,
    FolderLike,
    FolderLock,
    StorageError,
    is_url,
    unreadable_error,
)
from apilog.storage.local_folder import LocalFolder

__all__ = [
    "Folder",
    "FolderLike",
    "FolderLock",
    "LocalFolder",
    "StorageError",
    "folder_at",
    "is_url",
    "unreadable_error",
]


def folder_at(place: FolderLike) -> Folder:
    """Return the folder at a path or URL, which need not exist; a Folder is given back.

    Raises InputError for a URL that names no bucket, and where the package for URLs is missing.
    """
    if not isinstance(place, (str, os.PathLike)):
        return place
    text = os.fspath(place)
    if is_url(text):
        from apilog.storage.cloud.cloud_folder import CloudFolder

        return CloudFolder.from_url(text)
    return LocalFolder(Path(text))

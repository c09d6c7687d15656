"""How a folder becomes a store: only if nothing of others is in it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from apilog.errors import InputError
from apilog.storage import Folder, hint_of
from apilog.store import commit, layout
from apilog.store.files import column_types
from apilog.store.manifest import Manifest
from apilog.store.store import Store, no_store

_HARMLESS = {layout.LOCK, layout.MANIFESTS, "lost+found"}
"""In a folder that is to become a store: left by a killed writer, or by the file system."""


def check_folder(folder: Folder, create: bool) -> None:
    """Raise InputError for a folder that is no store, and isn't to become or can't become one."""
    if Store.is_store(folder):
        return
    if not create:
        raise no_store(folder)
    try:
        strange = sorted({n for n in folder.entries() if n[0] != "."} - _HARMLESS)
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"can't open the store {folder}: {reason}", hint_of(error)) from error
    if strange:
        raise InputError(
            f"{folder} is no store, and not empty: it holds {strange[0]}",
            "name a folder that is new or empty",
        )


def make(folder: Folder) -> None:
    """Make an empty store: from here on the folder is one."""
    manifest = Manifest(generation=1, created=datetime.now(UTC))
    # Another writer may have made it just now.
    with suppress(FileExistsError):
        commit.prepare(folder, manifest)()
        folder.check_adding(layout.manifest_name(1), manifest.to_json().encode())


def check_columns(store: Store) -> None:
    """Raise InputError for a store with columns that would be lost where a file is rewritten."""
    known = column_types()
    for name, kind in store.manifest.columns.items():
        if known.get(name) != kind:
            raise InputError(
                f"the store has a column {name} ({kind}) that this apilog doesn't know",
                "upgrade apilog to write to it; it can be read as it is",
            )

"""Making a state of a store the current one, and removing what no state needs.

The rename of the manifest is the commit. Before it a store is in its old state, after it in
the new one; what a process leaves behind that was killed between is swept by the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from apilog.errors import InputError
from apilog.store import disk, layout
from apilog.store.manifest import Manifest
from apilog.store.store import generations, read_manifest

KEPT = 3
"""Manifests that are kept, the current one included."""


def prepare(folder: Path, manifest: Manifest) -> Path:
    """Write the manifest beside its place; what is left of the commit is `publish`."""
    disk.make_folder(folder / layout.MANIFESTS)
    beside = folder / layout.unfinished(layout.manifest_name(manifest.generation))
    disk.write_file(beside, manifest.to_json().encode())
    return beside


def publish(folder: Path, manifest: Manifest, beside: Path) -> None:
    """Make it the current state."""
    disk.rename(beside, folder / layout.manifest_name(manifest.generation))
    disk.sync_folder(folder / layout.MANIFESTS)


def retire(folder: Path, current: Manifest, before: Manifest | None = None) -> None:
    """Remove older manifests: all but a few, and those that name a file no longer needed.

    What they alone name is removed with them or by `sweep`; no file stays for their sake,
    since who reads the folder without apilog would count its rows twice. `before` is the state
    that has just been replaced, whose older manifests name nothing that it doesn't.
    """
    names = _names_of(current)
    older = sorted((g for g in generations(folder) if g != current.generation), reverse=True)
    for place, generation in enumerate(older, start=1):
        wanted = _names(folder, generation) if before is None else _names_of(before)
        if place >= KEPT or not wanted <= names:
            disk.remove(folder / layout.manifest_name(generation))


def clear(folder: Path, before: Manifest, current: Manifest) -> None:
    """Remove what the new state no longer needs of the one before."""
    retire(folder, current, before)
    for gone in set(before.files) - set(current.files):
        disk.remove(folder / gone.name)
        disk.remove_empty((folder / gone.name).parent)


def sweep(folder: Path, current: Manifest) -> None:
    """Remove the store's own files that are not part of its current state."""
    needed = _names_of(current)
    needed |= {layout.manifest_name(generation) for generation in generations(folder)}
    for name in names_in(folder):
        if layout.is_own(name) and name not in needed:
            disk.remove(folder / name)
            disk.remove_empty((folder / name).parent)


def names_in(folder: Path) -> Iterator[str]:
    """Every file where a store keeps files, relative to it; links to folders aren't followed."""
    for part in (layout.MANIFESTS, "records", "rejects"):
        for directory, _, files in os.walk(folder / part):
            for file in files:
                yield (Path(directory) / file).relative_to(folder).as_posix()


def _names(folder: Path, generation: int) -> set[str]:
    """What an older manifest names; nothing if it can't be read, and so isn't needed."""
    try:
        return _names_of(read_manifest(folder, generation))
    except (InputError, OSError):
        return set()


def _names_of(manifest: Manifest) -> set[str]:
    return {file.name for file in manifest.files}

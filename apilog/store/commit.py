"""Commits: make a state of a store the current one, and remove what no state needs.

The appearance of the manifest is the commit. Before it a store is in its old state, after it in
the new one; what a process leaves behind that was killed between is swept by the next.

On a disk a lock keeps writers apart. In object storage nothing does: every writer goes on from
the state that it has opened and adds the manifest of the next generation, which succeeds only if
there is none of that name. So of several writers the first one commits, and the others find out
before anything of theirs counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from apilog.errors import InputError
from apilog.storage import Folder
from apilog.store import layout
from apilog.store.manifest import StoreManifest
from apilog.store.reader import generations, read_manifest

KEPT_MANIFESTS = 3
"""How many manifests are kept, the current one included."""

GRACE = timedelta(hours=1)
"""How long a manifest stays in object storage, so that its name can't be taken again.

More than any request lasts, with all its retries: a writer makes sure that it goes on from the
newest state, then adds the next manifest. Were that of another writer there and gone again
between the two, both would succeed.
"""


def prepare_commit(folder: Folder, manifest: StoreManifest) -> Callable[[], None]:
    """Do all of the commit but the last step, which is the result.

    That raises FileExistsError where another writer came first. Raises InputError if that is
    known already.
    """
    if not folder.is_guarded and max(generations(folder), default=0) >= manifest.generation:
        raise overtaken_error(folder)
    return folder.prepare_add(
        layout.manifest_name(manifest.generation), manifest.to_json().encode()
    )


def overtaken_error(folder: Folder) -> InputError:
    """Return the error for a writer whose state is no longer the newest."""
    return InputError(
        f"{folder} was written by another process meanwhile",
        "run it again: nothing is lost or doubled",
    )


def retire_manifests(
    folder: Folder, current: StoreManifest, before: StoreManifest | None = None
) -> None:
    """Remove older manifests, except the latest ones that name only files of the current state.

    No file stays for the sake of an older manifest: other programs that read the folder would
    count its rows twice. `before` is the state that has just been replaced, whose older manifests
    name nothing that it doesn't. In object storage manifests stay for GRACE, whatever they name.
    """
    current_names = _file_names(current)
    spared: set[int | None] = set()
    if not folder.is_guarded:
        infos = folder.list_file_infos(layout.MANIFEST_FOLDER)
        newest = infos.get(layout.manifest_name(current.generation))
        spared = {
            layout.generation_of(name.rpartition("/")[2])
            for name, info in infos.items()
            if newest is None or newest.written - info.written < GRACE
        }
    older = sorted((g for g in generations(folder) if g != current.generation), reverse=True)
    retired = []
    for age, generation in enumerate(older, start=1):
        if generation in spared:
            continue
        try:
            names = _file_names(before or read_manifest(folder, generation))
        except (InputError, OSError):
            names = set()  # a manifest that can't be read needs no files
        if age >= KEPT_MANIFESTS or not names <= current_names:
            retired.append(layout.manifest_name(generation))
    folder.remove_files(retired)


def remove_replaced(folder: Folder, before: StoreManifest, current: StoreManifest) -> None:
    """Remove the files that the new state no longer needs of the one before."""
    retire_manifests(folder, current, before)
    if folder.is_guarded:
        folder.remove_files(file.name for file in set(before.files) - set(current.files))
    else:
        sweep_leftovers(folder, current)


def sweep_leftovers(folder: Folder, current: StoreManifest) -> None:
    """Remove the store's own files that are not part of its current state.

    Without a lock, other writers may be at work: their files are made for the next generation,
    and are left alone. A file that was made for the current generation or an earlier one and isn't
    named now never will be: its writer is dead, or will find that it has been overtaken.
    """
    needed = _file_names(current)
    needed |= {layout.manifest_name(generation) for generation in generations(folder)}
    folder.remove_files(
        [
            name
            for name in list_store_files(folder)
            if layout.is_own_name(name)
            and name not in needed
            and (folder.is_guarded or layout.generation_for(name) <= current.generation)
        ]
    )


def list_store_files(folder: Folder) -> Iterator[str]:
    """List every file where a store keeps files; links to folders aren't followed."""
    for part in (layout.MANIFEST_FOLDER, "records", "rejects"):
        yield from folder.list_files(part)


def _file_names(manifest: StoreManifest) -> set[str]:
    return {file.name for file in manifest.files}

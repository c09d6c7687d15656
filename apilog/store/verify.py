"""Whether a store is as it was written: every file read and recounted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apilog.storage import Folder, Place
from apilog.store import layout
from apilog.store.commit import names_in
from apilog.store.entries import DataFile
from apilog.store.files import problem_of
from apilog.store.store import Store


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the store that isn't as it was written."""

    name: str
    """Relative to the store."""
    problem: str
    """What is wrong: continues a sentence that begins with the name."""
    rows: int
    """What it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What checking a store found."""

    files: int
    rows: int
    """Of the files that are intact, rejects included."""
    damaged: tuple[Damage, ...]
    strangers: tuple[str, ...]
    """Parquet files that are not part of the store; other programs that read it count them."""


def verify(path: Place, told: Callable[[DataFile], None] = lambda _: None) -> Verified:
    """Read every file of a store and compare bytes and rows with its manifest.

    Needs no lock; `told` hears of each file before it is read. Raises InputError if there is
    no store, or if its manifest can't be read.
    """
    store = Store.open(path)
    damaged: dict[DataFile, Damage] = {}
    for file in store.manifest.files:
        told(file)
        if problem := problem_of(store.folder, file):
            damaged[file] = Damage(file.name, problem, file.rows)
    # What a writer has removed meanwhile is no damage.
    now = Store.open(path)
    still = set(now.manifest.files)
    return Verified(
        files=len(store.manifest.files),
        rows=sum(file.rows for file in store.manifest.files if file not in damaged),
        damaged=tuple(found for file, found in damaged.items() if file in still),
        strangers=tuple(_strangers(store.folder, store, now)),
    )


def _strangers(folder: Folder, *states: Store) -> list[str]:
    named = {file.name for state in states for file in state.manifest.files}
    return sorted(
        name
        for name in names_in(folder)
        if name.endswith(".parquet")
        and name not in named
        and not name.startswith(f"{layout.MANIFESTS}/")
    )

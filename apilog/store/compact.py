"""Merging a day's small files, which are many after many small runs.

Rows and their order stay what they were. Memory is bounded: no file made has more than ROWS
rows, unless it had them before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.storage import Place
from apilog.store.entries import DataFile
from apilog.store.files import Span, read_intact
from apilog.store.writer import Writer

ROWS = 400_000
"""Of a file that is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What merging changed: of the whole store."""

    files_before: int
    files_after: int
    size_before: int
    """Bytes."""
    size_after: int


def compact(path: Place) -> Compacted:
    """Merge the small files of each day, and those of rejects; a commit a day.

    Raises InputError for a damaged file, as Writer does, and OutputError.
    """
    with Writer(path, create=False) as writer:
        before = writer.store.manifest.files
        for group in _folders(before):
            merges = [merge for merge in _merges(group) if len(merge) > 1]
            for merge in merges:
                _merge(writer, merge)
            if merges:
                writer.commit()
        after = writer.store.manifest.files
    return Compacted(
        files_before=len(before),
        files_after=len(after),
        size_before=sum(file.size for file in before),
        size_after=sum(file.size for file in after),
    )


def _folders(files: Iterable[DataFile]) -> Iterable[list[DataFile]]:
    """The small files of each folder, in the order in which they were written."""
    folders: defaultdict[str, list[DataFile]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.name):
        # More than half: two of them would not fit into one.
        if file.rows <= ROWS // 2:
            folders[file.name.rpartition("/")[0]].append(file)
    return folders.values()


def _merges(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Consecutive files that fit into one."""
    merge: list[DataFile] = []
    for file in files:
        if merge and sum(f.rows for f in merge) + file.rows > ROWS:
            yield merge
            merge = []
        merge.append(file)
    yield merge


def _merge(writer: Writer, files: Sequence[DataFile]) -> None:
    kind = files[0].kind
    rows = pl.concat([read_intact(writer.folder, file) for file in files])
    if kind == "records":
        rows = rows.sort("timestamp", maintain_order=True)
    writer.write(rows, kind, _span(files))
    writer.drop(files)


def _span(files: Iterable[DataFile]) -> Span:
    spans = [(file.first, file.last) for file in files if file.first and file.last]
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (None, None)

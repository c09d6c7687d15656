"""Rows on their way into a store: collected in memory, written as files that no reader sees.

Memory is bounded: what is held goes to the disk at ROWS rows or BYTES bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

import polars as pl

from apilog.storage import Folder
from apilog.storage.names import unfinished
from apilog.store import layout
from apilog.store.entries import DataFile
from apilog.store.files import Span, describe, encode, span_of, stored
from apilog.store.layout import Kind

ROWS = 200_000
BYTES = 64_000_000


class Spill:
    """The files that a writer makes until its next commit."""

    def __init__(self, folder: Folder, generation: int) -> None:
        self._folder = folder
        self._generation = generation
        self._run = secrets.token_hex(4)
        self._held: dict[Kind, list[pl.DataFrame]] = {"records": [], "rejects": []}
        self._bytes = 0
        self._rows = 0
        self._count = 0
        self.files: list[DataFile] = []
        """Written, not renamed yet."""

    def add(self, frame: pl.DataFrame, kind: Kind) -> None:
        """Hold rows, and write out what is held if it is enough."""
        if frame.is_empty():
            return
        rows = stored(frame, kind)
        self._held[kind].append(rows)
        self._rows += rows.height
        self._bytes += int(rows.estimated_size())
        if self._rows >= ROWS or self._bytes >= BYTES:
            self.flush()

    def flush(self) -> None:
        """Write out what is held: a file a day, and one of rejects."""
        if records := self._taken("records"):
            ordered = pl.concat(records).sort("timestamp", maintain_order=True)
            del records
            for rows in _days(ordered):
                self.write(rows, "records", span_of(rows))
        if rejects := self._taken("rejects"):
            now = datetime.now(UTC)
            self.write(pl.concat(rejects), "rejects", (now, now))
        self._rows = self._bytes = 0

    def write(self, rows: pl.DataFrame, kind: Kind, span: Span) -> DataFile:
        """Write a file of rows of one day, as they are stored and in order."""
        first = span[0]
        folder = layout.folder_of_day(first.date() if first else None)
        folder = folder if kind == "records" else "rejects"
        name = layout.file_name(folder, self._generation, self._run, self._count)
        data = encode(rows)
        file = describe(name, kind, rows.height, span, data)
        # Noted before it is there, so that a file half written is discarded.
        self.files.append(file)
        self._count += 1
        self._folder.stage(name, data)
        return file

    def publish(self) -> tuple[DataFile, ...]:
        """Flush, and give all files their names; lasting when this returns."""
        self.flush()
        self._folder.publish([file.name for file in self.files])
        return tuple(self.files)

    def discard(self) -> None:
        """Remove what was written, renamed or not, and forget what is held."""
        self._held = {"records": [], "rejects": []}
        names = [file.name for file in self.files]
        self._folder.remove([*map(unfinished, names), *names])
        self.files = []

    def _taken(self, kind: Kind) -> list[pl.DataFrame]:
        held, self._held[kind] = self._held[kind], []
        return held


def _days(ordered: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """The rows of each day; of a frame in order of time without copying them."""
    runs = ordered["timestamp"].dt.date().rle().struct.field("len")
    start = 0
    for length in runs:
        yield ordered.slice(start, length)
        start += length

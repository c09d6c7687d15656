"""Writing a store: collect, then commit; all or nothing, one writer at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import polars as pl

from apilog.errors import OutputError
from apilog.storage import Lock, Place, folder_at
from apilog.store import commit, layout
from apilog.store.entries import DataFile, KnownInput
from apilog.store.files import Span, column_types
from apilog.store.folder import check_columns, check_folder, make
from apilog.store.layout import Kind
from apilog.store.manifest import VERSION, Manifest
from apilog.store.spill import Spill
from apilog.store.store import Store


class Writer:
    """The one writer of a store, from its making to `close` or the end of its `with` block.

    Nothing is visible before `commit`, which may be called again and again. What is not
    committed when the block ends is removed. After an error the writer is closed.
    """

    def __init__(self, path: Place, create: bool = True) -> None:
        """Take the lock, and remove what a killed writer has left.

        A folder that is missing or empty becomes a store, unless `create` is False. Raises
        InputError if another process writes the store, if a newer apilog made it, or if the
        folder holds other things; OutputError if it can't be written.
        """
        self.folder = folder_at(path)
        check_folder(self.folder, create)
        with ExitStack() as undo:
            self._lock: Lock | None = self.folder.lock(layout.LOCK)
            undo.callback(self._lock.release)
            if not Store.is_store(self.folder):
                check_folder(self.folder, create)
                make(self.folder)
            self.store = Store.open(self.folder)
            """The state of the last commit."""
            check_columns(self.store)
            commit.retire(self.folder, self.store.manifest)
            commit.sweep(self.folder, self.store.manifest)
            self._begin()
            undo.pop_all()

    @property
    def path(self) -> Path | str:
        """The path or URL of the store."""
        return self.folder.location

    def add_records(self, frame: pl.DataFrame) -> None:
        """Add records: columns of the schema, text also Categorical; what lacks is null."""
        with self._closing():
            self._spill.add(frame, "records")

    def add_rejects(self, frame: pl.DataFrame) -> None:
        """Add rejects: columns of REJECT_COLUMNS; what lacks is null."""
        with self._closing():
            self._spill.add(frame, "rejects")

    def know(self, known: KnownInput, replaces: KnownInput | None = None) -> None:
        """Note an input as read; `replaces` is what was known of it before.

        Raises KeyError if that isn't known.
        """
        if replaces is not None:
            del self._inputs[replaces]
        self._inputs[known] = None

    def drop(self, files: Iterable[DataFile]) -> None:
        """Leave files out of the next state, which are removed once it is committed.

        Raises KeyError for a file that the store doesn't have.
        """
        for file in files:
            del self._files[file]

    def write(self, rows: pl.DataFrame, kind: Kind, span: Span) -> None:
        """Add a file of rows that are stored already: of one day, in order, columns as stored."""
        with self._closing():
            self._spill.write(rows, kind, span)

    def commit(self) -> Store:
        """Make all that was added the store's state; lasting when this returns.

        Without a change nothing is written. Raises OutputError if it can't be done; the store
        is then in the old state or, if only the last steps failed, in the new one.
        """
        with self._closing():
            files = (*self._files, *self._spill.publish())
            before = self.store.manifest
            inputs = tuple(self._inputs)
            if set(files) == set(before.files) and set(inputs) == set(before.inputs):
                return self.store
            manifest = replace(
                before,
                version=VERSION,
                columns=column_types(),
                generation=before.generation + 1,
                created=datetime.now(UTC),
                files=tuple(sorted(files, key=lambda file: file.name)),
                inputs=inputs,
            )
            self._publish(manifest)
            self.store = Store(self.folder, manifest)
            self._begin()
            commit.clear(self.folder, before, manifest)
        return self.store

    def close(self) -> None:
        """Remove what isn't committed, and let others write; a second time nothing happens."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        try:
            # What can't be removed is swept by the next writer.
            with suppress(OutputError):
                self._spill.discard()
        finally:
            lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _publish(self, manifest: Manifest) -> None:
        publish = commit.prepare(self.folder, manifest)
        # From here on they may be part of the store, even if the next line fails.
        files, self._spill.files = self._spill.files, []
        try:
            publish()
        except FileExistsError as error:
            self._spill.files = files
            raise commit.overtaken(self.folder) from error

    def _begin(self) -> None:
        manifest = self.store.manifest
        self._spill = Spill(self.folder, manifest.generation + 1)
        self._files = dict.fromkeys(manifest.files)
        self._inputs = dict.fromkeys(manifest.inputs)

    @contextmanager
    def _closing(self) -> Iterator[None]:
        """Close the writer if the block fails: half of it must not be committed later."""
        if self._lock is None:
            raise ValueError("the writer is closed")
        with ExitStack() as undo:
            undo.callback(self.close)
            yield
            undo.pop_all()

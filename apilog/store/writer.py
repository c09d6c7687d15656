"""Writing a store: collect, then commit; all or nothing, one writer at a time.

Memory is bounded: rows go to the disk at FLUSH_ROWS rows or FLUSH_BYTES bytes, as files that no
reader sees until the commit. A folder becomes a store only if nothing else is in it.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

import polars as pl

from apilog.errors import InputError, OutputError
from apilog.storage import Folder, FolderLike, FolderLock, folder_at, unreadable_error
from apilog.storage.folder import unfinished_name
from apilog.store import commit, layout
from apilog.store.data_files import (
    DataFile,
    TimeSpan,
    column_types,
    encode_parquet,
    time_span_of,
    with_stored_columns,
)
from apilog.store.layout import DataKind
from apilog.store.manifest import MANIFEST_VERSION, InputCheckpoint, StoreManifest
from apilog.store.reader import Store, no_store_error

FLUSH_ROWS = 200_000
FLUSH_BYTES = 64_000_000
"""The rows and bytes in memory at which they are written out."""

_IGNORED_NAMES = {layout.LOCK_NAME, layout.MANIFEST_FOLDER, "lost+found"}
"""What a folder may hold that becomes a store: a killed writer or the file system left it."""


class WriteBuffer:
    """The files that a writer makes until its next commit."""

    def __init__(self, folder: Folder, generation: int) -> None:
        self._folder = folder
        self._generation = generation
        self._run = secrets.token_hex(4)
        self._held: dict[DataKind, list[pl.DataFrame]] = {"records": [], "rejects": []}
        self._bytes = 0
        self._rows = 0
        self._count = 0
        self.files: list[DataFile] = []
        """The files that are written, but not published yet."""

    def add_rows(self, frame: pl.DataFrame, kind: DataKind) -> None:
        """Keep rows, and write out what is kept if it is enough."""
        if frame.is_empty():
            return
        rows = with_stored_columns(frame, kind)
        self._held[kind].append(rows)
        self._rows += rows.height
        self._bytes += int(rows.estimated_size())
        if self._rows >= FLUSH_ROWS or self._bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write out what is kept: a file per day, and one of rejects."""
        held, self._held = self._held, {"records": [], "rejects": []}
        if held["records"]:
            ordered = _in_order_of_time(held.pop("records"))
            start = 0
            # In order of time each day is one run: a slice, without copying rows.
            for length in ordered["timestamp"].dt.date().rle().struct.field("len"):
                rows = ordered.slice(start, length)
                self.write_file(rows, "records", time_span_of(rows))
                start += length
        if rejects := held["rejects"]:
            now = datetime.now(UTC)
            self.write_file(pl.concat(rejects), "rejects", (now, now))
        self._rows = self._bytes = 0

    def write_file(self, rows: pl.DataFrame, kind: DataKind, span: TimeSpan) -> DataFile:
        """Write a file of rows of one day, in order, with columns as they are stored."""
        first = span[0]
        folder = layout.folder_of_day(first.date() if first else None)
        folder = folder if kind == "records" else "rejects"
        name = layout.data_file_name(folder, self._generation, self._run, self._count)
        data = encode_parquet(rows)
        file = DataFile(
            name=name,
            kind=kind,
            rows=rows.height,
            size=len(data),
            first=first,
            last=span[1],
            crc=zlib.crc32(data),
        )
        # It is noted before it is there, so that a half-written file is discarded.
        self.files.append(file)
        self._count += 1
        self._folder.stage_file(name, data)
        return file

    def publish_files(self) -> tuple[DataFile, ...]:
        """Flush, and give all files their names."""
        self.flush()
        self._folder.publish_files([file.name for file in self.files])
        return tuple(self.files)

    def discard(self) -> None:
        """Remove the files, published or not, and forget the rows."""
        self._held = {"records": [], "rejects": []}
        names = [file.name for file in self.files]
        self._folder.remove_files([*map(unfinished_name, names), *names])
        self.files = []


def _in_order_of_time(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Put records together in order of time; those of one instant stay in that of their lines.

    So the row groups of a file have narrow spans, of which a query reads only those it needs.
    """
    rows = pl.concat(frames)
    # Most logs are in order: what sorting would copy is as much as is held.
    frames.clear()
    if rows["timestamp"].is_sorted():
        return rows
    return rows.sort("timestamp", maintain_order=True)


def check_folder(folder: Folder, create: bool) -> None:
    """Raise InputError for a folder that neither is a store nor can become one."""
    if Store.is_store(folder):
        return
    if not create:
        raise no_store_error(folder)
    try:
        foreign = sorted({n for n in folder.list_entries() if n[0] != "."} - _IGNORED_NAMES)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        hint = "name a folder that is new or empty"
        raise InputError(f"the store {folder} is a file, not a folder", hint) from error
    except OSError as error:
        raise unreadable_error(folder, error, "open the store") from error
    if foreign:
        raise InputError(
            f"{folder} is no store, and not empty: it holds {foreign[0]}",
            "name a folder that is new or empty",
        )


class StoreWriter:
    """The one writer of a store, from its making to `close` or the end of its `with` block.

    Nothing is visible before `commit`, which may be called any number of times. Rows that are not
    committed when the block ends are removed. After an error the writer is closed.
    """

    def __init__(self, path: FolderLike, create: bool = True) -> None:
        """Take the lock, and remove what a killed writer has left behind.

        A folder that is missing or empty becomes a store, unless `create` is False. Raises
        InputError if another process writes the store, if a newer apilog made it, or if the
        folder holds other things; OutputError if it can't be written.
        """
        self.folder = folder_at(path)
        check_folder(self.folder, create)
        with ExitStack() as undo:
            self._lock: FolderLock | None = self.folder.acquire_lock(layout.LOCK_NAME)
            undo.callback(self._lock.release)
            # Looked at again under the lock: another writer may have been first, or have put
            # something else there.
            if not Store.is_store(self.folder):
                check_folder(self.folder, create)
                manifest = StoreManifest(generation=1, created=datetime.now(UTC))
                # Another writer may have made the store just now: then it is there, which is all
                # that counts.
                with suppress(FileExistsError):
                    commit.prepare_commit(self.folder, manifest)()
                    self.folder.check_add_refused(
                        layout.manifest_name(1), manifest.to_json().encode()
                    )
            self.store = Store.open(self.folder)
            """The state of the last commit."""
            types = column_types()
            for name, kind in self.store.manifest.columns.items():
                # Rewriting a file would lose such a column.
                if types.get(name) != kind:
                    raise InputError(
                        f"the store has a column {name} ({kind}) that this apilog doesn't know",
                        "upgrade apilog to write to it; it can be read as it is",
                    )
            commit.retire_manifests(self.folder, self.store.manifest)
            commit.sweep_leftovers(self.folder, self.store.manifest)
            self._begin_generation()
            undo.pop_all()

    def add_records(self, frame: pl.DataFrame) -> None:
        """Add records in columns of the schema, text also Categorical; missing ones are null."""
        with self._close_on_error():
            self._buffer.add_rows(frame, "records")

    def add_rejects(self, frame: pl.DataFrame) -> None:
        """Add rejects in columns of REJECT_COLUMNS; missing ones are null."""
        with self._close_on_error():
            self._buffer.add_rows(frame, "rejects")

    def save_checkpoint(
        self, checkpoint: InputCheckpoint, replaces: InputCheckpoint | None = None
    ) -> None:
        """Note how far an input was read, perhaps in place of an earlier checkpoint of it.

        Raises KeyError if the store doesn't have that one.
        """
        if replaces is not None:
            del self._inputs[replaces]
        self._inputs[checkpoint] = None

    def drop_files(self, files: Iterable[DataFile]) -> None:
        """Leave files out of the next state; they are removed once it is committed.

        Raises KeyError for a file that the store doesn't have.
        """
        for file in files:
            del self._files[file]

    def write_rows(self, rows: pl.DataFrame, kind: DataKind, span: TimeSpan) -> None:
        """Write a file of rows of one day, in order, with columns as they are stored."""
        with self._close_on_error():
            self._buffer.write_file(rows, kind, span)

    def adopt_files(self, files: Iterable[DataFile]) -> None:
        """Take files that others have staged in the store's folder: the next commit has them.

        They are removed with those of this writer if there is none.
        """
        self._buffer.files.extend(files)

    def commit(self) -> Store:
        """Make everything that was added the state of the store, lasting when this returns.

        Without a change nothing is written. Raises OutputError if it can't be done; the store
        is then in the old state or, if only the last steps failed, in the new one.
        """
        with self._close_on_error():
            files = (*self._files, *self._buffer.publish_files())
            before = self.store.manifest
            inputs = tuple(self._inputs)
            is_same = set(files) == set(before.files) and set(inputs) == set(before.inputs)
            if is_same and self.templates == before.templates:
                return self.store
            manifest = replace(
                before,
                version=MANIFEST_VERSION,
                columns=column_types(),
                generation=before.generation + 1,
                created=datetime.now(UTC),
                files=tuple(sorted(files, key=lambda file: file.name)),
                inputs=inputs,
                templates=self.templates,
            )
            publish = commit.prepare_commit(self.folder, manifest)
            # From here on the files may be part of the store, even if the next line fails: an
            # answer may be lost after the manifest has appeared. So `close` must not remove them.
            unpublished, self._buffer.files = self._buffer.files, []
            try:
                publish()
            except FileExistsError as error:
                self._buffer.files = unpublished
                raise commit.overtaken_error(self.folder) from error
            self.store = Store(self.folder, manifest)
            self._begin_generation()
            commit.remove_replaced(self.folder, before, manifest)
        return self.store

    def close(self) -> None:
        """Remove what isn't committed, and let others write; it may be called twice."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        try:
            # The next writer sweeps what can't be removed now.
            with suppress(OutputError):
                self._buffer.discard()
        finally:
            lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin_generation(self) -> None:
        manifest = self.store.manifest
        self._buffer = WriteBuffer(self.folder, manifest.generation + 1)
        self._files = dict.fromkeys(manifest.files)
        self._inputs = dict.fromkeys(manifest.inputs)
        self.templates = manifest.templates
        """What is known of routes; the next commit keeps it."""

    @contextmanager
    def _close_on_error(self) -> Iterator[None]:
        """Close the writer if the block fails: half of it must not be committed later."""
        if self._lock is None:
            raise ValueError("the writer is closed")
        with ExitStack() as undo:
            undo.callback(self.close)
            yield
            undo.pop_all()

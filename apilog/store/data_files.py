"""Data files of a store: their entries in a manifest, and frames to Parquet bytes and back.

A file has every column of its schema in that order, text as plain strings, its rows in order of
time, so that DuckDB, pandas and Spark read it as it stands.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from apilog.errors import InputError
from apilog.schema import COLUMNS, SCHEMA
from apilog.storage import Folder, FolderLike, folder_at
from apilog.store import layout
from apilog.store.layout import DataKind

ColumnTypes = Mapping[str, pl.DataType | type[pl.DataType]]

REJECT_COLUMNS: ColumnTypes = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
    "format": pl.String,
}
"""The columns of stored rejects."""

_STORED_COLUMNS: Mapping[DataKind, ColumnTypes] = {
    "records": SCHEMA,
    "rejects": REJECT_COLUMNS,
}

_ROW_GROUP_ROWS = 250_000
_ASCENDING = frozenset({"timestamp", "line_number"})
"""Columns that change little from row to row: stored as differences, not as values.

That is Parquet's DELTA_BINARY_PACKED: https://parquet.apache.org/docs/file-format/data-pages/encodings/
"""

TimeSpan = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A Parquet file of the store; its size is in bytes, its times are UTC."""

    name: str
    """The path relative to the store, with slashes."""
    kind: DataKind
    rows: int
    size: int
    first: datetime | None
    """The first record's time, or when rejects were stored; None without times."""
    last: datetime | None
    crc: int
    """The CRC-32 of its bytes."""

    def to_json(self) -> dict[str, object]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        times = {name: values[name] and format_instant(values[name]) for name in ("first", "last")}
        return values | times

    @classmethod
    def from_json(cls, entry: Mapping[str, object]) -> DataFile:
        """Parse an entry of a manifest; KeyError, TypeError or ValueError if it is no file."""
        times = {
            name: parse_instant(entry[name]) if entry[name] else None for name in ("first", "last")
        }
        file = cls(**(dict(entry) | times))  # type: ignore[arg-type]
        check_types(file, {"name": str, "rows": int, "size": int, "crc": int})
        # The name is joined to the path of the store, and the file may be removed: a manifest
        # must not lead to files elsewhere.
        if not layout.is_data_name(file.name) or not file.name.startswith(f"{file.kind}/"):
            raise ValueError(file.name)
        return file


def check_types(entry: object, types: Mapping[str, type]) -> None:
    """Raise TypeError for an attribute of another type than JSON should have given it."""
    for name, expected in types.items():
        # `bool` is a subclass of `int`, and true is no count.
        if type(getattr(entry, name)) is not expected:
            raise TypeError(name)


def format_instant(instant: datetime) -> str:
    """Format an instant as a manifest has it: ISO 8601, UTC, with a Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_instant(text: object) -> datetime:
    """Undo `format_instant`; ValueError for other texts."""
    return datetime.fromisoformat(str(text)).astimezone(UTC)


def column_types() -> dict[str, str]:
    """Return the columns of stored records with their types, as a manifest names them."""
    return {c.name: c.type_name for c in COLUMNS}


def with_stored_columns(frame: pl.DataFrame, kind: DataKind) -> pl.DataFrame:
    """Return the frame with exactly the stored columns; those that it lacks are null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _STORED_COLUMNS[kind].items()
    )


def encode_parquet(frame: pl.DataFrame) -> bytes:
    """Encode a frame with the stored columns as a Parquet file."""
    # Polars can't write columns as differences, which makes files a fifth smaller.
    from pyarrow import parquet

    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    names = set(table.column_names)
    buffer = io.BytesIO()
    # Higher levels cost time and save nothing here; each row group has dictionaries of its own.
    parquet.write_table(
        table,
        buffer,
        compression="zstd",
        compression_level=1,
        row_group_size=_ROW_GROUP_ROWS,
        use_dictionary=sorted(names - _ASCENDING),
        column_encoding=dict.fromkeys(names & _ASCENDING, "DELTA_BINARY_PACKED"),
        store_schema=False,
    )
    return buffer.getvalue()


def time_span_of(frame: pl.DataFrame) -> TimeSpan:
    """Return the first and last time of records in order of time."""
    times = frame["timestamp"].drop_nulls()
    return (times[0], times[-1]) if len(times) else (None, None)


def scan_files(
    paths: Sequence[Path | str], kind: DataKind, options: dict[str, str] | None = None
) -> pl.LazyFrame:
    """Scan the rows of files as they are stored; columns that an older file lacks are null.

    `options` are the folder's `scan_options`.
    """
    types = _STORED_COLUMNS[kind]
    if not paths:
        return pl.LazyFrame(schema=types)
    return pl.scan_parquet(
        [str(path) for path in paths],
        schema=types,
        missing_columns="insert",
        extra_columns="ignore",
        glob=False,
        hive_partitioning=False,
        storage_options=options,
    )


def read_verified(store: FolderLike, file: DataFile) -> pl.DataFrame:
    """Read the rows of a file as they are stored; InputError if the file is damaged."""
    folder = folder_at(store)
    if problem := find_damage(folder, file):
        raise InputError(f"{folder.path(file.name)} {problem}", "see `apilog store verify`")
    return scan_files([folder.path(file.name)], file.kind, folder.scan_options).collect()


def find_damage(folder: Folder, file: DataFile) -> str | None:
    """Compare a file with its entry in the manifest; None if it is intact, or what is wrong."""
    try:
        data = folder.read_file(file.name)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    if len(data) != file.size:
        return f"has {len(data):,} bytes instead of {file.size:,}"
    if zlib.crc32(data) != file.crc:
        return "has other bytes than were written"
    try:
        rows = pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item()
    except pl.exceptions.PolarsError as error:
        return f"is no Parquet file: {str(error).splitlines()[0]}"
    return None if rows == file.rows else f"has {rows:,} rows instead of {file.rows:,}"

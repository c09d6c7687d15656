"""Data files of a store: what a manifest says of them, and frames to Parquet bytes and back.

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
from apilog.schema import COLUMNS, GATEWAY, SCHEMA
from apilog.storage import Folder, FolderLike, folder_at
from apilog.store import layout
from apilog.store.layout import DataKind

EntryValue = str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A Parquet file of the store."""

    name: str
    """Relative to the store, with slashes."""
    kind: DataKind
    rows: int
    size: int
    """Bytes."""
    first: datetime | None
    """UTC: the first record's time; of rejects, when they were stored. None without times."""
    last: datetime | None
    crc: int
    """CRC-32 of its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCheckpoint:
    """An input that was read, known by its content; lengths are of decompressed bytes."""

    head_hash: str
    """SHA-256 of its first `head_length` bytes, hexadecimal."""
    head_length: int
    offset: int
    """Bytes consumed."""
    tail_hash: str
    """SHA-256 of the last 4 KiB consumed, hexadecimal."""
    path: str
    """Where it was last seen."""
    complete: bool
    """Whether it can't grow: it was compressed, a stream, or said to be final."""
    lines: int
    records: int
    rejects: int
    skipped: int
    format: str | None
    packed: tuple[str, ...] = ()
    """What compressed files of just this content are known by without being decompressed."""


def entry_to_json(entry: DataFile | InputCheckpoint) -> dict[str, EntryValue]:
    """The entry as JSON holds it."""
    values = ((field.name, getattr(entry, field.name)) for field in fields(entry))
    return {name: format_instant(v) if isinstance(v, datetime) else v for name, v in values}


def parse_data_file(entry: Mapping[str, object]) -> DataFile:
    """The file that JSON describes; KeyError, TypeError or ValueError if it describes none."""
    times = {
        name: parse_instant(entry[name]) if entry[name] else None for name in ("first", "last")
    }
    file = DataFile(**(dict(entry) | times))  # type: ignore[arg-type]
    _check_types(file, {"name": str, "rows": int, "size": int, "crc": int})
    # A name is joined to the store's folder, and may be removed.
    if not layout.is_data_name(file.name) or not file.name.startswith(f"{file.kind}/"):
        raise ValueError(file.name)
    return file


def parse_checkpoint(entry: Mapping[str, object]) -> InputCheckpoint:
    """The input that JSON describes; TypeError if it describes none."""
    packed = entry.get("packed", [])
    if not (isinstance(packed, list) and all(isinstance(text, str) for text in packed)):
        raise TypeError("packed")
    known = InputCheckpoint(**(dict(entry) | {"packed": tuple(packed)}))  # type: ignore[arg-type]
    _check_types(known, _INPUT_TYPES)
    return known


_INPUT_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("head_hash", "tail_hash", "path"), str),
    **dict.fromkeys(("head_length", "offset", "lines", "records", "rejects", "skipped"), int),
    "complete": bool,
}


def _check_types(entry: DataFile | InputCheckpoint, types: Mapping[str, type]) -> None:
    for name, wanted in types.items():
        if type(getattr(entry, name)) is not wanted:
            raise TypeError(name)


def format_instant(instant: datetime) -> str:
    """An instant as the manifest writes it: ISO 8601, UTC, with a Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_instant(text: object) -> datetime:
    """The instant that `instant_text` wrote; ValueError for other texts."""
    return datetime.fromisoformat(str(text)).astimezone(UTC)


ColumnTypes = Mapping[str, pl.DataType | type[pl.DataType]]

REJECT_COLUMNS: ColumnTypes = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
    "format": pl.String,
}
"""Columns of stored rejects."""

# As text, so that a store outlives the list of gateways.
_RECORD_COLUMNS: ColumnTypes = SCHEMA | {"gateway": pl.String}
_STORED_COLUMNS: Mapping[DataKind, ColumnTypes] = {
    "records": _RECORD_COLUMNS,
    "rejects": REJECT_COLUMNS,
}

_ROW_GROUP_ROWS = 250_000
_ASCENDING = frozenset({"timestamp", "line_number"})
"""Columns that change little from row to row: stored as differences, not as values."""

TimeSpan = tuple[datetime | None, datetime | None]


def column_types() -> dict[str, str]:
    """The columns of stored records with their types, as a manifest names them."""
    return {c.name: "String" if c.dtype == GATEWAY else c.type_name for c in COLUMNS}


def with_stored_columns(frame: pl.DataFrame, kind: DataKind) -> pl.DataFrame:
    """The frame with exactly the stored columns; those that it lacks are null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _STORED_COLUMNS[kind].items()
    )


def encode_parquet(frame: pl.DataFrame) -> bytes:
    """A Parquet file of a frame that `stored` gave."""
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
    """The first and last time of records in order of time."""
    times = frame["timestamp"].drop_nulls()
    return (times[0], times[-1]) if len(times) else (None, None)


def describe_file(name: str, kind: DataKind, rows: int, span: TimeSpan, data: bytes) -> DataFile:
    """What the manifest says of a file with these bytes."""
    return DataFile(
        name=name,
        kind=kind,
        rows=rows,
        size=len(data),
        first=span[0],
        last=span[1],
        crc=zlib.crc32(data),
    )


def scan_files(
    paths: Sequence[Path | str], kind: DataKind, options: dict[str, str] | None = None
) -> pl.LazyFrame:
    """The rows of the files as they are stored; columns that an older file lacks are null.

    `options` are what Polars needs for URLs.
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


def with_schema_types(stored_records: pl.LazyFrame) -> pl.LazyFrame:
    """Stored records with the types of the schema."""
    return stored_records.with_columns(pl.col("gateway").cast(GATEWAY))


def read_verified(store: FolderLike, file: DataFile) -> pl.DataFrame:
    """The rows of a file, its columns as stored; InputError if it isn't as it was written."""
    folder = folder_at(store)
    if problem := find_damage(folder, file):
        raise InputError(f"{folder.path(file.name)} {problem}", "see `apilog store verify`")
    return scan_files([folder.path(file.name)], file.kind, folder.scan_options).collect()


def find_damage(folder: Folder, file: DataFile) -> str | None:
    """What is wrong with a file, measured by the manifest; None for one that is intact."""
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

"""Data files of a store: frames to Parquet bytes, and back.

A file has every column of its schema in that order, text as plain strings, its rows in order
of time; so that DuckDB, pandas and Spark read it as it stands.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from apilog.errors import InputError
from apilog.schema import COLUMNS, GATEWAY, SCHEMA
from apilog.storage import Folder, Place, folder_at
from apilog.store.entries import DataFile
from apilog.store.layout import Kind

Types = Mapping[str, pl.DataType | type[pl.DataType]]

REJECT_COLUMNS: Types = {
    "source": pl.String,
    "line_number": pl.Int64,
    "line": pl.String,
    "reason": pl.String,
    "format": pl.String,
}
"""Columns of stored rejects."""

# As text, so that a store outlives the list of gateways.
_RECORD_COLUMNS: Types = SCHEMA | {"gateway": pl.String}
_STORED: Mapping[Kind, Types] = {"records": _RECORD_COLUMNS, "rejects": REJECT_COLUMNS}

_ROW_GROUP = 250_000
_ASCENDING = frozenset({"timestamp", "line_number"})
"""Columns that change little from row to row: stored as differences, not as values."""

Span = tuple[datetime | None, datetime | None]


def column_types() -> dict[str, str]:
    """The columns of stored records with their types, as a manifest names them."""
    return {c.name: "String" if c.dtype == GATEWAY else c.type_name for c in COLUMNS}


def stored(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """The frame with exactly the stored columns; those that it lacks are null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _STORED[kind].items()
    )


def encode(frame: pl.DataFrame) -> bytes:
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
        row_group_size=_ROW_GROUP,
        use_dictionary=sorted(names - _ASCENDING),
        column_encoding=dict.fromkeys(names & _ASCENDING, "DELTA_BINARY_PACKED"),
        store_schema=False,
    )
    return buffer.getvalue()


def span_of(frame: pl.DataFrame) -> Span:
    """The first and last time of records in order of time."""
    times = frame["timestamp"].drop_nulls()
    return (times[0], times[-1]) if len(times) else (None, None)


def describe(name: str, kind: Kind, rows: int, span: Span, data: bytes) -> DataFile:
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
    paths: Sequence[Path | str], kind: Kind, options: dict[str, str] | None = None
) -> pl.LazyFrame:
    """The rows of the files as they are stored; columns that an older file lacks are null.

    `options` are what Polars needs for URLs.
    """
    types = _STORED[kind]
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


def as_schema(stored_records: pl.LazyFrame) -> pl.LazyFrame:
    """Stored records with the types of the schema."""
    return stored_records.with_columns(pl.col("gateway").cast(GATEWAY))


def read_intact(store: Place, file: DataFile) -> pl.DataFrame:
    """The rows of a file, its columns as stored; InputError if it isn't as it was written."""
    folder = folder_at(store)
    if problem := problem_of(folder, file):
        raise InputError(f"{folder.path(file.name)} {problem}", "see `apilog store verify`")
    return scan_files([folder.path(file.name)], file.kind, folder.scan_options).collect()


def problem_of(folder: Folder, file: DataFile) -> str | None:
    """What is wrong with a file, measured by the manifest; None for one that is intact."""
    try:
        data = folder.read(file.name)
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

"""Parquet files: each row becomes an object on a line, named by the columns.

The footer of a file tells where its columns are, so that a stream is put down on disk before it is
read; a file that lies there anyway is read where it is. Rows come in batches, and memory is bounded
by those. Times are written in ISO 8601 (UTC where they have no zone), durations with their unit.
See https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from io import BytesIO

import polars as pl

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage

PARQUET_MAGIC = b"PAR1"
_BATCH_ROWS = 16_384
_STEP_BYTES = 1 << 20
_ERRORS = (pl.exceptions.PolarsError, OSError)


def read_parquet(stream: ByteStream) -> BlockStream:
    """Return the rows of a stream that holds a Parquet file, a line each."""
    return BlockStream(_convert_spooled(stream))


def read_parquet_file(path: str) -> BlockStream:
    """Return the rows of a Parquet file, a line each."""
    return BlockStream(_convert(path))


def _convert_spooled(stream: ByteStream) -> Iterator[bytes]:
    damage: StreamDamage | None = None
    with tempfile.NamedTemporaryFile(prefix="apilog-", suffix=".parquet") as spooled:
        try:
            while block := stream.read(_STEP_BYTES):
                spooled.write(block)
        except StreamDamage as error:
            damage = error
        except OSError as error:
            raise StreamDamage(f"no room for a copy: {error.strerror or error}") from error
        spooled.flush()
        if damage is not None:
            raise damage
        yield from _convert(spooled.name)


def _convert(path: str) -> Iterator[bytes]:
    try:
        table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        columns = [_as_json(name, dtype) for name, dtype in table.collect_schema().items()]
        for batch in table.select(columns).collect_batches(chunk_size=_BATCH_ROWS):
            out = BytesIO()
            batch.write_ndjson(out)
            yield out.getvalue()
    except _ERRORS as error:
        (reason, *_) = str(error).splitlines() or [type(error).__name__]
        raise StreamDamage(f"not a whole Parquet file: {reason}") from error


def _as_json(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column as JSON has it."""
    column = pl.col(name)
    match dtype:
        case pl.Datetime():
            utc = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
            digits = {"ms": 3, "us": 6, "ns": 9}[dtype.time_unit]
            return utc.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.{digits}fZ").alias(name)
        case pl.Duration():
            return pl.format("{}us", column.dt.total_microseconds()).alias(name)
        case pl.Date() | pl.Time() | pl.Categorical() | pl.Enum() | pl.Binary():
            return column.cast(pl.String, strict=False).alias(name)
        case pl.Decimal():
            return column.cast(pl.Float64).alias(name)
        case _:
            return column

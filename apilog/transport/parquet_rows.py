"""Parquet files: each row becomes an object on a line, named by the columns.

The footer of a file tells where its columns are, so that a stream is put down on disk before it is
read; a file that lies there anyway is read where it is. Rows come in batches, and memory is bounded
by those. Times are written in ISO 8601 (UTC where they have no zone), durations with their unit.
See https://parquet.apache.org/docs/file-format/

Folders such as `stage=prod` hold a column that their files lack, see
https://cwiki.apache.org/confluence/display/hive/languagemanual+ddl. It is added, unless it tells
of the time: rows have finer times of their own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from urllib.parse import unquote

import polars as pl

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage

PARQUET_MAGIC = b"PAR1"
_BATCH_ROWS = 16_384
_STEP_BYTES = 1 << 20
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_TELLS_TIME = re.compile(
    r"(?:^|[_-])(?:year|yyyy|month|mm|day|dd|hour|hh|minute|week|quarter|date|dt|ds|time|ts)(?:$|[_-])"
    r"|time(?:stamp)?$|date$"
)
_IS_DATE = re.compile(r"[0-9]{4}[-/_][0-9]{2}|[0-9]{6,}\Z")
_ERRORS = (pl.exceptions.PolarsError, OSError)


def read_parquet(stream: ByteStream, path: str = "") -> BlockStream:
    """Return the rows of a stream that holds the Parquet file of this name, a line each."""
    return BlockStream(_convert_spooled(stream, parse_partitions(path)))


def read_parquet_file(path: str) -> BlockStream:
    """Return the rows of a Parquet file, a line each."""
    return BlockStream(_convert(path, parse_partitions(path)))


def parse_partitions(path: str) -> dict[str, str]:
    """Return the columns that the names of a file's folders hold, but those of times.

    >>> parse_partitions("logs/stage=prod/year=2026/a.parquet")
    {'stage': 'prod'}
    """
    columns: dict[str, str] = {}
    for folder in re.split(r"[/\\]", path)[:-1]:
        name, is_column, value = folder.partition("=")
        if is_column and name and value != _NO_VALUE and not _TELLS_TIME.search(name.lower()):
            columns[name] = unquote(value)
    return {name: value for name, value in columns.items() if not _IS_DATE.match(value)}


def _convert_spooled(stream: ByteStream, partitions: Mapping[str, str]) -> Iterator[bytes]:
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
        yield from _convert(spooled.name, partitions)


def _convert(path: str, partitions: Mapping[str, str]) -> Iterator[bytes]:
    try:
        table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = table.collect_schema()
        columns = [_as_json(name, dtype) for name, dtype in schema.items()]
        own = {name.lower() for name in schema}
        told = {name: value for name, value in partitions.items() if name.lower() not in own}
        columns += [pl.lit(value).alias(name) for name, value in told.items()]
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

"""Frames made of values that data formats can hold; no value is rounded or made up.

Not-a-number and infinity become null, dictionary-encoded text becomes text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl
from polars import selectors as cs

SLICE_ROWS = 50_000
"""The rows that are turned into text at a time, to bound memory."""


_PLAIN_TYPES = (pl.String, pl.Boolean)
"""Types of which every value is one that all data formats can hold, beside integers."""


def iso_timestamp(moment: datetime, timezone: str) -> str:
    """Format a time as ISO 8601 in that zone, with microseconds only if there are any."""
    if timezone == "UTC":
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    return moment.astimezone(ZoneInfo(timezone)).isoformat()


def typed_values(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with its types, for formats that have types."""
    return frame.select(
        _typed_column(exact_column(name), dtype).alias(name) for name, dtype in frame.schema.items()
    )


def plain_values(frame: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return the frame as text, numbers and booleans; lists and structs stay as they are."""
    # Most columns stay: asking for each of them takes longer than writing a small table.
    return frame.with_columns(
        _plain_column(exact_column(name), dtype, timezone).alias(name)
        for name, dtype in frame.schema.items()
        if not isinstance(dtype, _PLAIN_TYPES) and not dtype.is_integer()
    )


def flat_values(frame: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return the frame as `plain_values` does, with lists and structs as JSON text."""
    simple = plain_values(frame, timezone)
    nested = [name for name, dtype in simple.schema.items() if dtype.is_nested()]
    for name in nested:
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in simple[name].to_list()
        ]
        simple = simple.with_columns(pl.Series(name, texts, dtype=pl.String))
    return simple


def text_slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the frame in parts that are small as text; none for an empty frame."""
    if frame.height:
        yield from frame.iter_slices(SLICE_ROWS)


def exact_column(name: str) -> pl.Expr:
    """Return the column of that name; `pl.col` would take `*` or `^a` for a pattern."""
    return cs.by_name(name).as_expr()


def _typed_column(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_float():
        return pl.when(column.is_finite()).then(column)
    if isinstance(dtype, pl.Enum | pl.Categorical | pl.Null):
        return column.cast(pl.String)
    return column


def _plain_column(column: pl.Expr, dtype: pl.DataType, timezone: str) -> pl.Expr:
    match dtype:
        case pl.Datetime():
            offset = ""
            if dtype.time_zone is not None:
                column = column.dt.convert_time_zone(timezone)
                offset = "Z" if timezone == "UTC" else "%:z"
            seconds = column.dt.to_string(f"%Y-%m-%dT%H:%M:%S{offset}")
            fraction = column.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.6f{offset}")
            return pl.when(column.dt.microsecond() == 0).then(seconds).otherwise(fraction)
        case pl.Date():
            return column.cast(pl.String)
        case pl.Time():
            return column.dt.to_string("%H:%M:%S%.f")
        case pl.Duration():
            return column.dt.to_string("iso")
        case pl.Decimal():
            return column.cast(pl.Float64)
        case pl.Binary():
            return column.bin.encode("hex")
        case _:
            return _typed_column(column, dtype)

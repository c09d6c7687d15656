"""Values of account tables, from text or whatever a database or Parquet file holds.

A value that can't be understood is null and marked; an empty text is a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from apilog.success.accounts.columns import Kind

_ISO = (
    r"^(?<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?<minutes>\d{2}:\d{2})(?<seconds>:\d{2})?(?<fraction>[.,]\d{1,9})?"
    r" ?(?<zone>[Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_PATTERN = "%Y-%m-%dT%H:%M:%S%.f%:z"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
SEPARATOR = ";"
"""Between the consumers of one account."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A column as it is meant."""

    values: pl.Series
    bad: pl.Series
    """Whether a value is there that can't be understood."""
    lacks_zone: bool = False
    """Whether some time says nothing of a zone, and was taken as UTC."""


def convert(column: pl.Series, kind: Kind) -> Converted:
    """A column of that kind: String, a time in UTC, or Float64."""
    return _CONVERTERS[kind](column)


def as_text(column: pl.Expr) -> pl.Expr:
    """Trimmed text; null where nothing is left."""
    text = column.str.strip_chars()
    return pl.when(text != "").then(text)


def _as_text(column: pl.Series) -> pl.Series:
    """Any column as trimmed text; lists are joined by `;`, whole numbers have no point."""
    if isinstance(column.dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join(SEPARATOR, ignore_nulls=True)
    elif column.dtype.is_float() and _is_whole(column):
        column = column.cast(pl.Int64)  # some databases write ids as 1234.0
    return pl.select(as_text(pl.lit(column.cast(pl.String)))).to_series().alias(column.name)


def _is_whole(column: pl.Series) -> bool:
    return bool((column.is_finite() & (column == column.round())).all())


def _text(column: pl.Series) -> Converted:
    values = _as_text(column)
    return Converted(values, pl.Series([False]).new_from_index(0, len(values)))


def _money(column: pl.Series) -> Converted:
    given = _as_text(column) if column.dtype == pl.String else column
    values = given.cast(pl.Float64, strict=False)
    values = _where(values, values.is_finite() & (values >= 0))
    return Converted(values, given.is_not_null() & values.is_null())


def _instant(column: pl.Series) -> Converted:
    given, lacks_zone = column, False
    if isinstance(column.dtype, pl.Datetime):
        lacks_zone = column.dtype.time_zone is None and column.count() > 0
        values = column.dt.cast_time_unit("us")
        values = (
            values.dt.convert_time_zone("UTC")
            if column.dtype.time_zone
            else values.dt.replace_time_zone("UTC")
        )
    elif column.dtype == pl.Date:
        lacks_zone = column.count() > 0
        values = column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    else:
        given = _as_text(column)
        values, lacks_zone = _parsed(given)
    values = _where(values, values >= _EARLIEST)
    return Converted(values, given.is_not_null() & values.is_null(), lacks_zone)


def _parsed(texts: pl.Series) -> tuple[pl.Series, bool]:
    """ISO 8601 as instants; a day alone is its first moment."""
    parts = texts.str.extract_groups(_ISO).struct.unnest()
    zone = pl.col("zone")
    offset = (
        pl.when(zone.is_null() | zone.str.contains("^(?:[Zz]|UTC)$"))
        .then(pl.lit("+00:00"))
        .when(zone.str.len_chars() == 3)
        .then(zone + ":00")
        .otherwise(zone.str.replace(r"^(...)(\d\d)$", "$1:$2"))
    )
    whole = pl.concat_str(
        "date",
        pl.lit("T"),
        pl.col("minutes").fill_null("00:00"),
        pl.col("seconds").fill_null(":00"),
        pl.col("fraction").fill_null("").str.replace(",", "."),
        offset,
    )
    instants = whole.str.to_datetime(_PATTERN, time_unit="us", strict=False)
    read = parts.select(instants.alias(texts.name), lacks=zone.is_null() & instants.is_not_null())
    return read.to_series(), bool(read["lacks"].any())


def _where(values: pl.Series, holds: pl.Series) -> pl.Series:
    """The values for which it holds, null elsewhere."""
    return pl.select(pl.when(holds).then(values)).to_series().alias(values.name)


_CONVERTERS: Mapping[Kind, Callable[[pl.Series], Converted]] = {
    Kind.TEXT: _text,
    Kind.MONEY: _money,
    Kind.INSTANT: _instant,
}

"""Cells of an account table as texts: trimmed, without what means nothing, shown with care."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import polars as pl

MOST_SHOWN = 40
"""The number of characters that a message shows of a value."""

_NULLS = ("\\N", "NULL", "(null)", "#N/A")
"""What databases and spreadsheets write for a missing value: in any column.

https://dev.mysql.com/doc/refman/8.4/en/null-values.html,
https://www.postgresql.org/docs/current/sql-copy.html
"""
NOTHINGS = frozenset(
    {"-", "--", "–", "—", "n/a", "na", "null", "none", "nil", "undefined"}
    | {text.lower() for text in _NULLS}
    | {"0000-00-00", "0000-00-00 00:00:00", "0001-01-01", "0001-01-01t00:00:00z"}
)
"""What people and programs write where there is no time or amount, in lower case.

The last are zero dates: https://dev.mysql.com/doc/refman/8.4/en/using-date.html,
https://pkg.go.dev/time#Time
"""


@dataclass(frozen=True, slots=True)
class ConvertedColumn:
    """A column converted to its kind."""

    values: pl.Series
    bad: pl.Series
    """Marks values that are present but can't be parsed."""
    nothing: str | None = None
    """A text that was taken as missing, such as `N/A`."""
    lacks_zone: bool = False
    """Whether a time has no zone, and was taken as UTC."""


def trimmed_text(column: pl.Expr) -> pl.Expr:
    """Return the text without surrounding blanks, or null if nothing is left."""
    text = column.str.strip_chars()
    return pl.when(text != "").then(text)


def column_as_text(column: pl.Series, separator: str = ";") -> pl.Series:
    """Convert any column to trimmed text: lists joined, whole numbers without a point."""
    if column.dtype == pl.List(pl.Binary):
        lists = [None if cells is None else [*map(_as_python_text, cells)] for cells in column]
        column = pl.Series(column.name, lists, dtype=pl.List(pl.String))
    if isinstance(column.dtype, pl.Struct | pl.Binary | pl.Object):
        column = pl.Series(column.name, map(_as_python_text, column), dtype=pl.String)
    elif isinstance(column.dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join(separator, ignore_nulls=True)
    elif column.dtype.is_float() and (column.is_finite() & (column == column.round())).all():
        column = column.cast(pl.Int64)  # some databases write ids as 1234.0
    return pl.select(trimmed_text(pl.lit(column.cast(pl.String)))).to_series().alias(column.name)


def _as_python_text(value: object) -> str | None:
    """Return bytes as text: a UUID as PostgreSQL shows it, UTF-8, else hexadecimal digits."""
    if not isinstance(value, bytes):
        return None if value is None else str(value)
    if len(value) == 16:
        return str(UUID(bytes=value))
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def remove_nulls(texts: pl.Series) -> tuple[pl.Series, str | None]:
    """Return texts without those that mean null anywhere, and one of those."""
    return _remove(texts, texts.is_in(_NULLS))


def remove_nothings(texts: pl.Series) -> tuple[pl.Series, str | None]:
    """Return times or amounts without texts that mean nothing, and one of those."""
    return _remove(texts, texts.str.to_lowercase().is_in(list(NOTHINGS)))


def _remove(texts: pl.Series, removed: pl.Series) -> tuple[pl.Series, str | None]:
    removed = removed.fill_null(value=False)
    if not removed.any():
        return texts, None
    first = str(texts.filter(removed)[0])
    return null_unless(texts, ~removed), first


def null_unless(values: pl.Series, holds: pl.Series) -> pl.Series:
    """Replace values by null where the condition does not hold."""
    return pl.select(pl.when(holds).then(values)).to_series().alias(values.name)


def show_value(text: str) -> str:
    """Return a value in quotes for a message: not too long, and no e-mail address."""
    if "@" in text:  # what stands in a wrong column may be one
        return "(hidden)"
    shown = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
    return f"'{shown}'"

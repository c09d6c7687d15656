"""The columns of an account table: their names, their kinds, and the conversion of their values.

A value that can't be understood becomes null and is marked; an empty text is a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

import polars as pl

from apilog.errors import UsageError
from apilog.text import did_you_mean


class AccountColumnKind(Enum):
    """The kind of value that a column of the account table holds."""

    TEXT = "text"
    INSTANT = "time"
    MONEY = "number"


ACCOUNT_COLUMNS: Mapping[str, AccountColumnKind] = {
    "account": AccountColumnKind.TEXT,
    "consumers": AccountColumnKind.TEXT,
    "signed_up_at": AccountColumnKind.INSTANT,
    "plan": AccountColumnKind.TEXT,
    "trial_kind": AccountColumnKind.TEXT,
    "trial_started_at": AccountColumnKind.INSTANT,
    "trial_ends_at": AccountColumnKind.INSTANT,
    "converted_at": AccountColumnKind.INSTANT,
    "churned_at": AccountColumnKind.INSTANT,
    "mrr": AccountColumnKind.MONEY,
    "poc_started_at": AccountColumnKind.INSTANT,
    "poc_completed_at": AccountColumnKind.INSTANT,
    "variant": AccountColumnKind.TEXT,
}
"""All columns that have a meaning; only `account` is required."""


@dataclass(frozen=True, slots=True)
class AccountColumns:
    """The names that the columns have in an account table."""

    names: Mapping[str, str] = field(default_factory=dict)
    """The table's own names by those of `ACCOUNT_COLUMNS`; a missing one is the same."""

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in ACCOUNT_COLUMNS:
                known = f"they have {', '.join(ACCOUNT_COLUMNS)}"
                raise UsageError(
                    f"[accounts.columns]: accounts have no column {name!r}",
                    did_you_mean(name, ACCOUNT_COLUMNS, known, at_most=1, quoted=True),
                )

    def own_name(self, name: str) -> str:
        """Return the name of the column in the table."""
        return self.names.get(name, name)


_ISO = (
    r"^(?<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?<minutes>\d{2}:\d{2})(?<seconds>:\d{2})?(?<fraction>[.,]\d{1,9})?"
    r" ?(?<zone>[Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_PATTERN = "%Y-%m-%dT%H:%M:%S%.f%:z"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CONSUMER_SEPARATOR = ";"
"""Separates the consumers of one account."""


@dataclass(frozen=True, slots=True)
class ConvertedColumn:
    """A column converted to its kind."""

    values: pl.Series
    bad: pl.Series
    """Marks values that are present but can't be parsed."""
    lacks_zone: bool = False
    """Whether a time has no zone, and was taken as UTC."""


def convert_column(column: pl.Series, kind: AccountColumnKind) -> ConvertedColumn:
    """Convert a column to its kind: String, a time in UTC, or Float64."""
    return _CONVERTERS[kind](column)


def trimmed_text(column: pl.Expr) -> pl.Expr:
    """Return the text without surrounding blanks, or null if nothing is left."""
    text = column.str.strip_chars()
    return pl.when(text != "").then(text)


def _column_as_text(column: pl.Series) -> pl.Series:
    """Convert any column to trimmed text: lists joined by `;`, whole numbers without a point."""
    if isinstance(column.dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join(CONSUMER_SEPARATOR, ignore_nulls=True)
    elif column.dtype.is_float() and (column.is_finite() & (column == column.round())).all():
        column = column.cast(pl.Int64)  # some databases write ids as 1234.0
    return pl.select(trimmed_text(pl.lit(column.cast(pl.String)))).to_series().alias(column.name)


def _convert_text(column: pl.Series) -> ConvertedColumn:
    values = _column_as_text(column)
    return ConvertedColumn(values, pl.Series([False]).new_from_index(0, len(values)))


def _convert_money(column: pl.Series) -> ConvertedColumn:
    original = _column_as_text(column) if column.dtype == pl.String else column
    values = original.cast(pl.Float64, strict=False)
    values = _null_unless(values, values.is_finite() & (values >= 0))
    return ConvertedColumn(values, original.is_not_null() & values.is_null())


def _convert_instants(column: pl.Series) -> ConvertedColumn:
    original, lacks_zone = column, False
    if isinstance(column.dtype, pl.Datetime):
        lacks_zone = column.dtype.time_zone is None and column.count() > 0
        moments = column.dt.cast_time_unit("us").dt
        has_zone = column.dtype.time_zone
        values = moments.convert_time_zone("UTC") if has_zone else moments.replace_time_zone("UTC")
    elif column.dtype == pl.Date:
        lacks_zone = column.count() > 0
        values = column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    else:
        # ISO 8601, which polars reads only in one form at a time: all forms are made the longest.
        original = _column_as_text(column)
        zone = pl.col("zone")
        offset = (
            pl.when(zone.is_null() | zone.str.contains("^(?:[Zz]|UTC)$"))
            .then(pl.lit("+00:00"))
            .when(zone.str.len_chars() == 3)
            .then(zone + ":00")
            .otherwise(zone.str.replace(r"^(...)(\d\d)$", "$1:$2"))
        )
        whole = pl.concat_str(
            *("date", pl.lit("T"), pl.col("minutes").fill_null("00:00")),
            pl.col("seconds").fill_null(":00"),
            pl.col("fraction").fill_null("").str.replace(",", "."),
            offset,
        )
        instants = whole.str.to_datetime(_PATTERN, time_unit="us", strict=False)
        parts = original.str.extract_groups(_ISO).struct.unnest()
        lacks = zone.is_null() & instants.is_not_null()
        parsed = parts.select(instants.alias(original.name), lacks=lacks)
        values, lacks_zone = parsed.to_series(), bool(parsed["lacks"].any())
    values = _null_unless(values, values >= _EARLIEST)
    return ConvertedColumn(values, original.is_not_null() & values.is_null(), lacks_zone)


def _null_unless(values: pl.Series, holds: pl.Series) -> pl.Series:
    """Replace values by null where the condition does not hold."""
    return pl.select(pl.when(holds).then(values)).to_series().alias(values.name)


_CONVERTERS: Mapping[AccountColumnKind, Callable[[pl.Series], ConvertedColumn]] = {
    AccountColumnKind.TEXT: _convert_text,
    AccountColumnKind.MONEY: _convert_money,
    AccountColumnKind.INSTANT: _convert_instants,
}

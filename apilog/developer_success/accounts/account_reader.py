"""From a raw account table to accounts: columns named and typed, each consumer claimed once.

A row that can't be understood is left out and reported with its number, never silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.developer_success.accounts.account_columns import (
    ACCOUNT_COLUMNS,
    CONSUMER_SEPARATOR,
    AccountColumnKind,
    AccountColumns,
    ConvertedColumn,
    convert_column,
    trimmed_text,
)
from apilog.developer_success.accounts.raw_tables import (
    BadAccountRow,
    is_database_url,
    read_account_file,
    read_database,
)
from apilog.errors import InputError, UsageError
from apilog.text import did_you_mean

_MOST_LISTED = 10
"""How many bad rows are listed one by one."""
_REASONS = {
    AccountColumnKind.INSTANT: "not a time from 1970 on, such as 2026-11-21T10:00:00Z",
    AccountColumnKind.MONEY: "not an amount",
}
_ORDERED_TIMES = (("trial_started_at", "trial_ends_at"), ("poc_started_at", "poc_completed_at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts, and which consumers belong to them."""

    frame: pl.DataFrame
    """One row per account, its position being its id: the columns of `ACCOUNT_COLUMNS` without
    `consumers`, and those that `--by` names, as String."""
    claims: pl.DataFrame
    """`consumer`, ascending and unique, and the `id` (UInt32) of its account."""
    notes: tuple[str, ...]
    """What was assumed, and which rows are left out."""
    bad_rows: int


def read_accounts(
    source: str,
    *,
    query: str | None = None,
    columns: AccountColumns | None = None,
    by: Sequence[str] = (),
) -> Accounts:
    """Read the accounts of a file or database.

    The columns of the table that `by` names are kept beside those that have a meaning. Raises
    UsageError for columns that don't exist, InputError for a source that can't be read, for
    duplicate accounts, and for a consumer that two accounts claim.
    """
    raw = read_database(source, query) if is_database_url(source) else read_account_file(source)
    named = _select_columns(raw.frame, columns or AccountColumns(), by)
    kinds = {**dict.fromkeys(by, AccountColumnKind.TEXT), **ACCOUNT_COLUMNS}
    converted = {name: convert_column(named[name], kind) for name, kind in kinds.items()}
    bad_rows = sorted(
        [*raw.bad_rows, *_find_bad_rows(converted, raw.rows)], key=lambda bad: bad.row
    )
    numbers = {bad.row for bad in bad_rows}
    # Row numbers begin at 1: without bad rows all are kept.
    good = ~raw.rows.is_in(list(numbers)) if numbers else raw.rows > 0
    frame = pl.DataFrame([c.values.alias(name) for name, c in converted.items()]).filter(good)
    rows = raw.rows.filter(good)
    # Which of two rows of an account is right can't be known, and both would count it twice.
    twice = frame.with_columns(rows).filter(pl.col("account").is_duplicated())
    if twice.height:
        hint = "keep one row per account"
        raise _duplicates(twice, "account", "an account is there more than once", hint)
    zoneless = [name for name, column in converted.items() if column.lacks_zone]
    notes = [
        f"accounts: row {bad.row} is left out: {bad.reason}" for bad in bad_rows[:_MOST_LISTED]
    ]
    if zoneless:
        listed = ", ".join(zoneless)
        notes.insert(0, f"accounts: times without a zone are taken as UTC ({listed})")
    if len(bad_rows) > _MOST_LISTED:
        notes.append(f"accounts: {len(bad_rows) - _MOST_LISTED:,} more rows are left out")
    return Accounts(
        frame=frame.drop("consumers"),
        claims=_claim_consumers(frame, rows),
        notes=tuple(notes),
        bad_rows=len(numbers),
    )


def _select_columns(
    frame: pl.DataFrame, columns: AccountColumns, by: Sequence[str]
) -> pl.DataFrame:
    """Return the columns that are wanted, under the names that have a meaning; null if missing."""
    try:
        frame = frame.rename(str.strip)
    except pl.exceptions.DuplicateError as error:
        raise InputError("two columns of the account table have one name", "rename one") from error
    is_empty = not frame.width
    for name in dict.fromkeys(["account", *columns.names]):
        if columns.own_name(name) not in frame.columns and not is_empty:
            hint = f"[accounts.columns] can name {name!r}"
            raise _missing_column(columns.own_name(name), frame, hint)
    for name in by:
        if name not in frame.columns and name not in ACCOUNT_COLUMNS:
            raise _missing_column(name, frame, "--by takes any column of the accounts, or gateway")
    own_names = {name: columns.own_name(name) for name in ACCOUNT_COLUMNS}
    own_names |= {name: name for name in by if name not in ACCOUNT_COLUMNS}
    nulls = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    return pl.DataFrame(
        [
            (frame[own_name] if own_name in frame.columns else nulls).alias(name)
            for name, own_name in own_names.items()
        ]
    )


def _missing_column(name: str, frame: pl.DataFrame, hint: str) -> UsageError:
    known = f"it has {', '.join(frame.columns)}"
    return UsageError(
        f"the account table has no column {name!r}",
        did_you_mean(name, frame.columns, known, also=hint, at_most=1, quoted=True),
    )


def _find_bad_rows(
    converted: dict[str, ConvertedColumn], rows: pl.Series
) -> Iterator[BadAccountRow]:
    """Yield each bad row with the first thing that is wrong with it.

    No reason shows a value: what stands in a wrong column may be an e-mail address.
    """
    reported: set[int] = set()
    checks = [(converted["account"].values.is_null(), "no account")]
    checks += [
        (column.bad, f"{name} is {_REASONS[ACCOUNT_COLUMNS[name]]}")
        for name, column in converted.items()
        if ACCOUNT_COLUMNS.get(name) in _REASONS
    ]
    for first, second in _ORDERED_TIMES:
        is_reversed = (converted[second].values < converted[first].values).fill_null(value=False)
        checks.append((is_reversed, f"{second} is before {first}"))
    for is_bad, reason in checks:
        for position in is_bad.arg_true().to_list():
            if rows[position] not in reported:
                reported.add(rows[position])
                yield BadAccountRow(rows[position], reason)


def _claim_consumers(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Return each consumer with the id of its account; without a list it is the account itself."""
    listed = frame.select(
        pl.coalesce("consumers", "account").str.split(CONSUMER_SEPARATOR).alias("consumer"),
        id=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    claims = (
        listed.explode("consumer", empty_as_null=True)
        .with_columns(trimmed_text(pl.col("consumer")))
        .drop_nulls("consumer")
        .unique()
        .sort("consumer", "id")
    )
    twice = claims.filter(pl.col("consumer").is_duplicated())
    if twice.height:
        twice = twice.with_columns(rows.gather(twice["id"]))
        hint = "a consumer's calls can count for one account only"
        raise _duplicates(twice, "consumer", "a consumer is claimed by more than one account", hint)
    return claims


def _duplicates(twice: pl.DataFrame, key: str, problem: str, hint: str) -> InputError:
    """Return the error of duplicate keys, which names rows and never a key."""
    first = twice.filter(pl.col(key) == twice[key][0])["row"].to_list()
    dots = " …" if len(first) > _MOST_LISTED else ""
    listed = ", ".join(map(str, first[:_MOST_LISTED])) + dots
    others = twice[key].n_unique() - 1
    more = f", and {others:,} more such" if others else ""
    return InputError(f"{problem}: rows {listed} of the account table{more}", hint)

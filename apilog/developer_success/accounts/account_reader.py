"""From a raw account table to accounts: columns named and typed, each consumer claimed once.

A row that can't be understood is left out and reported with its number, never silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

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
    Accounts,
    BadAccountRow,
    is_database_url,
    read_account_file,
    read_database,
)
from apilog.errors import InputError, UsageError

_MOST_LISTED = 10
"""Bad rows that are told one by one."""
_REASONS = {
    AccountColumnKind.INSTANT: "no time from 1970 on, such as 2026-11-21T10:00:00Z",
    AccountColumnKind.MONEY: "no amount",
}
_ORDERED_TIMES = (("trial_started_at", "trial_ends_at"), ("poc_started_at", "poc_completed_at"))


def read_accounts(
    source: str,
    *,
    query: str | None = None,
    columns: AccountColumns | None = None,
    by: Sequence[str] = (),
) -> Accounts:
    """The accounts of a file or database.

    `by` are columns of the table to keep beside those that have a meaning. Raises UsageError
    for columns that aren't there, InputError for a source that can't be read, for accounts that
    are there twice, and for a consumer that two accounts claim.
    """
    columns = columns or AccountColumns()
    raw = read_database(source, query) if is_database_url(source) else read_account_file(source)
    named = _select_columns(raw.frame, columns, by)
    converted = {
        name: convert_column(named[name], kind) for name, kind in _column_kinds(by).items()
    }
    problems = sorted(
        [*raw.bad_rows, *_find_bad_rows(converted, raw.rows)], key=lambda problem: problem.row
    )
    bad = {problem.row for problem in problems}
    good = ~raw.rows.is_in(list(bad)) if bad else raw.rows > 0
    frame = pl.DataFrame([c.values.alias(name) for name, c in converted.items()]).filter(good)
    rows = raw.rows.filter(good)
    _check_unique(frame, rows)
    return Accounts(
        frame=frame.drop("consumers"),
        claims=_claim_consumers(frame, rows),
        notes=(*_note_zones(converted), *_note_bad_rows(problems)),
        bad_rows=len(bad),
    )


def _column_kinds(by: Sequence[str]) -> dict[str, AccountColumnKind]:
    return {**dict.fromkeys(by, AccountColumnKind.TEXT), **ACCOUNT_COLUMNS}


def _select_columns(
    frame: pl.DataFrame, columns: AccountColumns, by: Sequence[str]
) -> pl.DataFrame:
    """The columns that are wanted, under the names that have a meaning; null where missing."""
    try:
        frame = frame.rename(str.strip)
    except pl.exceptions.DuplicateError as error:
        raise InputError("two columns of the account table have one name", "rename one") from error
    empty = not frame.width
    for name in dict.fromkeys(["account", *columns.names]):
        if columns.own_name(name) not in frame.columns and not empty:
            raise _missing_column(
                columns.own_name(name), frame, f"[accounts.columns] can name {name!r}"
            )
    for name in by:
        if name not in frame.columns and name not in ACCOUNT_COLUMNS:
            raise _missing_column(name, frame, "--by takes any column of the accounts, or gateway")
    own = {name: columns.own_name(name) for name in ACCOUNT_COLUMNS} | {
        n: n for n in by if n not in ACCOUNT_COLUMNS
    }
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    return pl.DataFrame(
        [(frame[o] if o in frame.columns else nothing).alias(name) for name, o in own.items()]
    )


def _missing_column(name: str, frame: pl.DataFrame, hint: str) -> UsageError:
    near = get_close_matches(name, frame.columns, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(frame.columns)}"
    return UsageError(f"the account table has no column {name!r}", f"{known} {hint}")


def _find_bad_rows(
    converted: dict[str, ConvertedColumn], rows: pl.Series
) -> Iterator[BadAccountRow]:
    """One for each bad row: the first thing that is wrong with it.

    It shows no value: what stands in a wrong column may be an address.
    """
    told: set[int] = set()
    checks = [(converted["account"].values.is_null(), "account", "no account")]
    checks += [(c.bad, name, "") for name, c in converted.items()]
    for first, second in _ORDERED_TIMES:
        reversed_ = (converted[second].values < converted[first].values).fill_null(value=False)
        checks.append((reversed_, second, f"{second} is before {first}"))
    for bad, name, reason in checks:
        for at in bad.arg_true().to_list():
            if rows[at] not in told:
                told.add(rows[at])
                yield BadAccountRow(
                    rows[at], reason or f"{name} is {_REASONS[ACCOUNT_COLUMNS[name]]}"
                )


def _check_unique(frame: pl.DataFrame, rows: pl.Series) -> None:
    twice = frame.with_columns(rows).filter(pl.col("account").is_duplicated())
    if twice.height:
        first = twice.filter(pl.col("account") == twice["account"][0])["row"].to_list()
        raise InputError(
            f"an account is there more than once: {_format_rows(first)} of the account table"
            f"{_and_more(twice['account'].n_unique())}",
            "keep one row an account",
        )


def _claim_consumers(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
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
        first = twice.filter(pl.col("consumer") == twice["consumer"][0])["id"]
        raise InputError(
            f"a consumer is claimed by more than one account: "
            f"{_format_rows(rows.gather(first).to_list())} of the account table"
            f"{_and_more(twice['consumer'].n_unique())}",
            "a consumer's calls can count for one account only",
        )
    return claims


def _format_rows(rows: Sequence[int]) -> str:
    return (
        f"rows {', '.join(map(str, rows[:_MOST_LISTED]))}{' …' if len(rows) > _MOST_LISTED else ''}"
    )


def _and_more(count: int) -> str:
    return "" if count == 1 else f", and {count - 1:,} more such"


def _note_zones(converted: dict[str, ConvertedColumn]) -> Iterator[str]:
    names = [name for name, column in converted.items() if column.lacks_zone]
    if names:
        yield f"accounts: times without a zone are taken as UTC ({', '.join(names)})"


def _note_bad_rows(problems: Sequence[BadAccountRow]) -> Iterator[str]:
    for problem in problems[:_MOST_LISTED]:
        yield f"accounts: row {problem.row} is left out: {problem.reason}"
    if len(problems) > _MOST_LISTED:
        yield f"accounts: {len(problems) - _MOST_LISTED:,} more rows are left out"

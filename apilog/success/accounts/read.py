"""From an account table to accounts: named, typed, and each consumer claimed once.

A row that can't be understood is left out and told with its number; never silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import polars as pl

from apilog.errors import InputError, UsageError
from apilog.success.accounts.columns import COLUMNS, AccountColumns, Kind
from apilog.success.accounts.database import is_database, read_database
from apilog.success.accounts.files import read_file
from apilog.success.accounts.model import Accounts, Problem
from apilog.success.accounts.values import SEPARATOR, Converted, as_text, convert

_TOLD = 10
"""Bad rows that are told one by one."""
_MEANT = {
    Kind.INSTANT: "no time from 1970 on, such as 2026-11-21T10:00:00Z",
    Kind.MONEY: "no amount",
}
_ORDERED = (("trial_started_at", "trial_ends_at"), ("poc_started_at", "poc_completed_at"))


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
    raw = read_database(source, query) if is_database(source) else read_file(source)
    named = _named(raw.frame, columns, by)
    converted = {name: convert(named[name], kind) for name, kind in _kinds(by).items()}
    problems = sorted(
        [*raw.problems, *_problems(converted, raw.rows)], key=lambda problem: problem.row
    )
    bad = {problem.row for problem in problems}
    good = ~raw.rows.is_in(list(bad)) if bad else raw.rows > 0
    frame = pl.DataFrame([c.values.alias(name) for name, c in converted.items()]).filter(good)
    rows = raw.rows.filter(good)
    _check_once(frame, rows)
    return Accounts(
        frame=frame.drop("consumers"),
        claims=_claims(frame, rows),
        notes=(*_zone_notes(converted), *_row_notes(problems)),
        bad_rows=len(bad),
    )


def _kinds(by: Sequence[str]) -> dict[str, Kind]:
    return {**dict.fromkeys(by, Kind.TEXT), **COLUMNS}


def _named(frame: pl.DataFrame, columns: AccountColumns, by: Sequence[str]) -> pl.DataFrame:
    """The columns that are wanted, under the names that have a meaning; null where missing."""
    try:
        frame = frame.rename(str.strip)
    except pl.exceptions.DuplicateError as error:
        raise InputError("two columns of the account table have one name", "rename one") from error
    empty = not frame.width
    for name in dict.fromkeys(["account", *columns.names]):
        if columns.own(name) not in frame.columns and not empty:
            raise _missing(columns.own(name), frame, f"[accounts.columns] can name {name!r}")
    for name in by:
        if name not in frame.columns and name not in COLUMNS:
            raise _missing(name, frame, "--by takes any column of the accounts, or gateway")
    own = {name: columns.own(name) for name in COLUMNS} | {n: n for n in by if n not in COLUMNS}
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    return pl.DataFrame(
        [(frame[o] if o in frame.columns else nothing).alias(name) for name, o in own.items()]
    )


def _missing(name: str, frame: pl.DataFrame, hint: str) -> UsageError:
    near = get_close_matches(name, frame.columns, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(frame.columns)}"
    return UsageError(f"the account table has no column {name!r}", f"{known} {hint}")


def _problems(converted: dict[str, Converted], rows: pl.Series) -> Iterator[Problem]:
    """One for each bad row: the first thing that is wrong with it.

    It shows no value: what stands in a wrong column may be an address.
    """
    told: set[int] = set()
    checks = [(converted["account"].values.is_null(), "account", "no account")]
    checks += [(c.bad, name, "") for name, c in converted.items()]
    for first, second in _ORDERED:
        reversed_ = (converted[second].values < converted[first].values).fill_null(value=False)
        checks.append((reversed_, second, f"{second} is before {first}"))
    for bad, name, reason in checks:
        for at in bad.arg_true().to_list():
            if rows[at] not in told:
                told.add(rows[at])
                yield Problem(rows[at], reason or f"{name} is {_MEANT[COLUMNS[name]]}")


def _check_once(frame: pl.DataFrame, rows: pl.Series) -> None:
    twice = frame.with_columns(rows).filter(pl.col("account").is_duplicated())
    if twice.height:
        first = twice.filter(pl.col("account") == twice["account"][0])["row"].to_list()
        raise InputError(
            f"an account is there more than once: {_listed(first)} of the account table"
            f"{_and_others(twice['account'].n_unique())}",
            "keep one row an account",
        )


def _claims(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    listed = frame.select(
        pl.coalesce("consumers", "account").str.split(SEPARATOR).alias("consumer"),
        id=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    claims = (
        listed.explode("consumer", empty_as_null=True)
        .with_columns(as_text(pl.col("consumer")))
        .drop_nulls("consumer")
        .unique()
        .sort("consumer", "id")
    )
    twice = claims.filter(pl.col("consumer").is_duplicated())
    if twice.height:
        first = twice.filter(pl.col("consumer") == twice["consumer"][0])["id"]
        raise InputError(
            f"a consumer is claimed by more than one account: "
            f"{_listed(rows.gather(first).to_list())} of the account table"
            f"{_and_others(twice['consumer'].n_unique())}",
            "a consumer's calls can count for one account only",
        )
    return claims


def _listed(rows: Sequence[int]) -> str:
    return f"rows {', '.join(map(str, rows[:_TOLD]))}{' …' if len(rows) > _TOLD else ''}"


def _and_others(count: int) -> str:
    return "" if count == 1 else f", and {count - 1:,} more such"


def _zone_notes(converted: dict[str, Converted]) -> Iterator[str]:
    names = [name for name, column in converted.items() if column.lacks_zone]
    if names:
        yield f"accounts: times without a zone are taken as UTC ({', '.join(names)})"


def _row_notes(problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems[:_TOLD]:
        yield f"accounts: row {problem.row} is left out: {problem.reason}"
    if len(problems) > _TOLD:
        yield f"accounts: {len(problems) - _TOLD:,} more rows are left out"

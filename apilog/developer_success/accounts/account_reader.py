"""From a raw account table to accounts: columns named and typed, each consumer claimed once.

A row that can't be used is left out and reported with its number; a time or amount that can't be
read is refused, for a report that lacks some of the payers looks like a report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from apilog.developer_success.accounts.account_columns import (
    ACCOUNT_COLUMNS,
    AccountColumnKind,
    AccountColumns,
)
from apilog.developer_success.accounts.account_times import read_times
from apilog.developer_success.accounts.amounts import read_amounts
from apilog.developer_success.accounts.cell_texts import (
    ConvertedColumn,
    column_as_text,
    remove_nulls,
    show_value,
)
from apilog.developer_success.accounts.consumer_claims import (
    SEPARATOR,
    claim_consumers,
    duplicates,
)
from apilog.developer_success.accounts.currencies import CURRENCIES
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
    AccountColumnKind.INSTANT: "no time from 1970 on, such as 2026-11-21T10:00:00Z",
    AccountColumnKind.MONEY: "no amount from 0 on, such as 1188.00",
}
_FLOAT = r"^(\d+)\.0$"
"""A whole number as pandas writes it in a column that has gaps."""
_ORDERED_TIMES = (("trial_started_at", "trial_ends_at"), ("poc_started_at", "poc_completed_at"))
_CURRENCY_COLUMNS = frozenset(
    {"currency", "currency_code", "mrr_currency", "währung", "devise", "moneda", "moeda", "valuta"}
)
"""What tables call the column that has the currency of their amounts."""


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
    times and amounts that can't be understood or added, for duplicate accounts, and for a
    consumer that two accounts claim.
    """
    raw = read_database(source, query) if is_database_url(source) else read_account_file(source)
    named, unread = _select_columns(raw.frame, columns or AccountColumns(), by)
    kinds = {**dict.fromkeys(by, AccountColumnKind.TEXT), **ACCOUNT_COLUMNS}
    converted, assumed = _convert_columns(named, kinds, raw.cell_separator)
    _refuse_unreadable(named, converted, raw.rows)
    _refuse_currencies(raw.frame, converted["mrr"].values, by)
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
        raise duplicates(twice, "account", "an account is there more than once", hint)
    notes = [*raw.notes, *_describe_assumptions(converted), *assumed, *unread]
    if lost := converted["mrr"].values.filter(~good).sum():
        notes.append(f"accounts: rows that are left out have {lost:,.2f} of mrr")
    notes += [
        f"accounts: row {bad.row} is left out: {bad.reason}" for bad in bad_rows[:_MOST_LISTED]
    ]
    if len(bad_rows) > _MOST_LISTED:
        notes.append(f"accounts: {len(bad_rows) - _MOST_LISTED:,} more rows are left out")
    return Accounts(
        frame=frame.drop("consumers"),
        claims=claim_consumers(frame, rows),
        notes=tuple(notes),
        bad_rows=len(numbers),
    )


def _select_columns(
    frame: pl.DataFrame, columns: AccountColumns, by: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    """Return the columns that are wanted, under the names that have a meaning; null if missing.

    A name of the table may be written in another way: `Signed up at` is `signed_up_at`. The notes
    are about columns that are not read, but whose names are nearly those of missing ones.
    """
    try:
        frame = frame.rename(str.strip)
    except pl.exceptions.DuplicateError as error:
        raise InputError("two columns of the account table have one name", "rename one") from error
    is_empty = not frame.width
    written: dict[str, list[str]] = {}
    for name in frame.columns:
        written.setdefault(_plain_name(name), []).append(name)
    own_names: dict[str, str] = {}
    for name in ACCOUNT_COLUMNS:
        own_name = columns.own_name(name)
        alike = written.get(name, [])
        if own_name == name and name not in frame.columns and len(alike) == 1:
            own_name = alike[0]
        own_names[name] = own_name
    for name in dict.fromkeys(["account", *columns.names]):
        if own_names[name] not in frame.columns and not is_empty:
            hint = f"[accounts.columns] can name {name!r}"
            raise _missing_column(own_names[name], frame, hint)
    for name in by:
        if name not in frame.columns and name not in ACCOUNT_COLUMNS:
            raise _missing_column(name, frame, "--by takes any column of the accounts, or gateway")
    notes = list(_describe_unread(frame, own_names, by))
    own_names |= {name: name for name in by if name not in ACCOUNT_COLUMNS}
    nulls = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    selected = pl.DataFrame(
        [
            (frame[own_name] if own_name in frame.columns else nulls).alias(name)
            for name, own_name in own_names.items()
        ]
    )
    return selected, notes


def _plain_name(name: str) -> str:
    """Return a name in lower case with `_` between its words."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def _describe_unread(
    frame: pl.DataFrame, own_names: Mapping[str, str], by: Sequence[str]
) -> Iterator[str]:
    missing = [name for name, own_name in own_names.items() if own_name not in frame.columns]
    for name in frame.columns:
        if name in by or name in own_names.values():
            continue
        plain = _plain_name(name)
        near = [m for m in missing if plain.startswith(f"{m}_")]
        if near := near or get_close_matches(plain, missing, 1, 0.85):
            yield (
                f"accounts: the column {show_value(name)} is not read; if it is {near[0]}, "
                "[accounts.columns] can say so"
            )


def _missing_column(name: str, frame: pl.DataFrame, hint: str) -> UsageError:
    known = f"it has {', '.join(map(repr, frame.columns))};"
    return UsageError(
        f"the account table has no column {name!r}",
        did_you_mean(name, frame.columns, known, also=hint, at_most=1, quoted=True),
    )


def _convert_columns(
    named: pl.DataFrame, kinds: Mapping[str, AccountColumnKind], cell_separator: str | None
) -> tuple[dict[str, ConvertedColumn], list[str]]:
    """Return the columns in the types of their kinds, and what was assumed to read them."""
    of_kind = {
        kind: [named[n] for n, k in kinds.items() if k is kind] for kind in AccountColumnKind
    }
    times = read_times(of_kind[AccountColumnKind.INSTANT])
    amounts = read_amounts(of_kind[AccountColumnKind.MONEY], cell_separator=cell_separator)
    texts = []
    for column in of_kind[AccountColumnKind.TEXT]:
        inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
        if isinstance(inner, pl.Struct | pl.List):
            raise InputError(
                f"{column.name} of the account table has objects within",
                "write each value as a text or number, and consumers as a list of these",
            )
        # The elements of a list are never separated at commas: a `;` behind them tells.
        is_list = isinstance(column.dtype, pl.List) and column.name == "consumers"
        text = column_as_text(column, SEPARATOR)
        text, nothing = remove_nulls(text + SEPARATOR if is_list else text)
        if column.name in {"account", "consumers"} and text.str.contains(_FLOAT).all():
            text = text.str.replace(_FLOAT, "$1")
        none = pl.Series([False]).new_from_index(0, len(text))
        texts.append(ConvertedColumn(text, none, nothing))
    converted = {c.values.name: c for c in (*texts, *times.columns, *amounts.columns)}
    return {name: converted[name] for name in kinds}, [*times.notes, *amounts.notes]


def _describe_assumptions(converted: Mapping[str, ConvertedColumn]) -> Iterator[str]:
    zoneless = [name for name, column in converted.items() if column.lacks_zone]
    if zoneless:
        yield f"accounts: times without a zone are taken as UTC ({', '.join(zoneless)})"
    missing: dict[str, list[str]] = {}
    for name, column in converted.items():
        if column.nothing is not None:
            missing.setdefault(column.nothing, []).append(name)
    for text, names in missing.items():
        yield f"accounts: {show_value(text)} is taken as missing ({', '.join(names)})"


def _refuse_unreadable(
    named: pl.DataFrame, converted: Mapping[str, ConvertedColumn], rows: pl.Series
) -> None:
    """Raise InputError for times and amounts that can't be read, and show the first of them."""
    is_account = converted["account"].values.is_not_null()
    found = []
    for name, column in converted.items():
        if ACCOUNT_COLUMNS.get(name) in _REASONS:
            found += [(place, name) for place in (column.bad & is_account).arg_true().to_list()]
    if not found:
        return
    place, name = min(found)
    value = show_value(str(named[name][place]).strip())
    others = f"; {len(found) - 1:,} more can't be read" if len(found) > 1 else ""
    raise InputError(
        f"row {rows[place]} of the account table: {name} {value} is "
        f"{_REASONS[ACCOUNT_COLUMNS[name]]}{others}",
        "correct it, or empty the cell if there is none",
    )


def _refuse_currencies(frame: pl.DataFrame, mrr: pl.Series, by: Sequence[str]) -> None:
    """Raise InputError if a column of the table says that its amounts are in several currencies.

    With `--by` that column, none are added up.
    """
    for name in frame.columns:
        if _plain_name(name) not in _CURRENCY_COLUMNS or name.strip() in by:
            continue
        said = column_as_text(frame[name]).filter(mrr > 0).drop_nulls()
        known = said.str.to_lowercase().replace_strict(CURRENCIES, default=said)
        if known.n_unique() > 1:
            shown = " and ".join(map(show_value, known.unique(maintain_order=True).head(3)))
            raise InputError(
                f"the account table has amounts in {known.n_unique()} currencies: {shown} ({name})",
                f"convert them to one currency, or keep them apart with --by {name}",
            )


def _find_bad_rows(
    converted: Mapping[str, ConvertedColumn], rows: pl.Series
) -> Iterator[BadAccountRow]:
    """Yield each row that can't be used with the first thing that is wrong with it."""
    reported: set[int] = set()
    checks = [(converted["account"].values.is_null(), "no account")]
    for first, second in _ORDERED_TIMES:
        is_reversed = (converted[second].values < converted[first].values).fill_null(value=False)
        checks.append((is_reversed, f"{second} is before {first}"))
    for is_bad, reason in checks:
        for position in is_bad.arg_true().to_list():
            if rows[position] not in reported:
                reported.add(rows[position])
                yield BadAccountRow(rows[position], reason)

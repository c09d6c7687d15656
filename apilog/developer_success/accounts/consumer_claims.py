"""Which account each consumer belongs to: lists of consumers taken apart, each claimed once."""

from __future__ import annotations

import polars as pl

from apilog.developer_success.accounts.cell_texts import trimmed_text
from apilog.errors import InputError

SEPARATOR = ";"
_MOST_ROWS = 10
# `CN=acme,O=Acme Inc,C=DE`, as certificates name who calls, is one consumer: RFC 4514.
_DISTINGUISHED_NAME = r"^\s*[A-Za-z][\w.-]*=.*,\s*[A-Za-z][\w.-]*="
# Arrays as texts: `{k1,k2}` of PostgreSQL, `["k1","k2"]` of JSON.
_ARRAY = r"^(?:\{(.*)\}|\[(.*)\])$"
_NO_ELEMENTS = r"^[\[{;\s]*[\]}]?$"
_MAY_BE_SEVERAL = r"[;,|\n={}\[\]]"
# A spreadsheet shows a long number so, and saves what it shows.
_ROUNDED = r"^\d[.,]\d+E\+\d\d$"


def claim_consumers(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Return each `consumer`, ascending and unique, with the `id` (UInt32) of its account.

    Without `consumers` it is the `account` itself. They are separated by `;`, by line breaks, or,
    in a cell without `;`, by commas or `|`; then the cell as a whole is claimed, too, for a
    consumer may have one of these. Raises InputError for a consumer that two accounts claim, and
    for ids that a spreadsheet has rounded; both name the `rows`.
    """
    cell = pl.col("consumers")
    some = pl.when(~cell.str.contains(_NO_ELEMENTS)).then(cell)
    ids = frame.select("account", some, id=pl.int_range(pl.len(), dtype=pl.UInt32))
    # Most cells are one consumer as it stands.
    is_one = ~cell.str.contains(_MAY_BE_SEVERAL)
    ones = ids.drop_nulls("consumers").filter(is_one).select("id", consumer="consumers")
    array = pl.coalesce(cell.str.extract(_ARRAY, 1), cell.str.extract(_ARRAY, 2))
    listed = (
        ids.drop_nulls("consumers")
        .filter(~is_one)
        .select(
            "id",
            consumer=pl.when(array.is_not_null())
            .then(array.str.split(","))
            .when(cell.str.contains(SEPARATOR, literal=True))
            .then(cell.str.replace_all(r"\n", SEPARATOR).str.split(SEPARATOR))
            .when(cell.str.contains(_DISTINGUISHED_NAME) | ~cell.str.contains(r"[,|\n]"))
            .then(pl.concat_list(cell))
            .otherwise(
                pl.concat_list(cell, cell.str.replace_all(r"[|\n]", ",").str.split(",")),
            ),
            is_array=array.is_not_null(),
        )
    )
    parts = listed.explode("consumer", empty_as_null=True)
    quoted = pl.col("consumer").str.strip_chars().str.strip_chars('"')
    parts = parts.with_columns(
        pl.when("is_array").then(quoted).otherwise("consumer").alias("consumer")
    )
    own = ids.filter(pl.col("consumers").is_null()).select("id", consumer="account")
    claims = (
        pl.concat([ones, parts.select("id", "consumer"), own])
        .select(trimmed_text(pl.col("consumer")), "id")
        .drop_nulls("consumer")
        .unique()
        .sort("consumer")
    )
    _check_digits(claims, rows)
    twice = claims.filter(pl.col("consumer") == pl.col("consumer").shift())
    if twice.height:
        twice = claims.filter(pl.col("consumer").is_in(twice["consumer"].implode()))
        twice = twice.sort("consumer", "id")
        twice = twice.with_columns(rows.gather(twice["id"]))
        hint = (
            "a consumer's calls can count for one account only; "
            f"{SEPARATOR} separates consumers, and `,` or `|` in cells without it"
        )
        raise duplicates(twice, "consumer", "a consumer is claimed by more than one account", hint)
    return claims


def _check_digits(claims: pl.DataFrame, rows: pl.Series) -> None:
    rounded = claims.filter(pl.col("consumer").str.contains(_ROUNDED))
    if rounded.height:
        row = rows[rounded["id"][0]]
        raise InputError(
            f"row {row} of the account table: an id such as 1.23457E+15 has lost digits in a "
            "spreadsheet",
            "format the column as text, and fill it anew",
        )


def duplicates(twice: pl.DataFrame, key: str, problem: str, hint: str) -> InputError:
    """Return the error of duplicate keys, which names rows and never a key."""
    first = twice.filter(pl.col(key) == twice[key][0])["row"].to_list()
    dots = " …" if len(first) > _MOST_ROWS else ""
    listed = ", ".join(map(str, first[:_MOST_ROWS])) + dots
    others = twice[key].n_unique() - 1
    more = f", and {others:,} more such" if others else ""
    return InputError(f"{problem}: rows {listed} of the account table{more}", hint)

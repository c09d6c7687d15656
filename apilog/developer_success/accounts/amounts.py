"""Amounts of money as people and programs write them: `1.188,00`, `$1,188`, `€ 99`, `1'188.–`.

Which of point and comma is the decimal sign is decided over all amounts of a table, never for one
value by itself; what nothing decides is refused. Amounts of two currencies are refused, too: they
can't be added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from apilog.developer_success.accounts.cell_texts import (
    ConvertedColumn,
    column_as_text,
    null_unless,
    remove_nothings,
    show_value,
)
from apilog.developer_success.accounts.currencies import (
    COMMON_SIGNS,
    CURRENCIES,
    THREE_DECIMALS,
)
from apilog.errors import InputError

_UNIT = r"[^\d\s.,'()+-](?:[^\d,'()+-]{0,7}[^\d\s,'()+-])?"
"""A sign, code or word beside an amount."""
_AMOUNT = (
    rf"^(?<open>\()?(?<minus>[+-])? ?(?<before>{_UNIT})? ?(?<minus_2>[+-])? ?"
    r"(?<number>(?:\d(?:[\d.,' ]*\d)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?)"
    # `1'188.–`, `99,-` and `99:-` are whole.
    r"(?<end>[.,:] ?-{1,2}|[.,])? ?(?<minus_3>-)? ?"
    rf"(?<after>{_UNIT})?\)?$"
)
# What spreadsheets show for zero in their format for accounting: `€ -`.
_ZERO = rf"^(?:{_UNIT} ?-{{1,2}}|-{{1,2}} ?{_UNIT})$"
_INVISIBLE = r"[\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2069}]"
_GROUPED = r"^\d{1,3}(?:[' ]\d{3})+(?:[.,]\d+)?$"
# India groups two digits before the last three: 1,18,800.00.
_POINT_IS_DECIMAL = r"^\d{1,3}(?:,\d{2,3})*,\d{3}\.\d+$|^\d{1,3}(?:,\d{2,3})+,\d{3}$"
_COMMA_IS_DECIMAL = r"^\d{1,3}(?:\.\d{3})+,\d+$|^\d{1,3}(?:\.\d{3}){2,}$"
_ONE_SEPARATOR = r"^\d*([.,])\d+(?:[eE].*)?$"
_UNDECIDED = r"^[1-9]\d{0,2}([.,])\d{3}$"
_WHOLE = {
    ".": r"^(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?|\d*(?:\.\d+)?(?:[eE].*)?)$",
    ",": r"^(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d*(?:,\d+)?(?:[eE].*)?)$",
}
"""By decimal sign, what a number is."""
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Amounts:
    """The columns of amounts, each Float64, and what was assumed of them."""

    columns: tuple[ConvertedColumn, ...]
    notes: tuple[str, ...]


def read_amounts(columns: Sequence[pl.Series], *, cell_separator: str | None = ",") -> Amounts:
    """Convert the columns of amounts of one table, whose names messages show.

    `cell_separator` is what stands between the cells of the table: spreadsheets take `;` where
    the comma is the decimal sign; None is for databases, whose texts of numbers have a decimal
    point. Amounts below 0 are bad. Raises InputError for several
    currencies, for two decimal signs, and for amounts that can be read either way.
    """
    texts = {
        c.name: remove_nothings(column_as_text(c)) for c in columns if not c.dtype.is_numeric()
    }
    listed = ", ".join(name for name, (text, _) in texts.items() if text.count())
    every = pl.concat(
        [pl.Series("text", [], dtype=pl.String), *(t.alias("text") for t, _ in texts.values())]
    )
    parts = _take_apart(every.drop_nulls().unique(maintain_order=True))
    notes = list(_check_currencies(parts, listed))
    sign = _find_decimal_sign(parts, listed)
    if sign is None:
        sign = "," if cell_separator == ";" else "."
        if cell_separator is None:
            parts = parts.with_columns(undecided=pl.col("undecided").replace(".", None))
        notes += _check_undecided(parts, sign, listed)
    values = _evaluate(parts, sign)
    converted = []
    for column in columns:
        if column.name not in texts:
            converted.append(_convert_numbers(column))
            continue
        text, nothing = texts[column.name]
        joined = text.to_frame("text").join(values, on="text", how="left", maintain_order="left")
        amounts = joined["value"].alias(column.name)
        bad = text.is_not_null() & amounts.is_null()
        converted.append(ConvertedColumn(amounts, bad, nothing))
    return Amounts(tuple(converted), tuple(notes))


def _convert_numbers(column: pl.Series) -> ConvertedColumn:
    numbers = column.cast(pl.Float64, strict=False)
    is_missing = numbers.is_nan().fill_null(value=False)  # so pandas writes a missing number
    values = null_unless(numbers, numbers.is_finite() & (numbers >= 0))
    bad = column.is_not_null() & values.is_null() & ~is_missing
    return ConvertedColumn(values, bad, "NaN" if is_missing.any() else None)


def _take_apart(texts: pl.Series) -> pl.DataFrame:
    """Return each `text` with its number, its currency and what its separators tell.

    `number` is without groups by blanks and apostrophes, null if the text is no amount from 0 on;
    `decimal` is the decimal sign that the text tells of, `undecided` a separator that may be one.
    """
    same = (
        texts.str.replace_all(_INVISIBLE, "")
        .str.replace_all(r"\s+", " ")
        .str.replace_all("[−‐‑–—]", "-")
        .str.replace_all("[’‘´`]", "'")
        .str.strip_chars()
    )
    zero = same.str.replace("-{1,2}", "0")
    same = pl.select(pl.when(same.str.contains(_ZERO)).then(zero).otherwise(same)).to_series()
    minuses = (pl.col(name).eq("-") for name in ("minus", "minus_2", "minus_3"))
    is_negative = pl.any_horizontal(pl.col("open").is_not_null(), *minuses).fill_null(value=False)
    number, is_grouped = pl.col("number"), pl.col("number").str.contains("[' ]")
    taken = same.str.extract_groups(_AMOUNT).struct.unnest().with_columns(texts.alias("text"))
    taken = taken.with_columns(_currency("before"), _currency("after")).with_columns(
        currency=_currency_of_both()
    )
    taken = taken.with_columns(
        number=pl.when(
            ~is_negative
            & pl.col("currency").ne_missing(_UNKNOWN)
            & (~is_grouped | number.str.contains(_GROUPED))
        ).then(number.str.replace_all("[' ]", "")),
        is_grouped=is_grouped,
        end=pl.col("end").str.extract("^([.,])"),
    )
    may_be_either = (
        ~pl.col("is_grouped") & pl.col("end").is_null() & number.str.contains(_UNDECIDED)
    )
    one = number.str.extract(_ONE_SEPARATOR)
    return taken.select(
        "text",
        "number",
        "currency",
        decimal=pl.coalesce(
            pl.when(number.is_not_null()).then("end"),
            pl.when(number.str.contains(_POINT_IS_DECIMAL)).then(pl.lit(".")),
            pl.when(number.str.contains(_COMMA_IS_DECIMAL)).then(pl.lit(",")),
            pl.when(~may_be_either).then(one),
        ),
        undecided=pl.when(may_be_either).then(one),
    )


def _currency(name: str) -> pl.Expr:
    """Return what a text beside an amount stands for; null without one."""
    text = pl.col(name).str.to_lowercase().str.replace_all(r"[\s.]", "")
    known = text.replace_strict(CURRENCIES, default=_UNKNOWN, return_dtype=pl.String)
    return pl.when(text.is_not_null()).then(known).alias(name)


def _currency_of_both() -> pl.Expr:
    """Return the currency that stands before and after an amount: `$1,188 CAD` is in CAD."""
    before, after = pl.col("before"), pl.col("after")
    signs = list(COMMON_SIGNS)
    return (
        pl.when(before.is_null() | (before.is_in(signs) & after.is_not_null()))
        .then(after)
        .when(after.is_null() | after.is_in(signs) | (before == after))
        .then(before)
        .otherwise(pl.lit(_UNKNOWN))
        .replace(COMMON_SIGNS)
    )


def _check_currencies(parts: pl.DataFrame, listed: str) -> Sequence[str]:
    """Return a note if some amounts have no currency; raises InputError if there are several."""
    amounts = parts.drop_nulls("number")
    firsts = amounts.drop_nulls("currency").unique("currency", maintain_order=True)
    if firsts.height > 1:
        shown = " and ".join(show_value(text) for text in firsts["text"].head(3))
        raise InputError(
            f"the account table has amounts in {firsts.height} currencies: {shown} ({listed})",
            "convert them to one currency: their sum would mean nothing",
        )
    bare = amounts.filter(pl.col("currency").is_null() & (pl.col("number") != "0"))
    if firsts.is_empty() or bare.is_empty():
        return ()
    one, other = show_value(bare["text"][0]), show_value(firsts["text"][0])
    return (f"accounts: {one} is taken to be in the currency of {other} ({listed})",)


def _find_decimal_sign(parts: pl.DataFrame, listed: str) -> str | None:
    """Return the decimal sign that amounts tell of; raises InputError if they tell of both."""
    firsts = parts.drop_nulls("decimal").unique("decimal", maintain_order=True)
    if firsts.height > 1:
        one, other = map(show_value, firsts["text"])
        raise InputError(
            f"the account table has amounts with two decimal signs: {one} and {other} ({listed})",
            "write all amounts alike, such as 1188.00",
        )
    return str(firsts["decimal"][0]) if firsts.height else None


def _check_undecided(parts: pl.DataFrame, sign: str, listed: str) -> Sequence[str]:
    """Return how amounts are read that tell nothing of the decimal sign, if there are any.

    A separator before three digits groups thousands if it is not the sign that tables like this
    one have. Otherwise it could be either, which raises InputError.
    """
    undecided = parts.drop_nulls("undecided")
    if undecided.is_empty():
        return ()
    refused = undecided.filter(
        (pl.col("undecided") == sign) | pl.col("currency").is_in(list(THREE_DECIMALS))
    )
    shown = show_value((refused if refused.height else undecided)["text"][0])
    if refused.height:
        digits = refused["number"][0].replace(".", "").replace(",", "")
        raise InputError(
            f"{shown} in the account table may be {digits} or {digits[:-3]}.{digits[-3:]}, and no "
            f"other amount tells ({listed})",
            "write amounts with two decimals, such as 1188.00",
        )
    value = undecided["number"][0].replace(".", "").replace(",", "")
    return (f"accounts: amounts such as {shown} are read as {value} ({listed})",)


def _evaluate(parts: pl.DataFrame, sign: str) -> pl.DataFrame:
    """Return the `value` of each `text` (Float64), null for what is no amount."""
    number = pl.col("number")
    other = "," if sign == "." else "."
    plain = number.str.replace_all(other, "", literal=True).str.replace(sign, ".", literal=True)
    # `99,-` has its sign apart from the number, which then may hold no other.
    is_whole = number.str.contains(_WHOLE[sign])
    value = plain.cast(pl.Float64, strict=False)
    return parts.select("text", value=pl.when(is_whole & value.is_finite()).then(value))

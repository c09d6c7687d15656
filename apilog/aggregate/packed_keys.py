"""Columns as codes: grouping by several keys becomes grouping by one integer.

A code is 0 for null and otherwise stands for one value; codes of several columns are
packed into one by mixed radix. Codes belong to the chunk they were made from.

Polars groups by one integer several times faster than by several columns of text, and a group's
texts are only looked up once it is known: dictionary encoding as in column stores (Abadi, Madden,
Ferreira 2006, https://doi.org/10.1145/1142473.1142548).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate.distinct_keys import copied_text, number_by_hash

_CODE, _LONG_CODE = pl.UInt32, pl.UInt64
_LARGEST_KEY = 1 << 31
"""Keys and columns are below it, so that any two of them can be combined."""
_HASH_SEED = 13


@dataclass(frozen=True, slots=True)
class PackedKeys:
    """Some columns of a chunk, as one code per row."""

    codes: pl.Series
    """Unsigned, no nulls, all below `size`; no wider than it takes, as they cost by their bytes."""
    size: int
    decode: Callable[[pl.Expr], list[pl.Expr]]
    """Return the values that codes stand for, one expression per column."""
    constant: int | None = None
    """The code of all rows, where it is known that they have the same."""


def encode_column(values: pl.Series) -> PackedKeys:
    """Return a column as codes, whatever its type. A Categorical decodes to String."""
    dtype = values.dtype
    if dtype == pl.String:
        coded = _encode_crowd(values)
        if coded:
            return coded
        values = values.cast(pl.Categorical(pl.Categories.random()))
    if isinstance(values.dtype, pl.Categorical):
        return _encode_dictionary(values, pl.String)
    if isinstance(dtype, pl.Enum):
        return _encode_dictionary(values, dtype)
    if dtype.is_integer():
        low, high = integer_bounds(values)
        if high - low <= 4 * len(values) + 1000:
            codes = _without_nulls(values.cast(pl.Int64) - low + 1).cast(_CODE)

            def decode(code: pl.Expr) -> list[pl.Expr]:
                distance = dictionary_position(code).cast(pl.Int64)
                return [(distance + low).cast(dtype).alias(values.name)]

            return PackedKeys(codes, high - low + 2, decode, _constant(values, low, high, low))
    distinct = values.drop_nulls().unique().sort()
    codes = values.rank("dense").fill_null(0).cast(_CODE)
    return PackedKeys(codes, len(distinct) + 1, dictionary_decoder(distinct))


def integer_bounds(values: pl.Series) -> tuple[int, int]:
    """Return the smallest and largest of an integer column; 0 and 0 where there is none."""
    low, high = values.min(), values.max()
    return (low, high) if isinstance(low, int) and isinstance(high, int) else (0, 0)


def pack_columns(columns: Sequence[PackedKeys], rows: int) -> PackedKeys:
    """Return one key for several columns, with room to combine it with another."""
    zeros = pl.Series([0], dtype=_CODE).new_from_index(0, rows)
    key = PackedKeys(zeros, 1, lambda _: [])
    for column in columns:
        key = combine_keys(key, _without_constant(column, zeros))
        if key.size > _LARGEST_KEY:
            key = make_dense(key)
    return key


def combine_keys(key: PackedKeys, column: PackedKeys) -> PackedKeys:
    """Return the key with one more column: its code is `key * column.size + column`."""
    size = column.size
    if key.size == 1:
        codes = column.codes
    elif size == 1:
        codes = key.codes
    else:
        is_long = key.size * size > _LARGEST_KEY
        codes = (key.codes.cast(_LONG_CODE) if is_long else key.codes) * size + column.codes

    def decode(code: pl.Expr) -> list[pl.Expr]:
        return key.decode(code // size) + column.decode(code % size)

    return PackedKeys(codes, key.size * size, decode)


def make_dense(key: PackedKeys) -> PackedKeys:
    """Return the same key with codes below the number of rows; 0 no longer means null."""
    if is_crowd(key.codes):
        order = key.codes.arg_sort()
        ordered = key.codes.gather(order)
        is_new = (ordered != ordered.shift()).fill_null(value=True)
        places = (is_new.cast(_CODE).cum_sum() - 1).cast(_CODE)
        codes, used = places.clone().scatter(order, places), ordered.filter(is_new)
        return PackedKeys(codes, len(used), lambda code: key.decode(pl.lit(used).gather(code)))
    used = key.codes.unique().sort()
    codes = used.search_sorted(key.codes).cast(_CODE)
    return PackedKeys(codes, len(used), lambda code: key.decode(pl.lit(used).gather(code)))


_SAMPLE_STEP = 16
GROUP_SHARE = 0.75
"""With a larger share of distinct values most are there once."""
_CROWD_ROWS = 5_000


def distinct_share(values: pl.Series) -> float:
    """Return the share of distinct values in a sample of them; of all of them it is less."""
    # Counting all values would take as long as what this is asked for.
    sample = values.gather_every(_SAMPLE_STEP)
    return sample.n_unique() / max(1, len(sample))


def is_crowd(values: pl.Series) -> bool:
    """Return whether these are very many, of which most seem to be there once."""
    return len(values) > _CROWD_ROWS and distinct_share(values) > GROUP_SHARE


def dictionary_position(
    code: pl.Expr, dtype: type[pl.DataType] | pl.DataType = pl.UInt32
) -> pl.Expr:
    """Return the position in a dictionary: one less, null for 0."""
    # 0 wraps around to what no other type can hold.
    return (code.cast(_LONG_CODE) - 1).cast(dtype, strict=False)


def dictionary_decoder(values: pl.Series) -> Callable[[pl.Expr], list[pl.Expr]]:
    """Return the function that decodes a code to the value at its position."""
    return lambda code: [pl.lit(values).gather(dictionary_position(code)).alias(values.name)]


def _encode_crowd(values: pl.Series) -> PackedKeys | None:
    """Return a column of texts that are mostly different; None for any other."""
    # A dictionary of them takes several times as long.
    if values.null_count() or not is_crowd(values):
        return None
    numbered = number_by_hash(values.to_frame(), values.hash(_HASH_SEED))
    if not numbered:
        return None
    texts = numbered.unique.to_series()

    def decode(code: pl.Expr) -> list[pl.Expr]:
        return [copied_text(pl.lit(texts).gather(dictionary_position(code))).alias(values.name)]

    return PackedKeys(numbered.ids + 1, len(texts) + 1, decode)


def _encode_dictionary(values: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> PackedKeys:
    physical, name = values.to_physical(), values.name
    codes = _without_nulls(physical.cast(_CODE) + 1)

    def decode(code: pl.Expr) -> list[pl.Expr]:
        # The dictionary of private categories lives only as long as a series that uses it.
        source = values.dtype
        return [dictionary_position(code, physical.dtype).cat.to(source).cast(dtype).alias(name)]

    low, high = integer_bounds(physical)
    return PackedKeys(codes, high + 2, decode, _constant(values, low, high, 0))


def _constant(values: pl.Series, low: int, high: int, least: int) -> int | None:
    """Return the code of all values; None if they differ. `least` has the code 1."""
    nulls = values.null_count()
    if nulls:
        return 0 if nulls == len(values) else None
    return low - least + 1 if low == high else None


def _without_constant(column: PackedKeys, zeros: pl.Series) -> PackedKeys:
    """Return the column with one code if all of its rows have the same."""
    constant, decode = column.constant, column.decode
    if constant is None:
        return column
    return PackedKeys(zeros, 1, lambda code: decode(code + constant))


def _without_nulls(codes: pl.Series) -> pl.Series:
    return codes.fill_null(0) if codes.null_count() else codes

"""Dictionary encoding: work done once per distinct text instead of once per line.

Invariant: every encoded series has categories of its own, so the codes of one chunk
mean nothing beside those of another; cast to String before mixing them.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def encode_texts(s: pl.Series) -> pl.Series:
    """The texts as a Categorical with its own categories; nulls stay null."""
    if isinstance(s.dtype, pl.Categorical):
        return s
    return s.cast(pl.Categorical(pl.Categories.random()))


def category_texts(s: pl.Series) -> pl.Series:
    """The distinct texts of an encoded series, by code; some may be of no value any more."""
    dtype = s.dtype
    if not isinstance(dtype, pl.Categorical):
        message = f"not dictionary-encoded: {dtype}"
        raise TypeError(message)
    # Ten times as fast as asking the categories for all of their texts.
    highest = s.to_physical().max()
    count = 0 if highest is None else int(str(highest)) + 1
    return pl.int_range(count, dtype=pl.UInt32, eager=True).cat.to(dtype).cast(pl.String)


def from_codes(codes: pl.Series, texts: pl.Series) -> pl.Series:
    """An encoded series from codes (UInt32, nulls allowed) into texts.

    Equal texts become one category, null texts null values.
    """
    encoded = texts.cast(pl.Categorical(pl.Categories.random()))
    return encoded.to_physical().gather(codes).cat.to(encoded.dtype)


def map_categories(s: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The function of every text of an encoded series, computed once per distinct text.

    The function takes and returns a series of the same length. Texts come back encoded,
    with equal results as one category; any other type comes back as it is.
    """
    texts = category_texts(s)
    result = function(texts)
    if result is texts:
        return s
    codes = s.to_physical()
    if result.dtype == pl.String:
        return from_codes(codes, result).alias(s.name)
    return result.gather(codes).alias(s.name)


def map_runs(s: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The function of a series of texts, computed once for equal neighbours.

    For times above all, which a log has in their order.
    """
    begins = (s != s.shift()).fill_null(value=True)
    if 2 * int(begins.sum()) > len(s):
        return function(s)
    return function(s.filter(begins)).gather(begins.cum_sum() - 1).alias(s.name)


def map_texts(s: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The function of a series of texts, encoded or not."""
    if isinstance(s.dtype, pl.Categorical):
        return map_categories(s, function)
    return function(s)

"""Dictionary encoding: work done once per distinct text instead of once per line.

Invariant: every encoded series has categories of its own, so the codes of one chunk mean nothing
beside those of another; cast to String before mixing them.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

ColumnConverter = Callable[[pl.Series], pl.Series]
"""Takes a series and returns one of the same length."""


_PROBED_TEXTS = 1_000


def encode_texts(s: pl.Series) -> pl.Series:
    """Return the texts as a Categorical with its own categories; nulls stay null."""
    if isinstance(s.dtype, pl.Categorical):
        return s
    # Unnamed categories share one table of texts: codes would grow with what other chunks hold.
    return s.cast(pl.Categorical(pl.Categories.random()))


def hardly_repeats(s: pl.Series) -> bool:
    """Return whether most texts differ, judged by the first ones, so that encoding does not pay."""
    first = s.head(_PROBED_TEXTS)
    return len(first) == _PROBED_TEXTS and 3 * first.n_unique() > 2 * _PROBED_TEXTS


def category_texts(s: pl.Series) -> pl.Series:
    """Return the distinct texts of an encoded series, by code; some may no longer be in use."""
    dtype = s.dtype
    if not isinstance(dtype, pl.Categorical):
        message = f"not dictionary-encoded: {dtype}"
        raise TypeError(message)
    # Ten times as fast as asking the categories for all of their texts.
    highest = s.to_physical().max()
    count = 0 if highest is None else int(str(highest)) + 1
    return pl.int_range(count, dtype=pl.UInt32, eager=True).cat.to(dtype).cast(pl.String)


def from_codes(codes: pl.Series, texts: pl.Series) -> pl.Series:
    """Return an encoded series from codes (UInt32, nulls allowed) into texts.

    Equal texts become one category, null texts null values.
    """
    encoded = texts.cast(pl.Categorical(pl.Categories.random()))
    return encoded.to_physical().gather(codes).cat.to(encoded.dtype)


def map_categories(s: pl.Series, function: ColumnConverter) -> pl.Series:
    """Apply a function to every text of an encoded series, once per distinct text.

    Texts come back encoded, with equal results as one category; any other type comes back as it
    is.
    """
    texts = category_texts(s)
    mapped = function(texts)
    if mapped is texts:
        return s
    codes = s.to_physical()
    if mapped.dtype == pl.String:
        return from_codes(codes, mapped).alias(s.name)
    return mapped.gather(codes).alias(s.name)


def map_texts(s: pl.Series, function: ColumnConverter) -> pl.Series:
    """Apply a function to a series of texts, encoded or not."""
    if isinstance(s.dtype, pl.Categorical):
        return map_categories(s, function)
    return function(s)


def map_runs(s: pl.Series, function: ColumnConverter) -> pl.Series:
    """Apply a function to a series of texts, once for equal neighbours.

    This is for times above all: a log has them in order, many requests to a second.
    """
    begins = (s != s.shift()).fill_null(value=True)
    if 2 * int(begins.sum()) > len(s):
        return function(s)
    return function(s.filter(begins)).gather(begins.cum_sum() - 1).alias(s.name)


def retry_nulls(s: pl.Series, result: pl.Series, parse: ColumnConverter) -> pl.Series:
    """Return the result, where it lacks a value that `s` has with that text parsed another way.

    The quick way serves nearly all values, the thorough one sees only what is left.
    """
    if result.null_count() == s.null_count():
        return result
    missed = (result.is_null() & (s != "-") & (s != "")).fill_null(value=False)
    if not missed.any():
        return result
    position = (missed.cum_sum() - 1).cast(pl.UInt32).set(~missed, None)
    return parse(s.filter(missed)).gather(position).zip_with(missed, result)

"""The distinct rows of a frame of keys."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

_FEW_KEYS = 5_000
_NUMBER_SEED = 11


class NumberedKeys(NamedTuple):
    """The distinct rows of a frame."""

    unique: pl.DataFrame
    """As they come first."""
    ids: pl.Series
    """Which of these each row is."""
    is_alone: pl.Series
    """Whether no other row is the same."""


def number_keys(keys: pl.DataFrame) -> NumberedKeys:
    """Return the distinct rows, and which of these each row is."""
    if keys.height > _FEW_KEYS:
        # Comparing several columns of text takes most of the time of merging many keys.
        numbered = number_by_hash(keys, keys.hash_rows(_NUMBER_SEED))
        if numbered:
            return numbered
    unique = keys.unique(maintain_order=True)
    ids = keys.join(
        unique.with_row_index("id"),
        on=keys.columns,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )["id"]
    is_alone = pl.DataFrame({"id": ids}).select(pl.len().over("id") == 1).to_series()
    return NumberedKeys(unique, ids, is_alone)


def number_by_hash(keys: pl.DataFrame, hashes: pl.Series) -> NumberedKeys | None:
    """Return the same by hashes of the rows; None if two different rows have the same."""
    # Sorting takes a quarter of the time that a table of hashes does, and in a crowd most rows are
    # the only ones of their key: only the others are looked up.
    ordered = hashes.sort()
    repeated = ordered.filter(ordered == ordered.shift())
    if repeated.is_empty():
        is_alone = pl.repeat(value=True, n=keys.height, dtype=pl.Boolean, eager=True)
        return NumberedKeys(keys, pl.int_range(keys.height, dtype=pl.UInt32, eager=True), is_alone)
    is_alone = ~hashes.is_in(repeated.unique().implode())
    shared = (~is_alone).arg_true()
    is_first_shared = hashes.gather(shared).is_first_distinct()
    firsts, later = shared.filter(is_first_shared), shared.filter(~is_first_shared)
    is_first = is_alone.clone().scatter(firsts, values=True)
    ids = (is_first.cast(pl.UInt32).cum_sum() - 1).cast(pl.UInt32)
    numbers = pl.DataFrame({"hash": hashes.gather(firsts), "id": ids.gather(firsts)}).sort("hash")
    found = numbers["id"].gather(numbers["hash"].search_sorted(hashes.gather(later)))
    unique = keys.filter(is_first)
    taken_for, taken = unique[found], keys[later]
    if not all(taken_for[name].eq_missing(taken[name]).all() for name in keys.columns):
        return None
    return NumberedKeys(unique, ids.scatter(later, found), is_alone)


def number_moved(keys: pl.DataFrame, moved: pl.Series) -> NumberedKeys:
    """Return the same of rows of which only those that `moved` can equal another."""
    rows, some = moved.arg_true(), keys.filter(moved)
    # What folds has few values, and no texts, for long stretches.
    some = some.select(c for c in some if c.null_count() < some.height)
    runs = some.to_struct().rle_id()
    is_start = (runs != runs.shift()).fill_null(value=True)
    of_runs = number_keys(some.filter(is_start))
    is_single = is_start & is_start.shift(-1, fill_value=True)
    firsts = rows.filter(is_start).filter(of_runs.ids.is_first_distinct())
    is_first = (~moved).scatter(firsts, values=True)
    numbers = (is_first.cast(pl.UInt32).cum_sum() - 1).cast(pl.UInt32)
    ids = numbers.scatter(rows, numbers.gather(firsts).gather(of_runs.ids).gather(runs))
    is_alone = (~moved).scatter(rows, of_runs.is_alone.gather(runs) & is_single)
    return NumberedKeys(keys.filter(is_first), ids, is_alone)


def is_one_value(ids: pl.Series) -> bool:
    """Return whether there are some, and all of them the same."""
    return len(ids) > 0 and ids.min() == ids.max()


_INLINE_BYTES = 12
"""Texts that are no longer lie in the column itself: https://pola.rs/posts/polars-string-type/"""


def copy_texts(taken: pl.DataFrame, source: pl.DataFrame) -> pl.DataFrame:
    """Return some of the rows of a frame with texts that keep no others in memory."""
    # Longer texts taken from a column are views into the buffers of all its texts.
    held = [
        name
        for name, dtype in source.schema.items()
        if dtype == pl.String and (source[name].str.len_bytes() > _INLINE_BYTES).any()
    ]
    return taken.with_columns_seq(copied_text(pl.col(name)) for name in held) if held else taken


def copied_text(text: pl.Expr) -> pl.Expr:
    """Return the expression with texts of its own."""
    return pl.concat_str(text, pl.lit(""))

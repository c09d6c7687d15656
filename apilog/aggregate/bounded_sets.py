"""Sets of hashes, which tell how many distinct values there are: exact while they are small.

A set that is full keeps the smallest of its hashes. These are a sample by chance of all values, and
how far the largest of them lies tells how many there are (Bar-Yossef, Jayram, Kumar, Sivakumar,
Trevisan 2002, https://doi.org/10.1007/3-540-45726-7_1). The smallest hashes of two sets are those
of their union, too, so that neither the order nor the cuts of what is merged change anything.
"""

from __future__ import annotations

import polars as pl

from apilog.aggregate.distinct_keys import is_one_value

MOST_MEMBERS = 100_000
"""A set with so many members is full."""
_FEWEST_SHARE = 256
"""Where a cube has too many members, sets are full with half as many, at least with one of so many:
their error is 16 times larger then."""
_LAST_HASH = 2**64 - 1

# Fixed, so that the sets of several processes and machines can be united.
_HASH_SEED = 20_261_121


def hash_values(values: pl.Series) -> pl.Series:
    """Return the `hash` of each value, uniform over 64 bits."""
    hashes = values.hash(_HASH_SEED).alias("hash")
    # Those of numbers in a row lie more evenly than chance would have them.
    return hashes if values.dtype == pl.String else hashes.hash(_HASH_SEED)


def unite_sets(members: pl.DataFrame, keys: int, size: int) -> pl.DataFrame:
    """Return each `id` and `hash` once; sets are full with `size` of them. Ids are below `keys`."""
    if keys > 1 and not is_one_value(members["id"]):
        # A hash of both columns, as good as that of the value: uniting pairs of columns takes three
        # times the memory and time, and sets are the largest part of a state.
        pairs = members["hash"] ^ members["id"].hash(_HASH_SEED)
        return keep_smallest(members[pairs.arg_unique()], size)
    # One column is quicker than two, and this is the largest set: all clients.
    # Sorting it takes half the time of a table of hashes.
    ordered = members["hash"].sort()
    hashes = ordered.filter(ordered.ne_missing(ordered.shift())).head(size)
    number = members["id"].first() if keys > 1 else 0
    ids = pl.repeat(number, len(hashes), dtype=pl.UInt32, eager=True)
    return pl.DataFrame({"id": ids, "hash": hashes})


def keep_smallest(members: pl.DataFrame, size: int) -> pl.DataFrame:
    """Return sets of `size` members at most, whose hashes are the smallest ones."""
    if members.height <= size:
        return members
    sizes = members["id"].value_counts(name="members")
    large = sizes.filter(sizes["members"] > size)["id"]
    if large.is_empty():
        return members
    largest = (
        members.lazy()
        .filter(pl.col("id").is_in(large.implode()))
        .group_by("id")
        .agg(pl.col("hash").bottom_k(size).max())
        .collect()
    )
    last_id = members["id"].max()
    assert isinstance(last_id, int)
    every = pl.repeat(_LAST_HASH, last_id + 1, dtype=pl.UInt64, eager=True)
    limits = every.scatter(largest["id"], largest["hash"])
    return members.filter(members["hash"] <= limits.gather(members["id"]))


def fitting_size(sets: dict[str, pl.DataFrame], size: int, fullest: int, most: int) -> int:
    """Return how many members sets may have so that all of a cube are no more than `most`.

    It is `size` or less by halves, but no less than a part of `fullest`, the size of a whole set.
    """
    if max((members.height for members in sets.values()), default=0) <= most:
        return size
    sizes = [members["id"].value_counts(name="members")["members"] for members in sets.values()]
    while size // 2 >= max(fullest // _FEWEST_SHARE, 2):
        if max(int(of_ids.clip(upper_bound=size).sum()) for of_ids in sizes) <= most:
            break
        size //= 2
    return size


def count_members(members: pl.DataFrame, rows: pl.Series, size: int) -> pl.DataFrame:
    """Return how many distinct values each row has that sets of a cube are part of.

    `rows` are those of the members. Gives `row`, `count`, and whether it `is_estimated`.
    """
    moved = pl.DataFrame([rows.alias("row"), members["hash"]])
    count = pl.col("hash").n_unique().cast(pl.Int64).alias("count")
    exact = pl.lit(value=False).alias("is_estimated")
    if members.height < size:
        return moved.group_by("row").agg(count).with_columns(exact)
    sizes = members["id"].value_counts(name="members")
    full = sizes.filter(sizes["members"] >= size)["id"]
    if full.is_empty():
        return moved.group_by("row").agg(count).with_columns(exact)
    is_estimated = moved["row"].is_in(
        moved["row"].filter(members["id"].is_in(full.implode())).unique().implode()
    )
    # What is full keeps its smallest hashes, so that those of the whole row are there, too.
    largest = pl.col("hash").unique().bottom_k(size).max().cast(pl.Float64)
    estimate = ((size - 1) / largest * _LAST_HASH).round().cast(pl.Int64).clip(lower_bound=size)
    estimated = moved.filter(is_estimated).group_by("row").agg(estimate.alias("count"))
    return pl.concat(
        [
            moved.filter(~is_estimated).group_by("row").agg(count).with_columns(exact),
            estimated.with_columns(is_estimated=pl.lit(value=True)),
        ]
    )


def relative_error(size: int) -> float:
    """Return the standard error of an estimate, relative to it, of sets that `size` members fill.

    >>> round(relative_error(100_000), 4)
    0.0032
    """
    return float((size - 2) ** -0.5)

"""Which account a consumer's call belongs to: a sorted table of hashes, searched by whole columns.

A hash table of all claims would be built anew by each join; a sorted one is built once.
"""

from __future__ import annotations

import polars as pl

_HASH_BITS = 64
_MOST_STEPS = 16
"""A table in which more hashes begin alike is searched by halves."""


class ConsumerLookup:
    """The claims of all accounts, sorted by the hash of the consumer."""

    def __init__(self, claims: pl.DataFrame) -> None:
        """`claims` has `consumer`, unique, and the `id` (UInt32) of its account."""
        keyed = claims.select("consumer", "id", key=pl.col("consumer").hash()).sort("key")
        # Two consumers of one hash: then they are compared as texts throughout.
        self._is_hashed = keyed["key"].n_unique() == keyed.height
        if not self._is_hashed:
            keyed = claims.select("consumer", "id", key="consumer").sort("key")
        self._keys, self._consumers, self._ids = keyed["key"], keyed["consumer"], keyed["id"]
        # Where hashes of each beginning are: some one of each, so that a search is a few steps.
        bits = max(1, keyed.height.bit_length())
        self._tail = 1 << (_HASH_BITS - bits)
        self._starts: pl.Series | None = None
        if self._is_hashed and keyed.height:
            heads = (self._keys // self._tail).cast(pl.UInt32)
            if heads.value_counts(name="n")["n"].max() <= _MOST_STEPS:  # type: ignore[operator]
                beginnings = pl.int_range(1 << bits, dtype=pl.UInt32, eager=True)
                self._starts = heads.search_sorted(beginnings)

    def find(self, consumers: pl.Series) -> pl.Series:
        """Return the `id` of the account that claims each consumer; null for nobody's."""
        if isinstance(consumers.dtype, pl.Categorical):
            distinct = consumers.unique().drop_nulls()
            found = pl.DataFrame({"consumer": distinct, "id": self._find(distinct.cast(pl.String))})
            frame = consumers.alias("consumer").to_frame()
            return frame.join(found, on="consumer", how="left", maintain_order="left")["id"]
        return self._find(consumers)

    def _find(self, consumers: pl.Series) -> pl.Series:
        if self._keys.is_empty():
            return pl.Series("id", [None], dtype=pl.UInt32).new_from_index(0, len(consumers))
        places = self._search(consumers.hash() if self._is_hashed else consumers.fill_null(""))
        claimed = self._consumers.gather(places)
        found = pl.DataFrame([claimed.alias("claimed"), consumers.alias("consumer")]).select(
            id=pl.when(pl.col("consumer") == pl.col("claimed")).then(
                pl.lit(self._ids.gather(places))
            )
        )
        return found["id"]

    def _search(self, keys: pl.Series) -> pl.Series:
        """Return the place of each key, or any other place if it is not there."""
        last = len(self._keys) - 1
        if self._starts is None:
            return self._keys.search_sorted(keys).clip(upper_bound=last)
        places = self._starts.gather(keys // self._tail).clip(upper_bound=last)
        while (is_before := self._keys.gather(places) < keys).any():
            moved = (places + is_before.cast(pl.UInt32)).clip(upper_bound=last)
            if (moved == places).all():
                break
            places = moved
        return places

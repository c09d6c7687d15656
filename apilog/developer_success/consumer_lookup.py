"""Which account a consumer's call belongs to: a sorted table of hashes, searched by whole columns.

A hash table of all claims would be built anew by each join; a sorted one is built once.
"""

from __future__ import annotations

import polars as pl


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
        keys = consumers.hash() if self._is_hashed else consumers.fill_null("")
        # In the order of the keys, so that neighbours search the same part of the table.
        order = keys.arg_sort()
        places = self._keys.search_sorted(keys.gather(order)).clip(upper_bound=len(self._keys) - 1)
        found = pl.DataFrame(
            {
                "row": order,
                "consumer": consumers.gather(order),
                "claimed": self._consumers.gather(places),
                "id": self._ids.gather(places),
            }
        )
        is_claimed = pl.col("consumer") == pl.col("claimed")
        return found.select("row", pl.when(is_claimed).then("id")).sort("row")["id"]

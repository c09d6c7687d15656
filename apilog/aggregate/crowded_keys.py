"""Chunks with very many keys: the idle ones fold before anything is summed up for them.

A scanner, or an id that no rule recognises, makes a key of nearly every request. Summing these
up one by one and folding them afterwards costs several times what the rest of the chunk costs, in
time and in memory, and in every cube once more.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.aggregate.cube import (
    KEPT,
    NOT_FOUND,
    OTHER,
    OTHER_ROUTES,
    EncodedRecords,
    FoldedKey,
)
from apilog.aggregate.packed_keys import PackedKeys, combine_keys
from apilog.aggregate.plan import Cube, ReportPlan
from apilog.aggregate.table_specs import BOUNDED_KEYS
from apilog.schema import GUESSED_ROUTE

_TIME_KEYS = frozenset({"timestamp", "hour"})
_KEPT_SHARE = 4
"""A crowded chunk keeps one in so many of the keys that a cube keeps: its busiest. So few that the
states that wait to be merged are small."""


def fold_crowded_key(plan: ReportPlan, cube: Cube, chunk: EncodedRecords) -> FoldedKey | None:
    """Return the key of a cube with the idle values folded; None for a chunk with few of them.

    What folds, folds in every bucket of time. Guessed routes fold by gateway and method, all other
    keys to the rest of all keys; routes that the plan knows don't fold.
    """
    part = tuple(key for key in cube.keys if key not in _TIME_KEYS)
    if cube.is_bounded or chunk.rows <= plan.max_keys:
        return None
    packed = chunk.packed_key(part)
    if packed.size <= plan.max_keys or packed.codes.n_unique() <= plan.max_keys:
        return None
    crowd = _Crowd(plan, part, chunk, packed)
    folded = crowd.fold(routes_only="route" in part and "hour" not in cube.keys)
    times = [key for key in cube.keys if key in _TIME_KEYS]
    key = folded.key
    for name in times:
        key = combine_keys(key, chunk.encoded_column(name))
    radix = key.size // folded.key.size
    order = [*part, *times]

    def decode(code: pl.Expr) -> list[pl.Expr]:
        values = key.decode(code)
        return [values[order.index(name)] for name in cube.keys]

    return FoldedKey(
        PackedKeys(key.codes, key.size, decode), lambda code: folded.fold(code // radix)
    )


@dataclass(frozen=True, slots=True)
class _Crowd:
    """The values of some columns in a chunk with too many of them."""

    plan: ReportPlan
    part: tuple[str, ...]
    chunk: EncodedRecords
    packed: PackedKeys

    def fold(self, *, routes_only: bool) -> FoldedKey:
        """Return the key with its idle values folded; first routes alone, if that is enough."""
        ranked = self._rank_values()
        kept = pl.col("rank") < self.plan.max_keys // _KEPT_SHARE
        idle = pl.lit(OTHER, pl.UInt8)
        if "route" in self.part:
            known = ~pl.col("is_guessed") & pl.col("is_known")
            kept = kept | pl.col("is_known")
            if routes_only:
                fold = (
                    pl.when(kept | ~pl.col("is_guessed") | known)
                    .then(pl.lit(KEPT, pl.UInt8))
                    .when("never_found")
                    .then(pl.lit(NOT_FOUND, pl.UInt8))
                    .otherwise(pl.lit(OTHER_ROUTES, pl.UInt8))
                )
                folded = self._folded_by(ranked.with_columns(fold.alias("fold")))
                if folded.key.size <= self.plan.max_keys // 2:
                    return folded
        fold = pl.when(kept).then(pl.lit(KEPT, pl.UInt8)).otherwise(idle)
        return self._folded_by(ranked.with_columns(fold.alias("fold")))

    def _rank_values(self) -> pl.DataFrame:
        """Return `code`, `rank` by requests and, where there are routes, what decides on them."""
        rows = pl.DataFrame([self.packed.codes.alias("code")])
        if "route" not in self.part:
            ranked = rows.group_by("code").agg(n=pl.len())
        else:
            records, route = self.chunk.records, self.chunk.encoded_column("route")
            rows = rows.with_columns(
                route.codes.alias("route"),
                records[GUESSED_ROUTE].alias("is_guessed"),
                (records["status"] == 404).fill_null(value=False).alias("never_found"),
            )
            decided = rows.group_by("route").agg(pl.col("is_guessed", "never_found").all())
            known = pl.lit(value=False)
            if self.plan.known_routes:
                (text,) = route.decode(pl.col("route"))
                known = text.is_in(sorted(self.plan.known_routes)).fill_null(value=False)
            decided = decided.with_columns(
                is_known=known | (pl.col("route") == 0), is_guessed="is_guessed"
            )
            ranked = rows.group_by("code").agg(pl.col("route").first(), n=pl.len())
            ranked = ranked.join(decided, on="route", how="left").drop("route")
        return ranked.sort("n", "code", descending=[True, False]).with_row_index("rank")

    def _folded_by(self, ranked: pl.DataFrame) -> FoldedKey:
        """Return the key whose values are those of `code`, folded as `fold` says."""
        values = ranked.select(
            "fold",
            *(
                value
                if name in BOUNDED_KEYS
                else pl.when(pl.col("fold") < (NOT_FOUND if name == "route" else OTHER)).then(value)
                for name, value in zip(self.part, self.packed.decode(pl.col("code")), strict=True)
            ),
        )
        distinct = values.unique(maintain_order=True).with_row_index("place")
        columns = ["fold", *self.part]
        places = values.join(
            distinct, on=columns, how="left", nulls_equal=True, maintain_order="left"
        )["place"]
        by_code = pl.DataFrame([ranked["code"], places]).sort("code")
        rows = by_code["code"].search_sorted(self.packed.codes)
        codes = by_code["place"].gather(rows).cast(pl.UInt64)

        def value_of(name: str, code: pl.Expr) -> pl.Expr:
            return pl.lit(distinct[name]).gather(code.cast(pl.UInt32)).alias(name)

        return FoldedKey(
            PackedKeys(codes, distinct.height, lambda code: [value_of(c, code) for c in self.part]),
            lambda code: value_of("fold", code),
        )

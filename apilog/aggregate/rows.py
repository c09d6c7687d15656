"""Rolling a cube up to the rows of one table, and keeping the busiest of them.

Every frame of a table refers to its rows by `row`, the position in the finished table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate.cube import (
    KEPT,
    NOT_FOUND,
    OTHER,
    OTHER_ROUTES,
    CubeState,
    merged,
    nothing,
    with_keys,
)
from apilog.aggregate.plan import Cube
from apilog.aggregate.tables import BOUNDED, KEYS, Order, TableSpec

NOT_FOUND_TEXT = "(not found)"
OTHER_TEXT = "(other)"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table."""

    keys: pl.DataFrame
    """`fold` and the table's keys as cubes have them, and the `row` they are part of."""
    sums: pl.DataFrame
    """The table's keys as a report shows them and its accumulators, by row."""
    kept: int
    """So many rows come first that are not the row of all others."""

    @property
    def named(self) -> pl.Series:
        """Whether each row is one value of the keys, not the sum of several that were folded."""
        own = self.keys.filter(pl.col("fold") == KEPT, pl.col("row") < self.kept)["row"]
        every = pl.int_range(self.sums.height, dtype=pl.UInt32, eager=True)
        return every.is_in(own.implode()).alias("named")


def roll_up(
    table: TableSpec,
    cube: Cube,
    state: CubeState,
    accumulators: Sequence[str],
    *,
    most: int,
    buckets: pl.Series | None,
) -> Rows:
    """The table's rows with their sums.

    Of a table over dimensions `most` rows stay, and a last one has all the others. `buckets`
    are rows of a table over time alone, whether there are records or not.
    """
    own = [k for k in table.keys if k in cube.keys]
    found = with_keys(cube, state, ["fold", *own], accumulators)
    if table.where:
        found = found.filter(table.where())
    groups = found.group_by(_fold(table), *table.keys).agg(merged(accumulators))
    groups = _completed(table, groups, accumulators, buckets)
    shown = groups.with_columns_seq(_shown(k) for k in table.keys)
    row, kept = _placed(table, shown, most if table.is_capped else groups.height)
    rest = (pl.when(pl.col("row") < kept).then(k).otherwise(_rest(k)).alias(k) for k in table.keys)
    sums = shown.with_columns_seq(row).with_columns_seq(rest).group_by("row", *table.keys)
    return Rows(
        groups.select_seq("fold", *table.keys, row),
        sums.agg(merged(accumulators)).sort("row").drop("row"),
        kept,
    )


def rows_of_ids(table: TableSpec, state: CubeState, rows: Rows) -> pl.Series:
    """For each key of a cube the table's row it is part of."""
    keys = state.keys.select_seq(_fold(table), *table.keys)
    return keys.join(
        rows.keys, on=keys.columns, how="left", nulls_equal=True, maintain_order="left"
    )["row"]


def _fold(table: TableSpec) -> pl.Expr:
    """The fold, as far as it shows in the table's keys."""
    lowest = NOT_FOUND if "route" in table.keys else OTHER
    shows = (pl.col("fold") >= lowest) & (not BOUNDED.issuperset(table.keys))
    return pl.when(shows).then("fold").otherwise(pl.lit(KEPT, pl.UInt8)).alias("fold")


def _completed(
    table: TableSpec,
    groups: pl.DataFrame,
    accumulators: Sequence[str],
    buckets: pl.Series | None,
) -> pl.DataFrame:
    """The groups, with those that a table has without any record."""
    kept = pl.lit(KEPT, pl.UInt8).alias("fold")
    if not table.keys and groups.is_empty():
        empty = pl.select(kept)
    elif table.keys == ("timestamp",) and buckets is not None:
        every = buckets.to_frame().join(groups, on="timestamp", how="anti")
        empty = every.with_columns_seq(kept)
    else:
        return groups
    empty = empty.with_columns_seq(map(nothing, accumulators)).select_seq(groups.columns)
    return pl.concat([groups, empty])


def _placed(table: TableSpec, groups: pl.DataFrame, most: int) -> tuple[pl.Series, int]:
    """The row of each group, and how many rows are one group each; the next is the others."""
    keys = [*table.keys, "fold"]
    ranked = (
        groups.with_row_index("index")
        .filter(pl.col("fold") < OTHER)
        .sort("requests", *keys, descending=[True, *(False for _ in keys)], nulls_last=True)
        .head(most)
    )
    if table.order is Order.KEYS:
        ranked = ranked.sort(keys, nulls_last=True)
    row = pl.select(pl.repeat(ranked.height, groups.height, dtype=pl.UInt32)).to_series()
    places = pl.int_range(ranked.height, dtype=pl.UInt32, eager=True)
    return row.scatter(ranked["index"], places).alias("row"), ranked.height


def _shown(key: str) -> pl.Expr:
    """The key as a report shows it."""
    value = pl.col(key).cast(_shown_type(key))
    if key != "route":
        return value
    not_found = pl.when(pl.col("fold") == NOT_FOUND).then(pl.lit(NOT_FOUND_TEXT))
    others = not_found.when(pl.col("fold") == OTHER_ROUTES).then(pl.lit(OTHER_TEXT))
    return others.otherwise(value).alias(key)


def _rest(key: str) -> pl.Expr:
    """The key of the row of all others: a text where there can be one, else null."""
    is_text = _shown_type(key) == pl.String
    return pl.lit(OTHER_TEXT) if is_text else pl.lit(None, _shown_type(key))


def _shown_type(key: str) -> pl.DataType | type[pl.DataType]:
    return pl.String if isinstance(KEYS[key], pl.Enum) else KEYS[key]

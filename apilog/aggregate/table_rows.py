"""The rows of a table: which groups of a cube each of them is, and in which order they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate.cube import KEPT, NOT_FOUND, OTHER, OTHER_ROUTES, CubeState, merge_exprs
from apilog.aggregate.table_specs import BOUNDED_KEYS, KEY_TYPES, RowOrder, TableSpec
from apilog.metrics import Accumulator

NOT_FOUND_TEXT = "(not found)"
OTHER_TEXT = "(other)"


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table, those of one report or of several, one after the other."""

    table: TableSpec
    keys: pl.DataFrame
    """`fold` and the table's keys as cubes have them, and the `row` they are part of.

    Of several reports, the period is a key here and in the sums.
    """
    sums: pl.DataFrame
    """The table's keys as a report shows them and its accumulators, by row."""
    others: pl.Series
    """The numbers of the rows of all others, whether or not they are there."""
    by: tuple[str, ...]
    """The key that keeps reports apart, if there are several."""

    @property
    def is_other(self) -> pl.Expr:
        """Whether `row` is that of all others."""
        return _is_one_of(self.others)

    @property
    def is_single_key(self) -> pl.Series:
        """Whether each row is one value of the keys, not the sum of several that were folded."""
        own = self.keys.filter(pl.col("fold") == KEPT, ~self.is_other)["row"]
        all_rows = pl.int_range(self.sums.height, dtype=pl.UInt32, eager=True)
        return all_rows.is_in(own.implode()).alias("named")

    def rows_of_ids(self, state: CubeState) -> pl.Series:
        """Return the row that each key of a cube is part of."""
        keys = state.keys.select_seq(*self.by, shown_fold(self.table), *self.table.keys)
        return keys.join(
            self.keys, on=keys.columns, how="left", nulls_equal=True, maintain_order="left"
        )["row"]


def assemble_rows(
    table: TableSpec,
    groups: pl.DataFrame,
    shown: pl.DataFrame,
    accumulators: Sequence[Accumulator],
    by: tuple[str, ...],
    row: pl.Series,
    others: pl.Series,
) -> TableRows:
    """Return the rows of a table, given the row that each group is part of.

    `shown` are the groups with their keys as a report shows them; the rows `others` are all others.
    """
    is_other = _is_one_of(others)
    # The row of all others has a text where there can be one, else null.
    texts = (
        pl.lit(OTHER_TEXT if shown.schema[k] == pl.String else None, shown.schema[k])
        for k in table.keys
    )
    keys = (
        pl.when(is_other).then(text).otherwise(pl.col(k)).alias(k)
        for k, text in zip(table.keys, texts, strict=True)
    )
    merged = (
        shown.with_columns_seq(row)
        .with_columns_seq(keys)
        .group_by("row", *by, *table.keys)
        .agg(merge_exprs(accumulators))
    )
    return TableRows(
        table,
        groups.select_seq(*by, "fold", *table.keys, row),
        merged.sort("row").drop("row"),
        others,
        by,
    )


def rank_groups(
    table: TableSpec, by: Sequence[str], groups: pl.DataFrame, most: int
) -> tuple[pl.Series, pl.Series]:
    """Return the row of each group, and the rows of all others.

    In each report these come after `most` rows at most that are one group each.
    """
    keys = [*table.keys, "fold"]
    descending = [*(False for _ in by), True, *(False for _ in keys)]
    ranked = (
        groups.with_row_index("index")
        .filter(pl.col("fold") < OTHER)
        .sort(*by, "requests", *keys, descending=descending, nulls_last=True)
    )
    place = pl.int_range(pl.len(), dtype=pl.UInt32)
    ranked = ranked.filter(place.over(by) < most) if by else ranked.head(most)
    if table.order is RowOrder.KEYS:
        ranked = ranked.sort(*by, *keys, nulls_last=True)
    last = ranked.height
    places = pl.int_range(last, dtype=pl.UInt32, eager=True)
    row = pl.select(pl.repeat(last, groups.height, dtype=pl.UInt32)).to_series()
    row = row.scatter(ranked["index"], places).alias("row")
    if not by:
        return row, pl.Series([last], dtype=pl.UInt32)
    # Ranks ascend from report to report. The others of each come right after its own.
    placed = groups.select(*by, row)
    rows = placed.unique().sort(*by, "row").with_row_index("new")
    numbered = placed.join(rows, on=[*by, "row"], how="left", maintain_order="left")["new"]
    return numbered.alias("row"), rows.filter(pl.col("row") == last)["new"]


def shown_key(key: str) -> pl.Expr:
    value = pl.col(key).cast(pl.String if isinstance(KEY_TYPES[key], pl.Enum) else KEY_TYPES[key])
    if key != "route":
        return value
    not_found = pl.when(pl.col("fold") == NOT_FOUND).then(pl.lit(NOT_FOUND_TEXT))
    others = not_found.when(pl.col("fold") == OTHER_ROUTES).then(pl.lit(OTHER_TEXT))
    return others.otherwise(value).alias(key)


def shown_fold(table: TableSpec) -> pl.Expr:
    """Return the fold, as far as it shows in the table's keys."""
    lowest = NOT_FOUND if "route" in table.keys else OTHER
    shows = (pl.col("fold") >= lowest) & (not BOUNDED_KEYS.issuperset(table.keys))
    return pl.when(shows).then("fold").otherwise(pl.lit(KEPT, pl.UInt8)).alias("fold")


def _is_one_of(rows: pl.Series) -> pl.Expr:
    row = pl.col("row")
    return row == rows.item() if len(rows) == 1 else row.is_in(rows.implode())

"""Latencies of accounts: a DDSketch for each account and kind of call, as one sorted column.

A *cell* packs an account's place in its shard, the kind of call and the latency's bucket into 32
bits. As few calls of an account share a bucket, a cell stands as often as it was met; only when
that is much more than the number of distinct cells are they counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate.ddsketch import BUCKET_CODES, bucket_of_code

SHARD_BITS = 16
SHARD_ACCOUNTS = 1 << SHARD_BITS
"""How many accounts one shard holds: their tables fit into the cache of a processor."""
_BUCKET_BITS = 11
_IN_TRIAL, _IS_COUNTED = 1, 2
_KIND_BITS = 2
_CELL_BITS = _BUCKET_BITS + _KIND_BITS

assert BUCKET_CODES <= 1 << _BUCKET_BITS
assert SHARD_BITS + _CELL_BITS <= 32


def latency_cell(
    account: pl.Expr, in_trial: pl.Expr, is_counted: pl.Expr, bucket: pl.Expr
) -> pl.Expr:
    """Pack an account, whether a call is in its trial and in the window, and a bucket's code."""
    kind = in_trial.cast(pl.UInt32) * _IN_TRIAL + is_counted.cast(pl.UInt32) * _IS_COUNTED
    place = account.cast(pl.UInt32) % SHARD_ACCOUNTS
    return (place * (1 << _CELL_BITS) + kind * (1 << _BUCKET_BITS) + bucket.cast(pl.UInt32)).alias(
        "cell"
    )


def is_in_trial(cell: pl.Expr) -> pl.Expr:
    """Whether the call of a cell is in its account's trial."""
    return cell // (1 << _BUCKET_BITS) % 2 == _IN_TRIAL


def is_in_window(cell: pl.Expr) -> pl.Expr:
    """Whether the call of a cell is counted."""
    return cell // (1 << _BUCKET_BITS) % (1 << _KIND_BITS) >= _IS_COUNTED


def has_latency(cell: pl.Expr) -> pl.Expr:
    """Whether a cell has a bucket: the code 0 is that of null."""
    return cell % (1 << _BUCKET_BITS) != 0


@dataclass(frozen=True, slots=True)
class LatencyShard:
    """The cells of the accounts of one shard, in ascending order."""

    first: int
    """The id of its first account."""
    cells: pl.Series
    counts: pl.Series | None = None
    """How often each cell was met; None where a cell stands as often as it was."""

    def of_kind(self, *, in_trial: bool) -> pl.DataFrame:
        """Return the cells of one kind: `key` (the account's place and the bucket's code), `n`.

        The calls of the trial are wanted, or else those that are counted.
        """
        cell = pl.col("cell")
        counts = pl.lit(1, pl.UInt32) if self.counts is None else pl.lit(self.counts)
        key = cell // (1 << _CELL_BITS) * (1 << _BUCKET_BITS) + cell % (1 << _BUCKET_BITS)
        wanted = is_in_trial(cell) if in_trial else is_in_window(cell)
        frame = self.cells.alias("cell").to_frame()
        return (
            frame.select(wanted.alias("wanted"), key=key, n=counts).filter("wanted").drop("wanted")
        )

    def ranked(self, *, in_trial: bool) -> pl.DataFrame:
        """Return the cells of one kind in order: `place`, `bucket` (its code) and `n`."""
        # Calls in and out of trials, or of the window, of one account stand one after the other.
        frame = self.of_kind(in_trial=in_trial)
        ordered = frame["key"].sort().to_frame() if self.counts is None else frame.sort("key")
        return ordered.select(
            _PLACE, _BUCKET, n=pl.lit(1, pl.UInt32) if self.counts is None else "n"
        )


_PLACE = (pl.col("key") // (1 << _BUCKET_BITS)).alias("place")
_BUCKET = (pl.col("key") % (1 << _BUCKET_BITS)).alias("bucket")


class LatencyCells:
    """The cells of one shard while calls come in; bounded by the number of distinct ones."""

    _FEWEST_GATHERED = 1 << 21
    """Cells are put in order only when there are more."""

    def __init__(self, first: int) -> None:
        """`first` is the id of the shard's first account."""
        self._first = first
        self._counted: pl.DataFrame | None = None
        """Distinct cells in order, and how often each was met, `n`; None while few repeat."""
        self._gathered: list[pl.Series] = []
        """Cells that are not counted yet."""
        self._gathered_cells = 0
        self._most_gathered = self._FEWEST_GATHERED

    def add(self, cells: pl.Series) -> None:
        """Add the cells of some calls, in any order."""
        self._gathered.append(cells)
        self._gathered_cells += len(cells)
        if self._gathered_cells > self._most_gathered:
            self._put_in_order()

    def shard(self) -> LatencyShard:
        """Return all cells in order."""
        ordered = self._put_in_order()
        if self._counted is None:
            return LatencyShard(self._first, ordered)
        return LatencyShard(self._first, self._counted["cell"], self._counted["n"])

    def _put_in_order(self) -> pl.Series:
        """Count the cells that were gathered, and return those left: all, as long as few repeat."""
        none = pl.Series("cell", dtype=pl.UInt32)
        cells = pl.concat([none, *self._gathered]).sort()
        self._gathered = []
        is_first = cells != cells.shift()
        if self._counted is None and 2 * int(is_first.sum()) >= len(cells):
            self._gathered = [cells]
            self._most_gathered = max(self._FEWEST_GATHERED, 2 * len(cells))
            return cells
        new = cells.rle().struct.unnest().select(cell="value", n="len")
        self._gathered_cells = 0
        if self._counted is not None:
            new = pl.concat([self._counted, new]).group_by("cell").agg(pl.col("n").sum())
            new = new.sort("cell")
        self._counted = new
        self._most_gathered = max(self._FEWEST_GATHERED, 2 * new.height)
        return none


def histogram_of_groups(
    shards: Sequence[LatencyShard], rows: pl.Series, *, in_trial: bool
) -> pl.DataFrame:
    """Return `row`, `bucket` and `n` (Int64) of the calls of each group of accounts.

    `rows` has the group of each account, its position being its id; null for none.
    """
    parts = [pl.DataFrame(schema={"key": pl.UInt64, "n": pl.Int64})]
    for shard in shards:
        cells = shard.of_kind(in_trial=in_trial)
        own = rows.slice(shard.first, SHARD_ACCOUNTS).cast(pl.UInt64) * (1 << _BUCKET_BITS)
        located = cells.select(key=pl.lit(own).gather(_PLACE) + _BUCKET, n="n").drop_nulls("key")
        counts = located.group_by("key").agg(
            pl.len().cast(pl.Int64).alias("n")
            if shard.counts is None
            else pl.col("n").cast(pl.Int64).sum()
        )
        parts.append(counts)
    sums = pl.concat(parts).group_by("key").agg(pl.col("n").sum())
    return sums.select(
        (pl.col("key") // (1 << _BUCKET_BITS)).cast(pl.UInt32).alias("row"),
        bucket_of_code(pl.col("key") % (1 << _BUCKET_BITS)),
        "n",
    )


def quantile_of_accounts(
    shards: Sequence[LatencyShard], rows: pl.Series, level: float, *, in_trial: bool
) -> pl.DataFrame:
    """Return `id` and `bucket` at rank floor(level · (n − 1)) of each account in a group."""
    parts = [pl.DataFrame(schema={"id": pl.UInt32, "bucket": pl.Int16})]
    for shard in shards:
        ranked = _with_rows(shard.ranked(in_trial=in_trial), shard, rows)
        if ranked.is_empty():
            continue
        places, before, upto = _runs(ranked)
        rank = pl.select((level * (pl.lit(upto - before) - 1)).floor().cast(pl.Int64)).to_series()
        at_rank = ranked["n"].cast(pl.Int64).cum_sum().search_sorted(before + rank, side="right")
        parts.append(
            pl.DataFrame(
                {"id": places + shard.first, "code": ranked["bucket"].gather(at_rank)}
            ).select(pl.col("id").cast(pl.UInt32), bucket_of_code(pl.col("code")))
        )
    return pl.concat(parts)


def calls_up_to(shards: Sequence[LatencyShard], rows: pl.Series, limits: pl.Series) -> pl.DataFrame:
    """Return `id`, `row`, `n` and `upto` of each account in a group: its timed calls that are
    counted, and those of them that are in the bucket `limits` has at its row, or a lower one.
    """
    parts = []
    limit = bucket_of_code(pl.col("bucket")) <= pl.lit(limits).gather(pl.col("row"))
    for shard in shards:
        ranked = _with_rows(shard.ranked(in_trial=False), shard, rows)
        n = pl.col("n").cast(pl.Int64)
        ranked = ranked.with_columns(upto=pl.when(limit).then(n).otherwise(0).cum_sum())
        places, before, upto = _runs(ranked)
        ends = _ends(ranked)
        below = ranked["upto"].gather(ends)
        parts.append(
            pl.DataFrame(
                {
                    "id": (places + shard.first).cast(pl.UInt32),
                    "row": ranked["row"].gather(ends),
                    "n": upto - before,
                    "upto": below - below.shift(1, fill_value=0),
                }
            )
        )
    return pl.concat(parts)


def _with_rows(ranked: pl.DataFrame, shard: LatencyShard, rows: pl.Series) -> pl.DataFrame:
    """Add the `row` of each cell's account, and leave out those without."""
    own = rows.slice(shard.first, SHARD_ACCOUNTS)
    return ranked.with_columns(own.gather(ranked["place"]).alias("row")).drop_nulls("row")


def _ends(ranked: pl.DataFrame) -> pl.Series:
    """Return the position of the last cell of each account."""
    return ranked["place"].rle().struct.field("len").cast(pl.Int64).cum_sum() - 1


def _runs(ranked: pl.DataFrame) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return the place of each account with cells, and the calls before and up to its last one."""
    ends = _ends(ranked)
    upto = ranked["n"].cast(pl.Int64).cum_sum().gather(ends)
    return ranked["place"].gather(ends), upto.shift(1, fill_value=0), upto

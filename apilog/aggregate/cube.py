"""The state of one cube: what is known of each of its keys, in sums that merge by adding.

Keys are listed once; the other frames refer to them by row number (`id`). A key that
stands for several others says so in `fold`, never by a text that a log could hold too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate.chunk import Chunk
from apilog.aggregate.keys import Coded, combine
from apilog.aggregate.plan import Cube
from apilog.metrics import ACCUMULATORS, Merge
from apilog.schema import TIMESTAMP

KEPT, NOT_FOUND, OTHER_ROUTES, OTHER = range(4)
"""Values of `fold`: itself; routes never found; further routes; the rest of all keys."""

_HASH_SEED = 20_261_121


@dataclass(frozen=True, slots=True)
class CubeState:
    """Frames only, so that it can be pickled, sent and saved."""

    keys: pl.DataFrame
    """`fold` (UInt8) and the cube's keys; the row number is the id."""
    sums: pl.DataFrame
    """`id`, the cube's detail and a column for each accumulator."""
    histograms: dict[str, pl.DataFrame]
    """For each column: `id`, `bucket` (Int16), `n`."""
    distinct: dict[str, pl.DataFrame]
    """For each column: `id`, `hash` (UInt64), each pair once. Hashes are equal on all machines
    with the same version of Polars; not to be kept for longer."""


def partial_cube(cube: Cube, chunk: Chunk) -> CubeState:
    """The cube of one chunk."""
    key = chunk.key(cube.keys)
    sums = _sums(cube, chunk, key)
    used = sums["key"].unique().sort()
    ids = _ids(used, pl.col("key"))
    return CubeState(
        _compact(
            used.to_frame().select_seq(
                pl.lit(KEPT, pl.UInt8).alias("fold"), *key.decode(pl.col("key"))
            )
        ),
        sums.select_seq(ids, *cube.detail, *cube.sums),
        {c: _histogram(chunk, key, used, c) for c in cube.histograms},
        {c: _distinct(chunk, key, used, c) for c in cube.distinct},
    )


def merge_cubes(cube: Cube, states: Sequence[CubeState]) -> CubeState:
    """One state for several; in any order the same, but for the numbering of ids."""
    if len(states) == 1:
        return states[0]
    heights = [s.keys.height for s in states]
    offsets = pl.Series([0, *heights[:-1]], dtype=pl.UInt32).cum_sum()

    def together(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        moved = (
            f.with_columns(pl.col("id") + offset) for f, offset in zip(frames, offsets, strict=True)
        )
        return pl.concat(moved)

    return regroup(
        cube,
        CubeState(
            pl.concat(s.keys for s in states),
            together(s.sums for s in states),
            {c: together(s.histograms[c] for s in states) for c in cube.histograms},
            {c: together(s.distinct[c] for s in states) for c in cube.distinct},
        ),
    )


def regroup(cube: Cube, state: CubeState) -> CubeState:
    """The state with equal keys made one."""
    unique = state.keys.unique(maintain_order=True)
    columns = state.keys.columns
    ids = state.keys.join(
        unique.with_row_index("id"), on=columns, how="left", nulls_equal=True, maintain_order="left"
    )["id"]

    def renumbered(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(id=ids.gather(frame["id"]))

    return CubeState(
        _compact(unique),
        renumbered(state.sums).group_by("id", *cube.detail).agg(merged(cube.sums)),
        {c: _added(renumbered(h)) for c, h in state.histograms.items()},
        {c: _united(renumbered(d), unique.height) for c, d in state.distinct.items()},
    )


def with_keys(
    cube: Cube, state: CubeState, columns: Sequence[str], accumulators: Sequence[str]
) -> pl.DataFrame:
    """These accumulators for each group, with its detail and these columns of its key."""
    sums = state.sums.select(*cube.detail, *accumulators)
    return state.keys.select(columns)[state.sums["id"]].hstack(sums)


def merged(accumulators: Iterable[str]) -> list[pl.Expr]:
    """Partial values of a group as one, each by its own rule."""
    return [_merge(a) for a in accumulators]


def _merge(accumulator: str) -> pl.Expr:
    value = pl.col(accumulator)
    match ACCUMULATORS[accumulator].merge:
        case Merge.SUM:
            return value.sum().cast(pl.Int64)
        case Merge.MIN:
            return value.min()
        case Merge.MAX:
            return value.max()


def nothing(accumulator: str) -> pl.Expr:
    """What an accumulator is where nothing was accumulated."""
    definition = ACCUMULATORS[accumulator]
    if definition.merge is Merge.SUM:
        return pl.lit(0, pl.Int64).alias(accumulator)
    dtype = TIMESTAMP if definition.column == "timestamp" else pl.Int64
    return pl.lit(None, dtype).alias(accumulator)


def _compact(keys: pl.DataFrame) -> pl.DataFrame:
    # Texts taken from a column keep all texts of that column in memory, until they are copied.
    return keys.with_columns_seq(
        pl.concat_str(name, pl.lit("")).alias(name)
        for name, dtype in keys.schema.items()
        if dtype == pl.String
    )


def _added(histogram: pl.DataFrame) -> pl.DataFrame:
    return histogram.group_by("id", "bucket").agg(pl.col("n").sum())


def _united(distinct: pl.DataFrame, keys: int) -> pl.DataFrame:
    if keys > 1:
        return distinct.unique()
    # One column is quicker than two, and this is the largest set: all clients.
    hashes = distinct["hash"].unique()
    ids = pl.repeat(0, len(hashes), dtype=pl.UInt32, eager=True)
    return pl.DataFrame({"id": ids, "hash": hashes})


def _ids(used: pl.Series, key: pl.Expr) -> pl.Expr:
    return pl.lit(used).search_sorted(key).alias("id")


def _sums(cube: Cube, chunk: Chunk, key: Coded) -> pl.DataFrame:
    """The groups of the chunk: `key`, the cube's detail and its accumulators."""
    constant, detail = cube.constant_sums, chunk.key(cube.detail)
    absent = {a for a in cube.sums if chunk.is_absent(ACCUMULATORS[a].column)} - {*constant}
    counts = {a for a in cube.sums if ACCUMULATORS[a].is_count} - absent - {*constant}
    full = {a for a in counts if chunk.is_full(ACCUMULATORS[a].column)}
    summed = [a for a in cube.sums if a not in (*constant, *absent, *full, "requests")]
    code, requests = pl.col("code"), pl.col("requests")
    fine = combine(key, detail)
    values = pl.DataFrame([fine.codes.alias("code"), *map(chunk.value, summed)])
    groups = _grouped(
        values, fine.size, [pl.len().cast(pl.Int64).alias("requests"), *merged(summed)]
    )
    own = code // detail.size
    decided = {ACCUMULATORS[a].column for a in constant} - {*cube.detail}
    decoded = groups.select_seq(
        own.alias("key"),
        "requests",
        *summed,
        *(k for k, name in zip(key.decode(own), cube.keys, strict=True) if name in decided),
        *detail.decode(code % detail.size),
    )
    return decoded.select_seq(
        "key",
        *cube.detail,
        *("requests", *summed),
        *((ACCUMULATORS[a].value() * requests).fill_null(0).alias(a) for a in constant),
        *(requests.alias(a) for a in full),
        *map(nothing, absent),
    )


def _grouped(values: pl.DataFrame, size: int, aggregates: list[pl.Expr]) -> pl.DataFrame:
    if size == 1 and values.height:
        return values.select_seq(pl.col("code").first(), *aggregates)
    return values.group_by("code").agg(aggregates)


def _histogram(chunk: Chunk, key: Coded, used: pl.Series, column: str) -> pl.DataFrame:
    buckets, code = chunk.buckets(column), pl.col("code")
    counts = combine(key, buckets).codes.alias("code").value_counts(name="n")
    if chunk.records[column].null_count():
        counts = counts.filter(counts["code"] % buckets.size > 0)
    return counts.select_seq(
        _ids(used, code // buckets.size),
        *buckets.decode(code % buckets.size),
        pl.col("n").cast(pl.Int64),
    )


def _distinct(chunk: Chunk, key: Coded, used: pl.Series, column: str) -> pl.DataFrame:
    values = chunk.records[column]
    if key.size == 1 and values.dtype == pl.String:
        # Quicker than encoding, where no other cube needs the codes.
        every = values.drop_nulls().hash(_HASH_SEED).alias("hash")
        return _united(every.to_frame(), 1)
    coded, code = chunk.coded(column), pl.col("code")
    pairs = combine(key, coded).codes.alias("code").unique()
    if values.null_count():
        pairs = pairs.filter(pairs % coded.size > 0)
    # Hashes of the values, not of the codes, which differ from chunk to chunk.
    (value,) = coded.decode(code % coded.size)
    return pairs.to_frame().select_seq(
        _ids(used, code // coded.size), value.hash(_HASH_SEED).alias("hash")
    )

"""The records of one chunk as codes, and the state of one cube that is made from them.

Keys are listed once; the other frames refer to them by row number (`id`). A key that
stands for several others says so in `fold`, never by a text that a log could hold too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.aggregate.bounded_sets import (
    MOST_MEMBERS,
    fitting_size,
    hash_values,
    keep_smallest,
    unite_sets,
)
from apilog.aggregate.ddsketch import (
    BUCKET_CODES,
    add_counts,
    bucket_code,
    bucket_of_code,
    clean_duration,
    is_clean_duration,
)
from apilog.aggregate.distinct_keys import NumberedKeys, copy_texts, is_one_value, number_keys
from apilog.aggregate.packed_keys import (
    PackedKeys,
    combine_keys,
    encode_column,
    is_crowd,
    pack_columns,
)
from apilog.aggregate.plan import Cube, ReportPlan, cube_layout
from apilog.aggregate.record_times import RecordTimes
from apilog.aggregate.table_specs import KEY_TYPES, PERIOD
from apilog.aggregate.time_buckets import (
    bucket_starts,
    encode_buckets,
    encode_calendar,
    encode_hours,
)
from apilog.metrics import Accumulator
from apilog.schema import GUESSED_ROUTE, is_within
from apilog.time import parse_step

_DURATION_COLUMNS = ("duration_ms", "upstream_duration_ms")


class EncodedRecords:
    """The records of a chunk within the plan's limits, and codes of their columns."""

    def __init__(self, plan: ReportPlan, records: pl.DataFrame) -> None:
        self.plan = plan
        read = records["timestamp"]
        if plan.window.is_limited:
            mask = records.select(is_within(plan.window).fill_null(value=False)).to_series()
            # Filtering copies every column, and most chunks lie wholly inside.
            records = records if mask.all() else records.filter(mask)
        if GUESSED_ROUTE not in records.columns:
            records = records.with_columns(pl.lit(value=True).alias(GUESSED_ROUTE))
        durations = [c for c in _DURATION_COLUMNS if c in records.columns]
        odd = [c for c in durations if not is_clean_duration(records[c])]
        self.records = records.with_columns(clean_duration(c) for c in odd) if odd else records
        self.rows = self.records.height
        self.times = RecordTimes.of_records(
            self.records["timestamp"], plan.timezone, plan.most_state_buckets, read
        )
        self._coded: dict[str, PackedKeys] = {}
        self._keys: dict[tuple[str, ...], PackedKeys] = {}
        cubes = cube_layout(plan).cubes
        derived = {d for cube in cubes for d in cube.derived}
        if derived:
            values = [d.compute(self.records).alias(d.name) for d in derived]
            self.records = self.records.with_columns(values)
        summed = {a for cube in cubes for a in set(cube.sums) - set(cube.constant_sums)}
        accumulators = [a for a in summed if a.column and not self.is_absent(a.column)]
        # Accumulators share functions (a sum and its extremes): each is computed once.
        name_of = {a.value: a.name for a in reversed(accumulators)}
        computed = self.records.select_seq(value().alias(name) for value, name in name_of.items())
        self.accumulator_values = {
            a: computed[name_of[a.value]].alias(a.name) for a in accumulators
        }

    def packed_key(self, columns: tuple[str, ...], step: str | None = None) -> PackedKeys:
        """Return the columns as one key; `step` is that of buckets longer than the plan's."""
        name = (*columns, step) if step else columns
        if name not in self._keys:
            coded = [
                self.encoded_buckets_of_time(step)
                if step and c == "timestamp"
                else self.encoded_column(c)
                for c in columns
            ]
            self._keys[name] = pack_columns(coded, self.rows)
        return self._keys[name]

    @property
    def step(self) -> str:
        """The step of the buckets."""
        return parse_step(self.plan.bucket) if self.plan.bucket else self.times.step

    def encoded_buckets_of_time(self, step: str) -> PackedKeys:
        """Return the bucket of each record in that step as codes."""
        name = f"timestamp at {step}"
        if name not in self._coded:
            self._coded[name] = encode_buckets(self.records["timestamp"], step, self.plan.timezone)
        return self._coded[name]

    def encoded_column(self, column: str) -> PackedKeys:
        """Return one column, or a key derived from the record, as codes."""
        if column not in self._coded:
            timestamps = self.records["timestamp"]
            match column:
                case "timestamp":
                    coded = encode_buckets(timestamps, self.step, self.plan.timezone)
                case "period":
                    step = self.plan.period_step or self.step
                    coded = encode_buckets(timestamps.alias(PERIOD), step, self.plan.timezone)
                case "hour":
                    coded = encode_hours(timestamps)
                case "weekday" | "hour_of_day":
                    coded = encode_calendar(timestamps, column, self.plan.timezone)
                case "error_source":
                    coded = encode_column(self.records[column].cast(KEY_TYPES[column]))
                case _:
                    coded = encode_column(self.records[column])
            self._coded[column] = coded
        return self._coded[column]

    def encoded_buckets(self, column: str) -> PackedKeys:
        """Return the latency bucket of each duration as codes."""
        name = f"bucket of {column}"
        if name not in self._coded:
            values = self.records[column]
            lowest = values.min()
            plain = self.is_full(column) and isinstance(lowest, float) and lowest > 0
            code = bucket_code(column, plain=plain).cast(pl.UInt32)
            codes = self.records.select_seq(code).to_series()
            self._coded[name] = PackedKeys(codes, BUCKET_CODES, lambda code: [bucket_of_code(code)])
        return self._coded[name]

    def is_absent(self, column: str | None) -> bool:
        """Return whether the column is null in all records."""
        return column is not None and self.records[column].null_count() == self.rows

    def is_full(self, column: str | None) -> bool:
        """Return whether the column is null in no record."""
        return column is not None and not self.records[column].null_count()


KEPT, NOT_FOUND, OTHER_ROUTES, OTHER = range(4)
"""Values of `fold`: a key itself; routes never found; further routes; the rest of all keys."""


@dataclass(frozen=True, slots=True)
class CubeState:
    """The state of one cube: frames only, so that it can be pickled, sent and saved."""

    keys: pl.DataFrame
    """`fold` (UInt8) and the cube's keys; the row number is the id."""
    sums: pl.DataFrame
    """`id`, the cube's detail and a column for each accumulator."""
    histograms: dict[str, pl.DataFrame]
    """For each column: `id`, `bucket` (Int16), `n`."""
    distinct: dict[str, pl.DataFrame]
    """For each column: `id`, `hash` (UInt64), each pair once. Hashes are equal on all machines
    with the same version of Polars; not to be kept for longer."""
    set_size: int = MOST_MEMBERS
    """A set with so many members is full: it has the smallest hashes of all its values."""
    step: str | None = None
    """Of a cube for filters, the step of its buckets."""
    is_bare: bool = False
    """Whether a cube for filters has grown too large to keep its histograms."""


@dataclass(frozen=True, slots=True)
class FoldedKey:
    """The key of a cube of which some values stand for several others."""

    key: PackedKeys
    """Decodes to the cube's keys, in their order."""
    fold: Callable[[pl.Expr], pl.Expr]
    """Returns the value of `fold` that a code of `key` stands for."""


def partial_cube(
    cube: Cube,
    chunk: EncodedRecords,
    step: str | None = None,
    folded: FoldedKey | None = None,
) -> CubeState:
    """Return the state of a chunk; `step` is that of buckets longer than the plan's.

    `folded` is the key if values of it were folded.
    """
    key = folded.key if folded else chunk.packed_key(cube.keys, step)
    if cube.sums:
        sums = _compute_sums(cube, chunk, key)
    else:
        sums = key.codes.alias("key").unique().to_frame()
    if cube.detail:
        used = sums["key"].unique().sort()
        ids = _key_ids(used, pl.col("key"))
    else:
        sums = sums if sums["key"].is_sorted() else sums.sort("key")
        used = sums["key"]
        ids = pl.int_range(pl.len(), dtype=pl.UInt32).alias("id")
    fold = folded.fold(pl.col("key")) if folded else pl.lit(KEPT, pl.UInt8)
    return CubeState(
        used.to_frame().select_seq(fold.alias("fold"), *key.decode(pl.col("key"))),
        sums.select_seq(ids, *cube.detail, *(a.name for a in cube.sums)),
        {c: _compute_histogram(chunk, key, c) for c in cube.histograms},
        {c: _compute_set(chunk, key, used, c) for c in cube.distinct},
        chunk.plan.max_members,
    )


def _compute_histogram(chunk: EncodedRecords, key: PackedKeys, column: str) -> pl.DataFrame:
    buckets = chunk.encoded_buckets(column)
    codes = combine_keys(key, buckets).codes
    # Sorting takes a third of the time of hashing where a bucket has few records.
    cells = codes.sort().rle().struct.unnest()
    code = pl.col("value")
    # Each key has a row, be its duration known or not.
    counts = cells.lazy().select(
        (code // buckets.size).rle_id().alias("id"),
        (code % buckets.size).alias("code"),
        pl.col("len").cast(pl.Int64).alias("n"),
    )
    if chunk.records[column].null_count():
        counts = counts.filter(pl.col("code") > 0)
    decoded = counts.select("id", *buckets.decode(pl.col("code")), "n")
    return decoded.collect(optimizations=pl.QueryOptFlags.none())


def merge_cube_states(cube: Cube, states: Sequence[CubeState]) -> CubeState:
    """Return one state for several; their order decides only how ids are numbered."""
    if len(states) == 1:
        return states[0]
    heights = [s.keys.height for s in states]
    # Ids are row numbers, so that each state's go on where those before it end.
    offsets = pl.Series([0, *heights[:-1]], dtype=pl.UInt32).cum_sum()

    size = min(s.set_size for s in states)
    states = [_with_set_size(s, size) for s in states]

    def concat_shifted(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        parts = list(frames)
        # Adding to a column is quicker than a query for each of many small frames.
        ids = pl.concat([part["id"] + by for part, by in zip(parts, offsets, strict=True)])
        return pl.concat(parts).with_columns(ids)

    return merge_equal_keys(
        cube,
        CubeState(
            pl.concat(s.keys for s in states),
            concat_shifted(s.sums for s in states),
            {c: concat_shifted(s.histograms[c] for s in states) for c in cube.histograms},
            {c: concat_shifted(s.distinct[c] for s in states) for c in cube.distinct},
            size,
        ),
    )


def merge_equal_keys(
    cube: Cube, state: CubeState, numbered: NumberedKeys | None = None
) -> CubeState:
    """Return the state with the rows of equal keys merged; `numbered` are its keys, if known."""
    # Chunks of a log that is in order share few keys with a time: only what several rows are of
    # is added up.
    unique, ids, is_alone = numbered or number_keys(state.keys)

    def merged(frame: pl.DataFrame, add_up: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        alone = is_alone.gather(frame["id"])
        numbered = frame.with_columns(id=ids.gather(frame["id"]))
        if alone.all():
            return numbered
        if not alone.any():
            return add_up(numbered)
        return pl.concat([numbered.filter(alone), add_up(numbered.filter(~alone))])

    def add_sums(rows: pl.DataFrame) -> pl.DataFrame:
        if not cube.detail and is_one_value(rows["id"]):
            return rows.select_seq(pl.col("id").first(), *merge_exprs(cube.sums))
        added = rows.group_by("id", *cube.detail).agg(merge_exprs(cube.sums))
        return added.select(rows.columns)

    def unite(members: pl.DataFrame) -> pl.DataFrame:
        return unite_sets(members, unique.height, state.set_size)

    return CubeState(
        unique if unique.height == state.keys.height else copy_texts(unique, state.keys),
        merged(state.sums, add_sums),
        {c: merged(h, add_counts) for c, h in state.histograms.items()},
        {c: merged(d, unite) for c, d in state.distinct.items()},
        state.set_size,
    )


def bound_sets(plan: ReportPlan, state: CubeState) -> CubeState:
    """Return the state with the members of sets within the plan's limit."""
    sets = state.distinct
    size = fitting_size(sets, state.set_size, plan.max_members, plan.max_cells)
    return _with_set_size(state, size)


def _with_set_size(state: CubeState, size: int) -> CubeState:
    if size == state.set_size:
        return state
    sets = {column: keep_smallest(members, size) for column, members in state.distinct.items()}
    return replace(state, distinct=sets, set_size=size)


def select_keys(state: CubeState, kept: pl.Series) -> CubeState:
    """Return the state of the keys for which the mask holds."""
    ids = (kept.cast(pl.UInt32).cum_sum() - 1).cast(pl.UInt32)
    kept = kept.fill_null(value=False)

    def renumbered(frame: pl.DataFrame) -> pl.DataFrame:
        left = frame.filter(kept.gather(frame["id"]))
        return left.with_columns(id=ids.gather(left["id"]))

    return CubeState(
        copy_texts(state.keys.filter(kept), state.keys),
        renumbered(state.sums),
        {c: renumbered(h) for c, h in state.histograms.items()},
        {c: renumbered(d) for c, d in state.distinct.items()},
        state.set_size,
    )


def sums_with_keys(
    cube: Cube, state: CubeState, columns: Sequence[str], accumulators: Iterable[Accumulator]
) -> pl.DataFrame:
    """Return accumulators for each group, with its detail and these columns of its key."""
    sums = state.sums.select(*cube.detail, *(a.name for a in accumulators))
    return state.keys.select(columns)[state.sums["id"]].hstack(sums)


def merge_exprs(accumulators: Iterable[Accumulator]) -> list[pl.Expr]:
    """Return expressions that merge the partial values of a group, each by its own rule."""
    return [accumulator.merge_expr() for accumulator in accumulators]


def at_step(cube: Cube, state: CubeState, step: str, timezone: str) -> CubeState:
    """Return the state with buckets of a step that is as long as its own or longer."""
    return move_buckets(cube, state, bucket_starts(state.keys["timestamp"], step, timezone))


def move_buckets(cube: Cube, state: CubeState, starts: pl.Series) -> CubeState:
    """Return the state with other buckets: what is in one bucket now is merged."""
    moved = replace(state, keys=state.keys.with_columns(starts.alias("timestamp")))
    return moved if moved.keys.is_unique().all() else merge_equal_keys(cube, moved)


def _key_ids(used: pl.Series, key: pl.Expr) -> pl.Expr:
    return pl.lit(used).search_sorted(key.cast(used.dtype)).alias("id")


def _compute_sums(cube: Cube, chunk: EncodedRecords, key: PackedKeys) -> pl.DataFrame:
    """Return the groups of the chunk: `key`, the cube's detail and its accumulators."""
    # Only what varies within a group is summed. Accumulators that a key decides, such as errors
    # where the status is a key, come from the number of requests; so do counts of full columns.
    constant, detail = cube.constant_sums, chunk.packed_key(cube.detail)
    absent = {a for a in cube.sums if chunk.is_absent(a.column)} - {*constant}
    counts = {a for a in cube.sums if a.is_count} - absent - {*constant}
    full = {a for a in counts if chunk.is_full(a.column)}
    summed = [a for a in cube.sums if a.column and a not in (*constant, *absent, *full)]
    code, requests = pl.col("code"), pl.col("requests")
    fine = combine_keys(key, detail)
    values = pl.DataFrame(
        [fine.codes.alias("code"), *(chunk.accumulator_values[a] for a in summed)]
    )
    aggregates = [pl.len().cast(pl.Int64).alias("requests"), *merge_exprs(summed)]
    if fine.size == 1 and values.height:
        groups = values.select_seq(pl.col("code").first(), *aggregates)
    elif is_crowd(fine.codes):
        groups = _add_up_crowd(values, summed)
    else:
        groups = values.group_by("code").agg(aggregates)
    key_code = code // detail.size
    decided = {a.column for a in constant} - {*cube.detail}
    sums = [a.name for a in summed]
    decoded = groups.select_seq(
        key_code.alias("key"),
        "requests",
        *sums,
        *(k for k, name in zip(key.decode(key_code), cube.keys, strict=True) if name in decided),
        *detail.decode(code % detail.size),
    )
    return decoded.select_seq(
        "key",
        *cube.detail,
        *("requests", *sums),
        *((a.value() * requests).fill_null(0).alias(a.name) for a in constant),
        *(requests.alias(a.name) for a in full),
        *(a.empty_value() for a in absent),
    )


def _add_up_crowd(values: pl.DataFrame, summed: Sequence[Accumulator]) -> pl.DataFrame:
    """Return the groups by `code` of records of which most are the only ones of theirs."""
    # Sorting takes a fifth of the time that a table of as many groups takes.
    ordered = values[values["code"].arg_sort()]
    code = ordered["code"]
    is_repeated = (code == code.shift()).fill_null(value=False)
    requests = pl.lit(1, pl.Int64).alias("requests")
    alone = ordered.select_seq("code", requests, *(a.single_expr() for a in summed))
    if not is_repeated.any():
        return alone
    is_shared = is_repeated | is_repeated.shift(-1, fill_value=False)
    requests = pl.len().cast(pl.Int64).alias("requests")
    shared = ordered.filter(is_shared).group_by("code").agg(requests, *merge_exprs(summed))
    return pl.concat([alone.filter(~is_shared), shared])


def _compute_set(
    chunk: EncodedRecords, key: PackedKeys, used: pl.Series, column: str
) -> pl.DataFrame:
    values, size = chunk.records[column], chunk.plan.max_members
    if key.size == 1 and values.dtype == pl.String:
        # Quicker than encoding, where no other cube needs the codes.
        return unite_sets(hash_values(values.drop_nulls()).to_frame(), 1, size)
    coded, code = chunk.encoded_column(column), pl.col("code")
    # Looking up what is sorted takes a fraction of the time.
    pairs = combine_keys(key, coded).codes.alias("code").unique().sort()
    if values.null_count():
        pairs = pairs.filter(pairs % coded.size > 0)
    # Hashes of the values, not of the codes, which differ from chunk to chunk.
    (value,) = coded.decode(code % coded.size)
    members = pairs.to_frame().select_seq(_key_ids(used, code // coded.size), value)
    hashes = hash_values(members[column])
    return keep_smallest(pl.DataFrame([members["id"], hashes]), size)

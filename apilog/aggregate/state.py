"""partial and merge: from records to a state, and from states to one state of bounded size.

Merging adds integers, compares extremes and unites sets, so that any grouping and any
order of the chunks gives the same report, bit for bit. The exception is a cube that
outgrows `ReportPlan.max_keys`: several of its keys are folded into one, so that hostile or
endless ones stay a few rows; its totals stay exact, but which keys survive depends on order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from threading import Lock
from typing import TypeVar

import polars as pl

from apilog.aggregate.chunk_cubes import ChunkCubes, list_cubes
from apilog.aggregate.crowded_keys import fold_crowded_key
from apilog.aggregate.cube import (
    KEPT,
    CubeState,
    EncodedRecords,
    at_step,
    bound_sets,
    merge_cube_states,
    merge_equal_keys,
    partial_cube,
)
from apilog.aggregate.filter_states import merge_filter_states, partial_filter_cube
from apilog.aggregate.folding import (
    fold_idle_keys,
    fold_routes,
    forget_hours,
    guessed_routes,
    is_known_route,
    is_large,
)
from apilog.aggregate.packed_keys import integer_bounds
from apilog.aggregate.plan import Cube, ReportPlan, cube_layout
from apilog.aggregate.record_times import RecordTimes
from apilog.aggregate.table_specs import BOUNDED_KEYS
from apilog.aggregate.time_buckets import MOST_BUCKETS, too_many_buckets
from apilog.routes import MOST_CHUNK_ROUTES, NO_TEMPLATES, RouteTemplates, learn_templates
from apilog.schema import GUESSED_ROUTE, READ_COLUMNS


def kept_routes(plan: ReportPlan, state: PartialState) -> frozenset[str]:
    """Return the routes that don't fold; none if no table has routes."""
    found = _routed_cube(plan, learn_routes(plan, state))
    if found is None:
        return frozenset()
    keys = fold_routes(plan, *found).keys
    return frozenset(keys.filter(pl.col("fold") == KEPT)["route"].drop_nulls().unique())


def unfound_routes(plan: ReportPlan, state: PartialState) -> dict[str, int]:
    """Return the routes that fold as nobody found them, with their requests, the busiest first."""
    found = _routed_cube(plan, learn_routes(plan, state))
    if found is None:
        return {}
    routes = guessed_routes(plan, *found).filter("never_found")
    ordered = routes.sort("requests", "route", descending=[True, False])
    return dict(ordered.select("route", "requests").iter_rows())


def route_counts(plan: ReportPlan, state: PartialState) -> pl.DataFrame | None:
    """Return the routes that looks gave: `route`, `requests`, how many of these were `found`, and
    whether the route `may_merge`: one that is known only tells of others.

    Those of several reports begin with the period. None if no table has routes.
    """
    cube = _routed_cube(plan, state)
    if cube is None:
        return None
    found = pl.col("requests") - pl.col("not_found")
    counts = guessed_routes(replace(plan, known_routes=frozenset()), *cube)
    return counts.select(
        *(*cube[0].by, "route", "requests"),
        found.alias("found"),
        (~is_known_route(plan)).alias("may_merge"),
    )


def learn_routes(plan: ReportPlan, state: PartialState) -> PartialState:
    """Return the state with routes merged that traffic shows to be one."""
    counts = route_counts(plan, state) if plan.learns_routes else None
    if counts is None:
        return state
    return merge_routes(plan, state, learn_templates(counts, state.templates))


def merge_routes(plan: ReportPlan, state: PartialState, templates: RouteTemplates) -> PartialState:
    """Return the state with the routes merged that these templates make equal."""
    counts = route_counts(plan, state) if templates else None
    if counts is None:
        return state
    return replace(
        rename_routes(plan, state, changed_routes(counts, templates)), templates=templates
    )


def changed_routes(counts: pl.DataFrame, templates: RouteTemplates) -> pl.DataFrame:
    """Return the routes of `route_counts` that these templates change, and what they are
    `renamed` to."""
    merging = counts.filter("may_merge").drop("requests", "found", "may_merge")
    renamed = templates.rename(merging["route"]).alias("renamed")
    return merging.with_columns(renamed).filter(pl.col("route") != renamed)


def rename_routes(plan: ReportPlan, state: PartialState, changed: pl.DataFrame) -> PartialState:
    """Return the state with routes `renamed`; of several reports, those of a period."""
    pairs = zip(cube_layout(plan).cubes, state.cubes, strict=True)
    cubes = tuple(_rename_in_cube(cube, one, changed) for cube, one in pairs)
    return replace(state, cubes=cubes)


def _rename_in_cube(cube: Cube, state: CubeState, changed: pl.DataFrame) -> CubeState:
    if "route" not in cube.keys or changed.is_empty():
        return state
    kept = pl.when(pl.col("fold") == KEPT).then("route")
    renamed = state.keys.select(*cube.by, kept.alias("route")).join(
        changed, on=[*cube.by, "route"], how="left", maintain_order="left"
    )["renamed"]
    if renamed.null_count() == len(renamed):
        return state
    keys = state.keys.with_columns(pl.coalesce(renamed, "route").alias("route"))
    merged = merge_equal_keys(cube, replace(state, keys=keys))
    return replace(merged, step=state.step, is_bare=state.is_bare)


def _routed_cube(plan: ReportPlan, state: PartialState) -> tuple[Cube, CubeState] | None:
    # All cubes with routes fold the same ones.
    pairs = zip(cube_layout(plan).cubes, state.cubes, strict=True)
    return next((pair for pair in pairs if "route" in pair[0].keys), None)


@dataclass(frozen=True, slots=True)
class PartialState:
    """The sums of some records: small, plain data, the same for any engine."""

    times: RecordTimes
    cubes: tuple[CubeState, ...]
    """In the order of the plan's cubes."""
    templates: RouteTemplates = NO_TEMPLATES
    """What merged routes before the end, as there were too many of them."""
    chunk: ChunkCubes | None = None
    """The sums of one chunk that only merging makes cubes of; there are none until then."""


_CROWDED_KEYS = 25_000
"""From so many keys on, what is done with them takes more memory than the lines did."""
_CROWD_TURN = Lock()
"""Whoever does it waits for the others: on several threads at a time it would take as many times
the memory, and hardly less time, since Polars uses all cores for one of them."""


def partial(plan: ReportPlan, records: pl.DataFrame) -> PartialState:
    """Return the state of one chunk of records; those outside of the plan's limits are left out.

    Takes the plan's `columns` as the schema types them, text also as Categorical. Without
    `GUESSED_ROUTE` all routes are taken as guessed.
    """
    state, layout = sum_chunk(plan, records), cube_layout(plan)
    assert state.chunk
    cubes = (states[0] for states in list_cubes(layout, [state.chunk]))
    bounded = (_bound_chunk(plan, *pair) for pair in zip(layout.cubes, cubes, strict=True))
    return PartialState(state.times, tuple(bounded), state.templates)


def sum_chunk(plan: ReportPlan, records: pl.DataFrame) -> PartialState:
    """Return what `partial` does, for less: a state that can only be merged."""
    records, templates = _merge_crowded_routes(plan, records)
    chunk, layout = EncodedRecords(plan, records), cube_layout(plan)
    keys = {key for cube in layout.cubes for key in cube.keys} - BOUNDED_KEYS
    is_crowded = any(chunk.encoded_column(key).size > _CROWDED_KEYS for key in keys)
    with _CROWD_TURN if is_crowded else nullcontext():
        cubes = ChunkCubes.of_records(layout, chunk, lambda cube: _sum_records(plan, cube, chunk))
    return PartialState(chunk.times, (), templates, cubes)


def _merge_crowded_routes(
    plan: ReportPlan, records: pl.DataFrame
) -> tuple[pl.DataFrame, RouteTemplates]:
    """Return records with so many routes that most would fold with them merged, and by what."""
    fewest = plan.max_keys // 4
    if not plan.learns_routes or "route" not in plan.columns or records.height <= fewest:
        return records, NO_TEMPLATES
    routes = records["route"]
    if routes.dtype == pl.String:
        # The codes are needed anyway, and tell at once that there are few.
        routes = routes.cast(pl.Categorical(pl.Categories.random()))
        records = records.with_columns(routes)
    if integer_bounds(routes.to_physical())[1] < fewest or routes.n_unique() <= fewest:
        return records, NO_TEMPLATES
    is_guessed = pl.lit(value=True)
    if GUESSED_ROUTE in records.columns:
        is_guessed = pl.col(GUESSED_ROUTE).is_not_null()
    counts = (
        records.lazy()
        .select("route", found=pl.col("status").ne_missing(404), is_guessed=is_guessed)
        .group_by("route")
        .agg(pl.col("found").sum(), pl.col("is_guessed").all())
        .filter("is_guessed", ~is_known_route(plan))
        .select(pl.col("route").cast(pl.String), "found")
        .collect()
    )
    templates = learn_templates(counts, most=MOST_CHUNK_ROUTES)
    changed = templates.rename_column(routes)
    if changed is routes:
        return records, NO_TEMPLATES
    own = pl.lit(value=False)
    if counts.height < routes.n_unique():
        own = ~pl.col("route").cast(pl.String).is_in(counts["route"].implode())
    merged = pl.when(own).then(pl.col("route").cast(pl.String)).otherwise(changed.cast(pl.String))
    return records.with_columns(merged.alias("route")), templates


def _sum_records(plan: ReportPlan, cube: Cube, chunk: EncodedRecords) -> CubeState:
    if cube.is_for_filters:
        return partial_filter_cube(cube, chunk)
    folded = fold_crowded_key(plan, cube, chunk)
    return _bound_chunk(plan, cube, partial_cube(cube, chunk, folded=folded))


def _bound_chunk(plan: ReportPlan, cube: Cube, state: CubeState) -> CubeState:
    """Return the state of a chunk within the plan's limits."""
    if cube.is_for_filters:
        return state
    state = bound_sets(plan, state)
    # Chunks, too: many of them wait to be merged, each with as many keys as it has lines.
    if state.keys.height <= plan.max_keys:
        return state
    return fold_idle_keys(plan, cube, forget_hours(plan, cube, state))


def _bound_keys(plan: ReportPlan, state: PartialState) -> PartialState:
    """Return the state within the plan's limits.

    Where keys are too many, routes merge before the idler ones fold.
    """
    pairs = list(zip(cube_layout(plan).cubes, state.cubes, strict=True))
    if plan.period_step:
        return state
    pairs = [(cube, bound_sets(plan, one)) for cube, one in pairs]
    state = replace(state, cubes=tuple(one for _, one in pairs))
    if any(is_large(plan, *pair) for pair in pairs if "route" in pair[0].keys):
        state = learn_routes(plan, state)
        pairs = list(zip(cube_layout(plan).cubes, state.cubes, strict=True))
    bounded = (
        one if cube.is_for_filters else fold_idle_keys(plan, cube, forget_hours(plan, cube, one))
        for cube, one in pairs
    )
    return replace(state, cubes=tuple(bounded))


def merge(plan: ReportPlan, partials: Sequence[PartialState]) -> PartialState:
    """Return one state for several; that of no records for none.

    Raises UsageError if a fixed step cuts the records into more buckets than a report can hold.
    """
    if not partials:
        return partial(plan, pl.DataFrame(schema={c: READ_COLUMNS[c] for c in plan.columns}))
    is_crowded = sum(map(_count_keys, partials)) > _CROWDED_KEYS
    with _CROWD_TURN if is_crowded else nullcontext():
        return _merge_states(plan, partials)


def _merge_states(plan: ReportPlan, partials: Sequence[PartialState]) -> PartialState:
    times = RecordTimes.merge((p.times for p in partials), plan.timezone, plan.most_state_buckets)
    layout, cubes = cube_layout(plan), []
    of_chunks = list_cubes(layout, [p.chunk for p in partials if p.chunk])
    whole = [p.cubes for p in partials if not p.chunk]
    for i, cube in enumerate(layout.cubes):
        states = [*(cubes_of[i] for cubes_of in whole), *of_chunks[i]]
        if cube.is_for_filters:
            cubes.append(merge_filter_states(plan, cube, states, plan.bucket or times.step))
            continue
        state = merge_cube_states(cube, states)
        if "timestamp" in cube.keys:
            if not plan.bucket:
                state = at_step(cube, state, times.step, plan.timezone)
            if cube.keys == ("timestamp",) and plan.bucket and state.keys.height > MOST_BUCKETS + 1:
                raise too_many_buckets(plan.bucket)
        cubes.append(state)
    templates = reduce(or_, (p.templates for p in partials))
    merged = PartialState(times, tuple(cubes))
    return _bound_keys(plan, merge_routes(plan, merged, templates))


S = TypeVar("S")

_BATCH_SIZE = 16
_BATCH_KEYS = 500_000
"""A batch is full with so many states, or with so many keys in all of them."""


def merge_in_batches(states: Iterable[S], merge: Callable[[Sequence[S]], S]) -> S:
    """Return one state for several that come one after the other, of which few are held.

    They are merged on a thread of their own while more are made. Which ones are merged together
    follows from the states alone: where keys fold, it decides which ones.
    """
    merged: list[Future[S]] = []
    # The most keys that it can have: how many these are is not known until it is there.
    merged_keys = 0
    batch: list[S] = []
    with ThreadPoolExecutor(1, thread_name_prefix="apilog_merge") as thread:
        for state in states:
            batch.append(state)
            count, batch_keys = len(merged) + len(batch), sum(map(_count_keys, batch))
            if not _is_full(count, merged_keys + batch_keys):
                continue
            before = [future.result() for future in merged]
            merged_keys = sum(map(_count_keys, before))
            if _is_full(count, merged_keys + batch_keys):
                merged = [thread.submit(merge, [*before, *batch])]
                merged_keys += batch_keys
                batch = []
        return merge([*(future.result() for future in merged), *batch])


def add_to_batch(batch: Sequence[S], state: S, merge: Callable[[Sequence[S]], S]) -> list[S]:
    """Return the batch with one more state, merged into one if that makes it full."""
    # Merging costs time for what is merged already, holding costs memory for what isn't.
    longer = [*batch, state]
    is_full = _is_full(len(longer), sum(map(_count_keys, longer)))
    return [merge(longer)] if is_full else longer


def _is_full(count: int, keys: int) -> bool:
    return count == _BATCH_SIZE or (count > 1 and keys > _BATCH_KEYS)


def _count_keys(state: object) -> int:
    """Return how many keys a state has; that of several reports is a tuple or list of states."""
    if isinstance(state, PartialState):
        chunk = state.chunk.count_keys() if state.chunk else 0
        return chunk + sum(c.keys.height for c in state.cubes)
    return sum(map(_count_keys, state)) if isinstance(state, tuple | list) else 0

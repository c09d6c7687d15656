"""partial and merge: from records to a state, and from states to one state of bounded size.

Merging adds integers, compares extremes and unites sets, so that any grouping and any
order of the chunks gives the same report, bit for bit. The exception is a cube that
outgrows `ReportPlan.max_keys`: several of its keys are folded into one, so that hostile or
endless ones stay a few rows; its totals stay exact, but which keys survive depends on order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from threading import Lock
from typing import TypeVar

import polars as pl

from apilog.aggregate.anomalies.counts import PART_WEEKS
from apilog.aggregate.crowded_keys import fold_crowded_key
from apilog.aggregate.cube import (
    KEPT,
    NOT_FOUND,
    OTHER,
    OTHER_ROUTES,
    CubeState,
    EncodedRecords,
    at_step,
    merge_cube_states,
    merge_equal_keys,
    partial_cube,
    select_keys,
    sums_with_keys,
)
from apilog.aggregate.filter_states import merge_filter_states, partial_filter_cube
from apilog.aggregate.plan import Cube, ReportPlan, cube_layout
from apilog.aggregate.record_times import RecordTimes
from apilog.aggregate.table_specs import BOUNDED_KEYS
from apilog.aggregate.time_buckets import MOST_BUCKETS, too_many_buckets
from apilog.metrics import ACCUMULATORS
from apilog.routes import MOST_CHUNK_ROUTES, NO_TEMPLATES, RouteTemplates, learn_templates
from apilog.schema import GUESSED_ROUTE, READ_COLUMNS

MOST_HOURS = 3 * 366 * 24
"""Hours kept for the anomalies: the newest ones."""
MOST_PART_HOURS = (PART_WEEKS * 7 + 1) * 24
"""Hours kept of each route and consumer."""


def fold_routes(plan: ReportPlan, cube: Cube, state: CubeState) -> CubeState:
    """Return the state with routes folded: those nobody found, and those over the maximum.

    A route folds by all its requests, whatever else tells them apart, so that the same requests
    fold in every table. Only routes that apilog guessed fold, never those that a gateway names or
    that the plan knows.
    """
    if "route" not in cube.keys:
        return state
    routes = _guessed_routes(plan, cube, state).sort(
        "requests", "route", descending=[True, False], nulls_last=True
    )
    names = (*cube.by, "route")
    found = routes.filter(~pl.col("never_found")).select(names)
    folds = pl.concat(
        [
            routes.filter("never_found").select(*names, to=_fold_literal(NOT_FOUND)),
            found.filter(cube.places() >= plan.max_routes).with_columns(
                to=_fold_literal(OTHER_ROUTES)
            ),
        ]
    )
    return _fold_keys(cube, state, _match_folds(state.keys, folds, cube.by))


def fold_unfound_routes(plan: ReportPlan, cube: Cube, state: CubeState) -> CubeState:
    """Return the state with the routes folded that nobody found."""
    if "route" not in cube.keys:
        return state
    routes = _guessed_routes(plan, cube, state).filter("never_found")
    folds = routes.select("route", to=_fold_literal(NOT_FOUND))
    return _fold_keys(cube, state, _match_folds(state.keys, folds))


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
    routes = _guessed_routes(plan, *found).filter("never_found")
    ordered = routes.sort("requests", "route", descending=[True, False])
    return dict(ordered.select("route", "requests").iter_rows())


def route_counts(plan: ReportPlan, state: PartialState) -> pl.DataFrame | None:
    """Return the routes that may merge: `route`, `requests` and how many of these were `found`.

    Those of several reports begin with the period. None if no table has routes.
    """
    cube = _routed_cube(plan, state)
    if cube is None:
        return None
    found = pl.col("requests") - pl.col("not_found")
    counts = _guessed_routes(plan, *cube)
    return counts.select(*cube[0].by, "route", "requests", found.alias("found"))


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
    renamed = templates.rename(counts["route"]).alias("renamed")
    changed = counts.select("route").with_columns(renamed).filter(pl.col("route") != renamed)
    return replace(rename_routes(plan, state, changed), templates=templates)


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


def fold_idle_keys(plan: ReportPlan, cube: Cube, state: CubeState) -> CubeState:
    """Return the state with its less busy keys folded, so that it is within the plan's limits.

    Guessed routes fold per gateway and method, and only if that isn't enough all keys that
    can take many values, last those of routes that the plan knows. A folded key that is met again
    starts anew as a row of its own.
    """
    # A scanner, or an id that no rule recognises, makes a new key with nearly every request.
    # Halving what is kept, instead of cutting at the limit, makes the next folding come only
    # after as many new keys again: the cost for each key stays constant. As with lossy counting
    # (Manku and Motwani 2002, https://www.vldb.org/conf/2002/S10P03.pdf) busy keys survive; here
    # what leaves is added to the row of the others, so that totals stay exact.
    while not cube.is_bounded and "hour" not in cube.keys and _is_large(plan, cube, state):
        folded = _fold_idler_half(plan, cube, state, _route_folds(plan, cube, state))
        if _is_large(plan, cube, folded):
            folded = _fold_idler_half(plan, cube, folded, _fold_literal(OTHER))
        if folded.keys.height == state.keys.height:
            break
        state = folded
    return state


def forget_hours(plan: ReportPlan, cube: Cube, state: CubeState) -> CubeState:
    """Return the state with the newest hours, and with the busiest parts if there are many.

    Only cubes whose key is the hour forget: no other table is made of them.
    """
    if "hour" not in cube.keys:
        return state
    # A log with wrong clocks may name hours of any year.
    state = _keep_newest(state, MOST_HOURS if cube.is_bounded else MOST_PART_HOURS)
    while _is_large(plan, cube, state):
        part = [key for key in cube.keys if key != "hour"]
        folded = state if cube.is_bounded else _fold_idler_parts(cube, state, part)
        if folded.keys.height == state.keys.height:
            hours = state.keys["hour"].n_unique()
            if hours < 2:
                return state
            folded = _keep_newest(state, hours // 2)
        state = folded
    return state


def _keep_newest(state: CubeState, most: int) -> CubeState:
    hours = state.keys["hour"].drop_nulls().unique()
    if len(hours) <= most:
        return state
    kept = state.keys["hour"] >= hours.top_k(most).min()
    return select_keys(state, kept)


_PART_SEED = 7
"""Fixed, so that every process folds the same parts."""


def _fold_idler_parts(cube: Cube, state: CubeState, part: list[str]) -> CubeState:
    """Return the state with the less busy half of its parts folded, in every hour."""
    # By hashes of their texts: comparing and sorting texts would take most of a merge's time, and
    # two parts with one hash would only fold together.
    requests = _requests_of_keys(cube, state)
    is_kept = state.keys["fold"] == KEPT
    hashes = state.keys.select(part).hash_rows(_PART_SEED)
    rows = pl.DataFrame([hashes.alias("part"), requests.alias("requests")]).filter(is_kept)
    parts = rows.group_by("part").agg(pl.col("requests").sum()).sort("part")
    busy = first_of(parts["requests"], parts.height // 2)
    idle = hashes.is_in(parts["part"].filter(~busy).implode()) & is_kept
    to = pl.select(pl.when(idle).then(_fold_literal(OTHER))).to_series()
    return _fold_keys(cube, state, to)


_KNOWN_FIRST = 1 << 62
"""Added to the requests of a key, it comes before all that nobody knows."""


def _requests_of_keys(cube: Cube, state: CubeState) -> pl.Series:
    """Return the requests of each key, in the order of their numbers."""
    counts = state.sums.select("id", "requests")
    if cube.detail:
        counts = counts.group_by("id").agg(pl.col("requests").sum())
    requests = pl.zeros(state.keys.height, pl.Int64, eager=True)
    return requests.scatter(counts["id"], counts["requests"])


def first_of(counts: pl.Series, most: int) -> pl.Series:
    """Return which of them are the `most` largest; of equal ones those that come first."""
    if len(counts) <= most:
        return pl.repeat(value=True, n=len(counts), dtype=pl.Boolean, eager=True)
    if not most:
        return pl.repeat(value=False, n=len(counts), dtype=pl.Boolean, eager=True)
    least = counts.top_k(most).min()
    above, equal = counts > least, counts == least
    return above | (equal & (equal.cum_sum() <= most - int(above.sum())))


def _fold_literal(value: int) -> pl.Expr:
    return pl.lit(value, pl.UInt8)


_ROUTE_COUNTS = [ACCUMULATORS[name] for name in ("requests", "not_found", "guessed")]


def _guessed_routes(plan: ReportPlan, cube: Cube, state: CubeState) -> pl.DataFrame:
    """Return the routes that may fold, with `requests` and whether all of them got a 404."""
    requests = pl.col("requests").sum()
    return (
        sums_with_keys(cube, state, ["fold", *cube.by, "route"], _ROUTE_COUNTS)
        .filter(pl.col("fold") == KEPT, pl.col("route").is_not_null())
        .group_by(*cube.by, "route")
        .agg(
            requests,
            pl.col("not_found").sum(),
            never_found=requests == pl.col("not_found").sum(),
            is_guessed=requests == pl.col("guessed").sum(),
        )
        .filter("is_guessed", ~_is_known(plan))
    )


def _is_known(plan: ReportPlan) -> pl.Expr:
    return pl.col("route").is_in(sorted(plan.known_routes)).fill_null(value=False)


def _match_folds(keys: pl.DataFrame, folds: pl.DataFrame, by: Sequence[str] = ()) -> pl.Series:
    """Return what each key folds to; null for those that don't fold."""
    kept = keys.select(*by, pl.when(pl.col("fold") == KEPT).then("route").alias("route"))
    return kept.join(folds, on=[*by, "route"], how="left", maintain_order="left")["to"]


_MEMBERS_OF_FEW = 4
"""So many times the lines may the sets have of a cube whose keys are few."""


def _is_large(plan: ReportPlan, cube: Cube, state: CubeState) -> bool:
    cells = max((f.height for f in state.histograms.values()), default=0)
    members = max((f.height for f in state.distinct.values()), default=0)
    # A crowd of callers is in the set of one route or another: folding routes hardly shrinks it.
    share = _MEMBERS_OF_FEW if state.keys.height <= plan.max_routes else 1
    has_many_keys = not cube.is_bounded and state.keys.height > plan.max_keys
    return has_many_keys or max(cells, members // share) > plan.max_cells


def _route_folds(plan: ReportPlan, cube: Cube, state: CubeState) -> pl.Series:
    """Return what each key of a guessed route folds to, null for others."""
    if "route" not in cube.keys:
        return pl.repeat(None, state.keys.height, dtype=pl.UInt8, eager=True)
    to = (
        pl.when("never_found").then(_fold_literal(NOT_FOUND)).otherwise(_fold_literal(OTHER_ROUTES))
    )
    routes = _guessed_routes(plan, cube, state)
    return _match_folds(state.keys, routes.select("route", to=to))


def _fold_idler_half(
    plan: ReportPlan, cube: Cube, state: CubeState, to: pl.Series | pl.Expr
) -> CubeState:
    busy = min(state.keys.height, plan.max_keys) // 2
    is_known = _is_known(plan) if "route" in cube.keys else pl.lit(value=False)
    known = state.keys.with_columns(known=is_known)["known"]
    idle = ~first_of(_requests_of_keys(cube, state) + known.cast(pl.Int64) * _KNOWN_FIRST, busy)
    return _fold_keys(cube, state, pl.select(pl.when(idle).then(to)).to_series())


def _fold_keys(cube: Cube, state: CubeState, to: pl.Series) -> CubeState:
    """Return the state with each key folded as `to` says, null meaning not at all."""
    if to.null_count() == len(to):
        return state
    # What is folded stays so, and can only be folded further: the values ascend. The route goes
    # first; the other unbounded keys only with the rest of all keys.
    fold = pl.max_horizontal("fold", pl.lit(to)).alias("fold")
    keys = state.keys.with_columns(fold).with_columns(
        pl.when(pl.col("fold") < (OTHER if key != "route" else NOT_FOUND)).then(key).alias(key)
        for key in cube.keys
        if key not in BOUNDED_KEYS
    )
    return merge_equal_keys(cube, replace(state, keys=keys))


@dataclass(frozen=True, slots=True)
class PartialState:
    """The sums of some records: small, plain data, the same for any engine."""

    times: RecordTimes
    cubes: tuple[CubeState, ...]
    """In the order of the plan's cubes."""
    templates: RouteTemplates = NO_TEMPLATES
    """What merged routes before the end, as there were too many of them."""


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
    records, templates = _merge_crowded_routes(plan, records)
    chunk = EncodedRecords(plan, records)
    layout = cube_layout(plan)
    keys = {key for cube in layout.cubes for key in cube.keys} - BOUNDED_KEYS
    is_crowded = any(chunk.encoded_column(key).size > _CROWDED_KEYS for key in keys)
    with _CROWD_TURN if is_crowded else nullcontext():
        cubes = tuple(_chunk_cube(plan, c, chunk) for c in layout.cubes)
    return PartialState(chunk.times, cubes, templates)


def _merge_crowded_routes(
    plan: ReportPlan, records: pl.DataFrame
) -> tuple[pl.DataFrame, RouteTemplates]:
    """Return records with so many routes that most would fold with them merged, and by what."""
    fewest = plan.max_keys // 4
    if not plan.learns_routes or "route" not in plan.columns or records.height <= fewest:
        return records, NO_TEMPLATES
    routes = records["route"]
    if routes.n_unique() <= fewest:
        return records, NO_TEMPLATES
    is_guessed = pl.lit(value=True)
    if GUESSED_ROUTE in records.columns:
        is_guessed = pl.col(GUESSED_ROUTE).is_not_null()
    counts = (
        records.lazy()
        .select("route", found=pl.col("status").ne_missing(404), is_guessed=is_guessed)
        .group_by("route")
        .agg(pl.col("found").sum(), pl.col("is_guessed").all())
        .filter("is_guessed", ~_is_known(plan))
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


def _chunk_cube(plan: ReportPlan, cube: Cube, chunk: EncodedRecords) -> CubeState:
    """Return the state of a cube within the plan's limits."""
    if cube.is_for_filters:
        return partial_filter_cube(cube, chunk)
    state = partial_cube(cube, chunk, folded=fold_crowded_key(plan, cube, chunk))
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
    if any(_is_large(plan, *pair) for pair in pairs if "route" in pair[0].keys):
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
    cubes = []
    for i, cube in enumerate(cube_layout(plan).cubes):
        states = [p.cubes[i] for p in partials]
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
    whole = PartialState(times, tuple(cubes))
    return _bound_keys(plan, merge_routes(plan, whole, templates))


S = TypeVar("S")

_BATCH_SIZE = 8
_BATCH_KEYS = 500_000
"""A batch is full with so many states, or with so many keys in all of them."""


def merge_in_batches(states: Iterable[S], merge: Callable[[Sequence[S]], S]) -> S:
    """Return one state for several that come one after the other, of which few are held."""
    batch: list[S] = []
    for state in states:
        batch = add_to_batch(batch, state, merge)
    return merge(batch)


def add_to_batch(batch: Sequence[S], state: S, merge: Callable[[Sequence[S]], S]) -> list[S]:
    """Return the batch with one more state, merged into one if that makes it full."""
    # Merging costs time for what is merged already, holding costs memory for what isn't.
    longer = [*batch, state]
    is_full = len(longer) == _BATCH_SIZE or sum(map(_count_keys, longer)) > _BATCH_KEYS
    return [merge(longer)] if is_full and len(longer) > 1 else longer


def _count_keys(state: object) -> int:
    """Return how many keys a state has; that of several reports is a tuple or list of states."""
    if isinstance(state, PartialState):
        return sum(c.keys.height for c in state.cubes)
    return sum(map(_count_keys, state)) if isinstance(state, tuple | list) else 0

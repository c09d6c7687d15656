"""The keys of one cube within a plan's limits: routes and idle keys fold, old hours are forgotten.

What folds joins the row of the others and stays there, so that totals stay exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from apilog.aggregate.anomalies.counts import PART_WEEKS
from apilog.aggregate.cube import (
    KEPT,
    NOT_FOUND,
    OTHER,
    OTHER_ROUTES,
    CubeState,
    merge_equal_keys,
    select_keys,
    sums_with_keys,
)
from apilog.aggregate.distinct_keys import number_moved
from apilog.aggregate.plan import Cube, ReportPlan
from apilog.aggregate.table_specs import BOUNDED_KEYS
from apilog.metrics import ACCUMULATORS

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
    routes = guessed_routes(plan, cube, state).sort(
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
    routes = guessed_routes(plan, cube, state).filter("never_found")
    folds = routes.select("route", to=_fold_literal(NOT_FOUND))
    return _fold_keys(cube, state, _match_folds(state.keys, folds))


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
    while not cube.is_bounded and "hour" not in cube.keys and is_large(plan, cube, state):
        folded = state
        if "route" in cube.keys:
            folded = _fold_idler_half(plan, cube, state, _route_folds(plan, cube, state))
        if is_large(plan, cube, folded):
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
    while is_large(plan, cube, state):
        part = [key for key in cube.keys if key != "hour"]
        folded = state if cube.is_bounded else _fold_idler_parts(plan, cube, state, part)
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


def _fold_idler_parts(plan: ReportPlan, cube: Cube, state: CubeState, part: list[str]) -> CubeState:
    """Return the state with the less busy half of its parts folded, in every hour.

    Halves again while the others have more keys than the plan keeps.
    """
    # By hashes of their texts: comparing and sorting texts would take most of a merge's time, and
    # two parts with one hash would only fold together.
    requests = _requests_of_keys(cube, state)
    is_kept = state.keys["fold"] == KEPT
    hashes = state.keys.select(part).hash_rows(_PART_SEED)
    rows = pl.DataFrame([hashes.alias("part"), requests.alias("requests")]).filter(is_kept)
    parts = _sum_parts(rows)
    most = parts.height // 2
    # Each part has an hour at least.
    while most > plan.max_keys:
        most //= 2
    busy = _busiest_parts(parts, most)
    while parts["hours"].filter(busy).sum() > plan.max_keys:
        most //= 2
        busy = _busiest_parts(parts, most)
    idle = ~hashes.is_in(parts["part"].filter(busy).implode()) & is_kept
    to = pl.select(pl.when(idle).then(_fold_literal(OTHER))).to_series()
    return _fold_keys(cube, state, to)


def _sum_parts(rows: pl.DataFrame) -> pl.DataFrame:
    """Return each `part` once, with its `requests` and `hours`."""
    # Where there are very many most of them have one hour alone, which sorting tells at once.
    ordered = rows["part"].sort()
    repeated = ordered.filter(ordered == ordered.shift()).unique()
    is_repeated = rows["part"].is_in(repeated.implode())
    added = rows.filter(is_repeated).group_by("part").agg(pl.col("requests").sum(), hours=pl.len())
    return pl.concat([rows.filter(~is_repeated).with_columns(hours=pl.lit(1, pl.UInt32)), added])


def _busiest_parts(parts: pl.DataFrame, most: int) -> pl.Series:
    """Return which are the `most` busiest; of equal ones those whose hashes come first."""
    requests = parts["requests"]
    if not most:
        return requests < 0
    least = requests.top_k(most).min()
    above, equal = requests > least, requests == least
    # Selecting takes a fraction of the time that sorting all of them does.
    last = parts["part"].filter(equal).bottom_k(most - int(above.sum())).max()
    return above | (equal & (parts["part"] <= last))


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


def guessed_routes(plan: ReportPlan, cube: Cube, state: CubeState) -> pl.DataFrame:
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
        .filter("is_guessed", ~is_known_route(plan))
    )


def is_known_route(plan: ReportPlan) -> pl.Expr:
    return pl.col("route").is_in(sorted(plan.known_routes)).fill_null(value=False)


def _match_folds(keys: pl.DataFrame, folds: pl.DataFrame, by: Sequence[str] = ()) -> pl.Series:
    """Return what each key folds to; null for those that don't fold."""
    kept = keys.select(*by, pl.when(pl.col("fold") == KEPT).then("route").alias("route"))
    return kept.join(folds, on=[*by, "route"], how="left", maintain_order="left")["to"]


def is_large(plan: ReportPlan, cube: Cube, state: CubeState) -> bool:
    cells = max((f.height for f in state.histograms.values()), default=0)
    members = max((f.height for f in state.distinct.values()), default=0)
    has_many_keys = not cube.is_bounded and state.keys.height > plan.max_keys
    return has_many_keys or max(cells, members) > plan.max_cells


def _route_folds(plan: ReportPlan, cube: Cube, state: CubeState) -> pl.Series:
    """Return what each key of a guessed route folds to, null for others."""
    to = (
        pl.when("never_found").then(_fold_literal(NOT_FOUND)).otherwise(_fold_literal(OTHER_ROUTES))
    )
    routes = guessed_routes(plan, cube, state)
    return _match_folds(state.keys, routes.select("route", to=to))


def _fold_idler_half(
    plan: ReportPlan, cube: Cube, state: CubeState, to: pl.Series | pl.Expr
) -> CubeState:
    busy = min(state.keys.height, plan.max_keys) // 2
    is_known = is_known_route(plan) if "route" in cube.keys else pl.lit(value=False)
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
    # Only what folds, or did before, can be equal: the others were told apart already.
    moved = (keys["fold"] != KEPT) | to.is_not_null()
    return merge_equal_keys(cube, replace(state, keys=keys), number_moved(keys, moved))

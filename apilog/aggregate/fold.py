"""Folding: several keys made one, so that hostile or endless ones stay a few rows.

Whatever is folded, totals stay exact: sums and histograms are added, sets united.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from apilog.aggregate.cube import (
    KEPT,
    NOT_FOUND,
    OTHER,
    OTHER_ROUTES,
    CubeState,
    regroup,
    with_keys,
)
from apilog.aggregate.plan import Cube, Plan
from apilog.aggregate.tables import BOUNDED

MOST_HOURS = 3 * 366 * 24
"""Hours kept for the anomalies: the newest ones."""


def fold_routes(plan: Plan, cube: Cube, state: CubeState) -> CubeState:
    """The state as reports show it: routes nobody found, and those over the maximum, folded.

    A route is one template of a gateway and method, as far as the cube has these keys.
    Only templates that apilog guessed fold, never names that a gateway gave.
    """
    if "route" not in cube.keys:
        return state
    template = _template(cube)
    ascending = [False] * len(template)
    routes = _guessed_routes(plan, cube, state).sort(
        "requests", *template, descending=[True, *ascending], nulls_last=True
    )
    found = routes.filter(~pl.col("never_found")).select(template).slice(plan.max_routes)
    folds = pl.concat(
        [
            routes.filter("never_found").select(*template, to=_fold(NOT_FOUND)),
            found.with_columns(to=_fold(OTHER_ROUTES)),
        ]
    )
    return _folded(cube, state, _matched(state.keys, folds)["to"])


def prune(plan: Plan, cube: Cube, state: CubeState) -> CubeState:
    """The state with its less busy keys folded, until it is within the plan's limits.

    Guessed routes fold per gateway and method, and only if that isn't enough all keys that
    can take many values. A folded key that is met again starts anew as a row of its own.
    """
    while not cube.is_bounded and _is_large(plan, state):
        idle = _idle(state, min(state.keys.height, plan.max_keys) // 2)
        folded = _folded(cube, state, _where(idle, _route_folds(plan, cube, state)))
        if _is_large(plan, folded):
            idle = _idle(folded, min(folded.keys.height, plan.max_keys) // 2)
            others = pl.repeat(OTHER, len(idle), dtype=pl.UInt8, eager=True)
            folded = _folded(cube, folded, _where(idle, others))
        if folded.keys.height == state.keys.height:
            break
        state = folded
    return state


def forget_hours(cube: Cube, state: CubeState) -> CubeState:
    """The state without the hours before the newest `MOST_HOURS`; their sums stay, with none."""
    if "hour" not in cube.detail or state.sums["hour"].n_unique() <= MOST_HOURS:
        return state
    oldest = state.sums["hour"].unique().top_k(MOST_HOURS).min()
    hour = pl.when(pl.col("hour") >= oldest).then("hour")
    return regroup(cube, replace(state, sums=state.sums.with_columns(hour)))


def _fold(value: int) -> pl.Expr:
    return pl.lit(value, pl.UInt8)


def _template(cube: Cube) -> list[str]:
    return [k for k in ("gateway", "method", "route") if k in cube.keys]


def _guessed_routes(plan: Plan, cube: Cube, state: CubeState) -> pl.DataFrame:
    """The templates that may fold: `requests`, and whether all of them got a 404."""
    gateway = pl.col("gateway").cast(pl.String)
    is_guessed = gateway.is_in(sorted(plan.foldable_gateways)).fill_null(False)
    requests, not_found = pl.col("requests").sum(), pl.col("not_found").sum()
    return (
        with_keys(cube, state, ["fold", *cube.keys], ["requests", "not_found"])
        .filter(pl.col("fold") == KEPT, pl.col("route").is_not_null())
        .group_by(_template(cube))
        .agg(requests, never_found=requests == not_found, is_guessed=is_guessed.all())
        .filter("is_guessed")
    )


def _matched(keys: pl.DataFrame, folds: pl.DataFrame) -> pl.DataFrame:
    """The column `to` for each key; null for those that don't fold."""
    template = folds.columns[:-1]
    kept = keys.with_columns(pl.when(pl.col("fold") == KEPT).then("route").alias("route"))
    return kept.join(folds, on=template, how="left", nulls_equal=True, maintain_order="left")


def _is_large(plan: Plan, state: CubeState) -> bool:
    cells = (f.height for f in (*state.histograms.values(), *state.distinct.values()))
    return state.keys.height > plan.max_keys or max(cells, default=0) > plan.max_cells


def _route_folds(plan: Plan, cube: Cube, state: CubeState) -> pl.Series:
    """What each key of a guessed route folds to, null for others."""
    if "route" not in cube.keys:
        return pl.repeat(None, state.keys.height, dtype=pl.UInt8, eager=True)
    to = pl.when("never_found").then(_fold(NOT_FOUND)).otherwise(_fold(OTHER_ROUTES))
    routes = _guessed_routes(plan, cube, state)
    return _matched(state.keys, routes.select(*_template(cube), to=to))["to"]


def _idle(state: CubeState, busy: int) -> pl.Series:
    """For each key whether it isn't one of so many busy ones."""
    totals = state.sums.group_by("id").agg(pl.col("requests").sum())
    kept = totals.sort("requests", "id", descending=[True, False])["id"].head(busy)
    return ~pl.int_range(state.keys.height, dtype=pl.UInt32, eager=True).is_in(kept.implode())


def _where(mask: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(mask).then(values)).to_series()


def _folded(cube: Cube, state: CubeState, to: pl.Series) -> CubeState:
    """The state with each key folded as `to` says, null meaning not at all."""
    if to.null_count() == len(to):
        return state
    fold = pl.max_horizontal("fold", pl.lit(to)).alias("fold")
    keys = state.keys.with_columns(fold).with_columns(
        pl.when(pl.col("fold") < (OTHER if key != "route" else NOT_FOUND)).then(key).alias(key)
        for key in cube.keys
        if key not in BOUNDED
    )
    return regroup(cube, replace(state, keys=keys))

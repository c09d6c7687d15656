"""partial and merge: from records to a state, and from states to one state.

Merging adds integers, compares extremes and unites sets, so that any grouping and any
order of the chunks gives the same report, bit for bit. The exception is a cube that
outgrows `Plan.max_keys`: its totals stay exact, but which keys survive depends on order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from apilog.aggregate.chunk import Chunk
from apilog.aggregate.cube import CubeState, merge_cubes, partial_cube, regroup
from apilog.aggregate.fold import forget_hours, prune
from apilog.aggregate.plan import Cube, Plan, layout
from apilog.aggregate.times import MOST_BUCKETS, bucket_starts, step, too_many_buckets
from apilog.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class Partial:
    """What is known of some records: small, plain data, the same for any engine."""

    first: datetime | None
    """Time of the oldest record."""
    last: datetime | None
    """Time of the newest record."""
    cubes: tuple[CubeState, ...]
    """In the order of the plan's cubes."""


def partial(plan: Plan, records: pl.DataFrame) -> Partial:
    """The state of one chunk of records; those outside of the plan's limits are left out.

    Takes the plan's `columns` as the schema types them, text also as Categorical.
    """
    chunk = Chunk(plan, records)
    cubes = tuple(partial_cube(cube, chunk) for cube in layout(plan).cubes)
    return Partial(chunk.first, chunk.last, cubes)


def merge(plan: Plan, partials: Sequence[Partial]) -> Partial:
    """One state for several; that of no records for none.

    Raises UsageError if a fixed step cuts the records into more buckets than a report can hold.
    """
    if not partials:
        return partial(plan, pl.DataFrame(schema={c: SCHEMA[c] for c in plan.columns}))
    firsts = [p.first for p in partials if p.first]
    lasts = [p.last for p in partials if p.last]
    first, last = min(firsts, default=None), max(lasts, default=None)
    cubes = tuple(
        _merged(plan, cube, step(plan, first, last), [p.cubes[i] for p in partials])
        for i, cube in enumerate(layout(plan).cubes)
    )
    return Partial(first, last, cubes)


def _merged(plan: Plan, cube: Cube, step: str | None, states: list[CubeState]) -> CubeState:
    merged = merge_cubes(cube, states)
    if "timestamp" in cube.keys and step:
        merged = _coarsened(plan, cube, step, merged)
    return prune(plan, cube, forget_hours(cube, merged))


def _coarsened(plan: Plan, cube: Cube, step: str, state: CubeState) -> CubeState:
    """The state with buckets of the step, which is a multiple of those it has."""
    starts = bucket_starts(state.keys["timestamp"], step, plan.timezone)
    keys = state.keys.with_columns(starts)
    state = (
        replace(state, keys=keys)
        if keys.is_unique().all()
        else regroup(cube, replace(state, keys=keys))
    )
    if cube.keys == ("timestamp",) and plan.bucket and state.keys.height > MOST_BUCKETS + 1:
        raise too_many_buckets(plan.bucket)
    return state

"""Partial states of the cubes for filters: small enough for a page, or not there at all.

Such a cube never folds keys. Where it grows too large its buckets of time become longer; its
histograms go; and where that doesn't help, the whole cube does. It is as large as the requests have
different keys, so that a part that is too large says that the whole is, too: merging parts in any
order comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from apilog.aggregate.cube import (
    OTHER,
    CubeState,
    EncodedRecords,
    at_step,
    merge_cube_states,
    partial_cube,
)
from apilog.aggregate.plan import Cube, ReportPlan
from apilog.aggregate.table_specs import KEY_TYPES
from apilog.aggregate.time_buckets import bucket_starts
from apilog.text.units import parse_duration
from apilog.time import STEPS

MOST_FILTER_KEYS = 80_000
"""More rows than this don't fit into a page."""
MOST_FILTER_CELLS = 200_000
"""Nor do more lines of a histogram."""


def partial_filter_cube(cube: Cube, chunk: EncodedRecords) -> CubeState:
    """Return the state of a chunk, in buckets that are as long as they have to be."""
    if "timestamp" not in cube.keys:
        if chunk.packed_key(cube.keys).codes.n_unique() > MOST_FILTER_KEYS:
            return _given_up(cube)
        return _without_long_histograms(partial_cube(cube, chunk))
    for step in (chunk.step, *longer_steps(chunk.step)):
        if chunk.packed_key(cube.keys, step).codes.n_unique() <= MOST_FILTER_KEYS:
            state = replace(partial_cube(cube, chunk, step), step=step)
            return _without_long_histograms(state)
    return _given_up(cube)


def merge_filter_states(
    plan: ReportPlan, cube: Cube, states: Sequence[CubeState], step: str
) -> CubeState:
    """Return one state for several. `step` is the least that its buckets are long."""
    if any(map(has_given_up, states)):
        return _given_up(cube)
    if any(state.is_bare for state in states):
        states = [*map(_bare, states)]
    if "timestamp" not in cube.keys:
        merged = merge_cube_states(cube, states)
        if merged.keys.height > MOST_FILTER_KEYS:
            return _given_up(cube)
        return _without_long_histograms(replace(merged, is_bare=states[0].is_bare))
    shortest = max((step, *(s.step for s in states if s.step)), key=parse_duration)
    for longer in (shortest, *longer_steps(shortest)):
        moved = [_keys_at(state, longer, plan.timezone) for state in states]
        if pl.concat(moved).n_unique() <= MOST_FILTER_KEYS:
            parts = [at_step(cube, state, longer, plan.timezone) for state in states]
            merged = merge_cube_states(cube, parts)
            return _without_long_histograms(replace(merged, step=longer, is_bare=states[0].is_bare))
    return _given_up(cube)


def longer_steps(step: str) -> list[str]:
    """Return the steps whose buckets are made of whole ones of this step, the shortest first."""
    length = parse_duration(step)
    names = (name for name, _ in STEPS if parse_duration(name) > length)
    return [name for name in names if not parse_duration(name) % length]


def has_given_up(state: CubeState) -> bool:
    """Whether the cube was too large at some time, so that it says nothing."""
    return bool((state.keys["fold"] == OTHER).any())


def _keys_at(state: CubeState, step: str, timezone: str) -> pl.DataFrame:
    starts = bucket_starts(state.keys["timestamp"], step, timezone)
    return state.keys.with_columns(starts.alias("timestamp"))


def _without_long_histograms(state: CubeState) -> CubeState:
    cells = sum(histogram.height for histogram in state.histograms.values())
    return _bare(state) if cells > MOST_FILTER_CELLS else state


def _bare(state: CubeState) -> CubeState:
    cleared = {column: histogram.clear() for column, histogram in state.histograms.items()}
    return replace(state, histograms=cleared, is_bare=True)


def _given_up(cube: Cube) -> CubeState:
    """Return the state of a cube that says nothing."""
    keys = pl.select(
        pl.lit(OTHER, pl.UInt8).alias("fold"),
        *(pl.lit(None, KEY_TYPES[key]).alias(key) for key in cube.keys),
    )
    sums = pl.select(pl.lit(0, pl.UInt32).alias("id"), *(a.empty_value() for a in cube.sums))
    empty = pl.DataFrame(schema={"id": pl.UInt32, "bucket": pl.Int16, "n": pl.Int64})
    return CubeState(keys, sums, dict.fromkeys(cube.histograms, empty), {})

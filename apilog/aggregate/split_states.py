"""States of many periods at once: the period is a key of each cube.

What is done for a chunk or a report takes hundreds of small queries, which cost the same for a
hundred periods as for one. Nothing is folded in such a state; where keys are so many that they
would be, each period has a state of its own (see `ReportPlan.period_step`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import polars as pl

from apilog.aggregate.chunk_cubes import ChunkCubes, list_cubes
from apilog.aggregate.cube import CubeState, EncodedRecords, partial_cube, select_keys
from apilog.aggregate.plan import ReportPlan, cube_layout
from apilog.aggregate.state import PartialState
from apilog.aggregate.table_specs import BOUNDED_KEYS, KEY_TYPES, PERIOD

_CROWD_SHARE = 4
"""A chunk with more values of a key than this part of the keys that a cube keeps is crowded."""


def partial_of_periods(plan: ReportPlan, records: pl.DataFrame) -> PartialState | None:
    """Return the state of a chunk, in which the plan's periods are kept apart.

    All records have a time, which is within the limits. None where keys are so many that some of
    them may have to be folded.
    """
    chunk = EncodedRecords(plan, records)
    layout = cube_layout(plan)
    unbounded = {key for cube in layout.cubes for key in cube.keys} - BOUNDED_KEYS
    most = plan.max_keys // _CROWD_SHARE
    if any(chunk.encoded_column(key).size > most for key in unbounded):
        return None
    summed = ChunkCubes.of_records(layout, chunk, lambda cube: partial_cube(cube, chunk))
    states = tuple(states[0] for states in list_cubes(layout, [summed]))
    if any(state.keys.height > plan.max_keys for state in states):
        return None
    return PartialState(chunk.times, states)


def split_state(
    state: PartialState, number_of: Callable[[datetime], int]
) -> Iterator[tuple[int, PartialState]]:
    """Yield the parts of a state whose periods have the same number, and that number."""
    starts = periods_of(state)
    numbers = [number_of(start) for start in starts]
    if len({*numbers}) == 1:
        yield numbers[0], state
        return
    by_start = pl.DataFrame(
        {PERIOD: starts, "number": numbers}, schema={PERIOD: KEY_TYPES[PERIOD], "number": pl.Int64}
    )
    of_cubes = [
        cube.keys.select(PERIOD).join(by_start, on=PERIOD, how="left", maintain_order="left")
        for cube in state.cubes
    ]
    for number in dict.fromkeys(numbers):
        cubes = (
            select_keys(cube, numbered["number"] == number)
            for cube, numbered in zip(state.cubes, of_cubes, strict=True)
        )
        yield number, replace(state, cubes=tuple(cubes))


def periods_of(state: PartialState) -> list[datetime]:
    """Return the starts of the periods of a state, in order."""
    return list(requests_of_periods(state))


def requests_of_periods(state: PartialState) -> dict[datetime, int]:
    """Return how many requests each period has, by its start, in order."""
    # Each cube sums up all records.
    cube = state.cubes[0]
    starts = cube.keys[PERIOD].gather(cube.sums["id"])
    counts = pl.DataFrame([starts, cube.sums["requests"]]).group_by(PERIOD).sum().sort(PERIOD)
    return dict(counts.iter_rows())


def states_of_periods(state: PartialState) -> Iterator[tuple[datetime, PartialState]]:
    """Yield the start and the state of each period, as a plan without periods has it."""
    starts = periods_of(state)
    places = {start: place for place, start in enumerate(starts)}
    cells = state.times.cells.clear()
    for place, part in split_state(state, places.__getitem__):
        cubes = tuple(_without_period(cube) for cube in part.cubes)
        # Where both limits and the step are given, nothing is asked of the times.
        yield starts[place], replace(part, times=replace(part.times, cells=cells), cubes=cubes)


def _without_period(cube: CubeState) -> CubeState:
    return replace(cube, keys=cube.keys.drop(PERIOD))

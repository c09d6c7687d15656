"""The states of all cubes of one chunk.

Most chunks have far fewer groups than records. There only the finest cube of a family is summed up
from the records, and the others from its groups, once for several chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.aggregate.cube import (
    CubeState,
    EncodedRecords,
    merge_cube_states,
    merge_equal_keys,
    merge_exprs,
    partial_cube,
)
from apilog.aggregate.packed_keys import GROUP_SHARE, combine_keys, distinct_share
from apilog.aggregate.plan import Cube, CubeFamily, CubeLayout


@dataclass(frozen=True, slots=True)
class ChunkCubes:
    """The states of the cubes of one chunk."""

    families: dict[int, CubeState]
    """Those of finest cubes, by the place of their family in the plan's layout."""
    cubes: dict[int, CubeState]
    """Those that are of no family here, by the place of the cube."""
    apart: dict[int, CubeState]
    """What families lack of their members, by the place of the cube."""

    @classmethod
    def of_records(
        cls, layout: CubeLayout, chunk: EncodedRecords, sum_records: Callable[[Cube], CubeState]
    ) -> ChunkCubes:
        """Sum up a chunk; `sum_records` makes the state of a cube alone."""
        families = {
            number: partial_cube(family.finest, chunk)
            for number, family in enumerate(layout.families)
            if len(family.members) > 1 and _has_few_groups(family, chunk)
        }
        apart = {
            place: partial_cube(cube, chunk)
            for number in families
            for place, cube in layout.families[number].apart
        }
        rolled_up = {place for number in families for place in layout.families[number].members}
        cubes = {
            place: sum_records(cube)
            for place, cube in enumerate(layout.cubes)
            if place not in rolled_up
        }
        return cls(families, cubes, apart)

    def count_keys(self) -> int:
        """Return how many keys all of them have."""
        states = (self.families, self.cubes, self.apart)
        return sum(state.keys.height for of in states for state in of.values())


def list_cubes(layout: CubeLayout, chunks: Sequence[ChunkCubes]) -> list[list[CubeState]]:
    """Return the states that these chunks have of each cube of the layout, families as one."""
    states: list[list[CubeState]] = [
        [chunk.cubes[place] for chunk in chunks if place in chunk.cubes]
        for place in range(len(layout.cubes))
    ]
    for number, family in enumerate(layout.families):
        parts = [chunk.families[number] for chunk in chunks if number in chunk.families]
        if not parts:
            continue
        whole = merge_cube_states(family.finest, parts)
        for place in family.members:
            cube = layout.cubes[place]
            state = roll_up(family.finest, whole, cube)
            apart = [chunk.apart[place] for chunk in chunks if place in chunk.apart]
            states[place].append(_with_apart(cube, state, apart) if apart else state)
    return states


def _with_apart(cube: Cube, state: CubeState, apart: Sequence[CubeState]) -> CubeState:
    """Return the state of a cube with the histograms and sets that were counted beside it."""
    no_sums = state.sums.clear()
    no_cells = {c: of.clear() for c, of in (state.histograms | apart[0].histograms).items()}
    no_members = {c: of.clear() for c, of in (state.distinct | apart[0].distinct).items()}
    parts = (state, *(replace(part, sums=no_sums) for part in apart))
    return merge_cube_states(
        cube,
        [
            replace(
                part,
                histograms=no_cells | part.histograms,
                distinct=no_members | part.distinct,
            )
            for part in parts
        ],
    )


def _has_few_groups(family: CubeFamily, chunk: EncodedRecords) -> bool:
    keys, detail = (chunk.packed_key(c) for c in (family.finest.keys, family.finest.detail))
    codes = combine_keys(keys, detail).codes
    # Adding up groups is quicker than adding up records only where several records share one.
    share, most = distinct_share(codes), chunk.plan.max_keys
    return share <= GROUP_SHARE and (share * chunk.rows <= most or codes.n_unique() <= most)


def roll_up(finer: Cube, state: CubeState, cube: Cube) -> CubeState:
    """Return the state of a cube whose keys and detail are among those of a finer one.

    It has those of its histograms and sets that the finer one has.
    """
    if finer == cube:
        return state
    sums = state.sums
    kept = [key for key in cube.keys if key in finer.keys]
    keys = state.keys.select("fold", *kept)
    if len(kept) < len(cube.keys):
        # What is a detail of the finer cube is told apart by its sums alone.
        detail = sums.select(key for key in cube.keys if key not in kept)
        keys = keys[sums["id"]].hstack(detail).select("fold", *cube.keys)
        sums = sums.with_columns(id=pl.int_range(pl.len(), dtype=pl.UInt32))
    sums = sums.select("id", *cube.detail, *(a.name for a in cube.sums))
    if len(kept) == len(cube.keys) and len(cube.detail) < len(finer.detail):
        added = sums.group_by("id", *cube.detail).agg(merge_exprs(cube.sums))
        sums = added.select(sums.columns)
    histograms = {c: state.histograms[c] for c in cube.histograms if c in state.histograms}
    distinct = {c: state.distinct[c] for c in cube.distinct if c in state.distinct}
    rolled_up = CubeState(keys, sums, histograms, distinct, state.set_size)
    return merge_equal_keys(cube, rolled_up)

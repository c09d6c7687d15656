"""The states of many reports that are read in one pass; memory is bounded.

What was not met for longest goes to a file without a name, which the system frees when the
process ends, however it ends.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, Generic, TypeVar

import polars as pl

from apilog.aggregate.cube import CubeState
from apilog.aggregate.plan import ReportPlan, cube_layout
from apilog.aggregate.record_times import RecordTimes
from apilog.aggregate.state import PartialState, add_to_batch, merge
from apilog.routes import RouteTemplates

Key = TypeVar("Key")

SPILL_ABOVE_BYTES = 256 << 20
"""The size of states in memory beyond which half of them is written out."""


class SpillingStates(Generic[Key]):
    """The states of each key, merged as they come."""

    def __init__(self, plan_of: Callable[[Key], ReportPlan], most_bytes: int | None = None) -> None:
        """`most_bytes` may be held in memory; None means SPILL_ABOVE_BYTES."""
        self._plan_of = plan_of
        self._most = SPILL_ABOVE_BYTES if most_bytes is None else most_bytes
        # In the order in which they were last met: logs are mostly in order of time, so that the
        # periods met longest ago are done, and spilling them costs one write and one read.
        self._states: dict[Key, list[PartialState]] = {}
        self._sizes: dict[Key, int] = {}
        self._bytes = 0
        self._saved: dict[Key, list[tuple[int, int]]] = {}
        self._file: BinaryIO | None = None

    def add(self, key: Key, state: PartialState) -> None:
        plan = self._plan_of(key)
        states = add_to_batch(self._states.pop(key, []), state, lambda batch: merge(plan, batch))
        self._states[key] = states
        frames = (frame for state in states for frame in _state_frames(state))
        self._update_size(key, sum(int(frame.estimated_size()) for frame in frames))
        if self._bytes <= self._most:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="apilog-")  # noqa: SIM115 - see close
        end = self._file.seek(0, io.SEEK_END)
        while self._states and self._bytes > self._most // 2:
            oldest = next(iter(self._states))
            data = _pack_state(merge(self._plan_of(oldest), self._states.pop(oldest)))
            self._update_size(oldest, 0)
            self._file.write(data)
            self._saved.setdefault(oldest, []).append((end, len(data)))
            end += len(data)

    def keys(self) -> set[Key]:
        return {*self._states, *self._saved}

    def size_of(self, key: Key) -> int:
        """Return how many bytes of a key's states are in memory."""
        return self._sizes.get(key, 0)

    def take(self, key: Key) -> PartialState:
        """Return the state of a key and let go of it; KeyError for one that was not met."""
        held, places = self._states.pop(key, []), self._saved.pop(key, [])
        if not held and not places:
            raise KeyError(key)
        self._update_size(key, 0)
        plan = self._plan_of(key)
        return merge(plan, [*(self._read_state(plan, *place) for place in places), *held])

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _update_size(self, key: Key, size: int) -> None:
        self._bytes += size - self._sizes.pop(key, 0)
        if size:
            self._sizes[key] = size

    def _read_state(self, plan: ReportPlan, start: int, length: int) -> PartialState:
        assert self._file is not None
        self._file.seek(start)
        frames = _iter_frames(memoryview(self._file.read(length)))
        step, oldest, newest, templates, sizes = next(frames).row(0)
        times = RecordTimes(step, oldest, newest, next(frames))
        cubes = tuple(
            CubeState(
                next(frames),
                next(frames),
                {column: next(frames) for column in cube.histograms},
                {column: next(frames) for column in cube.distinct},
                size,
            )
            for cube, size in zip(cube_layout(plan).cubes, sizes, strict=True)
        )
        return PartialState(times, cubes, RouteTemplates.load(templates))


def _state_frames(state: PartialState) -> Iterator[pl.DataFrame]:
    """Yield all frames of a state, in an order that the plan decides."""
    for cube in state.cubes:
        yield from (cube.keys, cube.sums, *cube.histograms.values(), *cube.distinct.values())


def _pack_state(state: PartialState) -> bytes:
    buffer = io.BytesIO()
    times = state.times
    scalars = {
        "step": [times.step],
        "oldest": [times.oldest],
        "newest": [times.newest],
        "templates": [state.templates.dump()],
        "sizes": [[cube.set_size for cube in state.cubes]],
    }
    for frame in (pl.DataFrame(scalars), times.cells, *_state_frames(state)):
        part = io.BytesIO()
        frame.write_ipc_stream(part, compression="lz4")
        buffer.write(part.tell().to_bytes(8, "little"))
        buffer.write(part.getbuffer())
    return buffer.getvalue()


def _iter_frames(data: memoryview) -> Iterator[pl.DataFrame]:
    while data:
        length = int.from_bytes(data[:8], "little")
        yield pl.read_ipc_stream(bytes(data[8 : 8 + length]))
        data = data[8 + length :]

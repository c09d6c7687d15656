"""One pass over the sources for some measurements."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from apilog.checks.measure import Measurement, Measures, State
from apilog.engines.chunk import Wanted
from apilog.engines.inputs import summary
from apilog.engines.local import Progress, Run
from apilog.engines.select import Where
from apilog.formats.choice import Choice
from apilog.model import InputSummary
from apilog.routes import Rule

_FOLD_AT = 8
"""So many partial states wait before they are merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How sources are read."""

    choice: Choice | None = None
    rules: tuple[Rule, ...] = ()
    where: Where | None = None
    max_routes: int = 1000
    progress: Progress | None = None
    rejects: Callable[[pl.DataFrame], None] | None = None
    """Takes the lines that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What came of a pass."""

    measures: tuple[Measures, ...]
    """Of each measurement."""
    input: InputSummary

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that were found, sorted."""
        return tuple(sorted({file.format for file in self.input.files if file.format}))


def read(
    sources: Sequence[str | os.PathLike[str]],
    measurements: Sequence[Measurement],
    reading: Reading,
) -> Read:
    """Read the sources once and make all measurements of them.

    An input that can't be read has its error in the summary.
    """
    columns = frozenset[str]().union(*(measurement.columns for measurement in measurements))
    run: Run[tuple[State, ...]] = Run(
        sources,
        Wanted(columns=columns, rules=reading.rules, where=reading.where),
        lambda records: tuple(measurement.partial(records) for measurement in measurements),
        choice=reading.choice,
        progress=reading.progress,
        within=_within(measurements),
    )
    waiting: list[tuple[State, ...]] = []
    for result in run.results():
        if reading.rejects and result.rejects.height:
            reading.rejects(result.rejects)
        waiting.append(result.value)
        if len(waiting) == _FOLD_AT:
            waiting = [_merged(measurements, waiting)]
    states = _merged(measurements, waiting)
    return Read(
        measures=tuple(m.finish(state) for m, state in zip(measurements, states, strict=True)),
        input=summary(run.files),
    )


def notes(read: InputSummary, *, kept: bool) -> tuple[str, ...]:
    """What the reader of a result should know about the lines; `kept` if the rejects are."""
    if not read.rejects:
        return ()
    told = f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read"
    return (told if kept else f"{told}; --rejects FILE keeps them",)


def _merged(
    measurements: Sequence[Measurement], states: Sequence[tuple[State, ...]]
) -> tuple[State, ...]:
    return tuple(
        measurement.merge([state[i] for state in states])
        for i, measurement in enumerate(measurements)
    )


def _within(measurements: Sequence[Measurement]) -> tuple[datetime | None, datetime | None]:
    """The time in which all windows lie."""
    starts = [measurement.window.since for measurement in measurements]
    ends = [measurement.window.until for measurement in measurements]
    return (
        None if None in starts else min(start for start in starts if start),
        None if None in ends else max(end for end in ends if end),
    )

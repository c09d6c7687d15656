"""A first pass over logs that learns their routes, for what needs them record by record.

A report merges routes when all sums are there. A query, or a condition on the route, sees one
record at a time: the logs are read twice, the first time for paths and statuses alone. Stores are
not, as they know their routes, and standard input can't be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import polars as pl

from apilog.aggregate import (
    PartialState,
    ReportPlan,
    TableSpec,
    learn_routes,
    merge,
    merge_in_batches,
    sum_chunk,
)
from apilog.engine.engines import make_run
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.store_parts import separate_stores, stored_templates
from apilog.formats.file_plan import FormatChoice
from apilog.options import EngineOptions, Source
from apilog.routes import RouteTemplates
from apilog.sources import STDIN
from apilog.time import TimeWindow

ROUTES_BY_LOOK = (
    "standard input can't be read twice: what asks for `route` saw the routes that looks give, not "
    "those that traffic tells; save it to a file, or name with --routes what is known"
)
"""Said where routes could not be learned first."""

_ROUTES = TableSpec(name="routes", keys=("route",), metrics=("requests",))


def with_learned_routes(
    sources: Sequence[Source],
    spec: ReadSpec,
    options: EngineOptions,
    *,
    choice: FormatChoice | None,
    window: TimeWindow,
) -> ReadSpec:
    """Return the spec with what is known of routes, and what the logs among the sources show."""
    known = spec.templates.before(stored_templates(sources))
    _, logs = separate_stores(sources)
    if not logs or not can_read_again(logs):
        return replace(spec, templates=known)
    plan = ReportPlan(tables=(_ROUTES,), window=window)
    run = make_run(
        logs,
        replace(spec, columns=plan.columns, where=None, templates=known),
        _partial_of(plan),
        replace(options, progress=None),
        choice=choice,
        window=window,
    )

    def merge_states(states: Sequence[PartialState]) -> PartialState:
        return merge(plan, states)

    if isinstance(run, LocalRun):
        with closing(run.results()) as results:
            state = merge_in_batches((result.value for result in results), merge_states)
    else:
        state = merge_states(run.merged(merge_states))
    learned: RouteTemplates = learn_routes(plan, state).templates
    return replace(spec, templates=known.before(learned))


def can_read_again(sources: Sequence[Source]) -> bool:
    """Return whether a first pass over the sources leaves them for a second one."""
    return all(os.fspath(source) != STDIN for source in sources)


def _partial_of(plan: ReportPlan) -> Callable[[pl.DataFrame], PartialState]:
    return lambda records: sum_chunk(plan, records)

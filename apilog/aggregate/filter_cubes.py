"""The sums that a page carries, so that its reader can filter a report.

A filter chooses times, gateways, routes, consumers and statuses; a figure under it is the sum over
what is left of a cube whose keys are those of the figure's table and of the filter. The cube of
all keys decides every filter, but may have nearly as many rows as there are requests: then those
of fewer keys, or longer buckets, decide what they can. A cube is whole or not there at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from apilog.aggregate.cube import NOT_FOUND, CubeState, at_step
from apilog.aggregate.filter_states import has_given_up, longer_steps
from apilog.aggregate.folding import fold_unfound_routes
from apilog.aggregate.plan import Cube, ReportPlan, cube_layout, filter_tables
from apilog.aggregate.state import PartialState
from apilog.aggregate.time_axis import TimeAxis
from apilog.aggregate.time_buckets import bucket_ends, bucket_starts
from apilog.metrics import ACCUMULATORS, METRICS, summed_metric
from apilog.report_model import FilterCube, FilterMetric, FilterSums
from apilog.text.units import parse_duration

_ROW_ORDER = ("timestamp", "route", "method", "gateway", "consumer", "status", "error_source")
"""Neighbours in this order are alike, and so take less room when they are packed."""


def collect_filter_sums(
    plan: ReportPlan, partial: PartialState, axis: TimeAxis
) -> FilterSums | None:
    """Return the sums by which the report can be filtered; None where nothing can be told.

    Routes that nobody found are one, as in the report: they are in every part of it, too. All
    others are as they are, as what folds depends on the filter.
    """
    buckets, step = axis.list_buckets(), axis.step
    if not plan.is_filtered or buckets is None or step is None:
        return None
    cubes = []
    for cube, state in zip(cube_layout(plan).cubes, partial.cubes, strict=True):
        if cube.is_for_filters and not has_given_up(state):
            cubes.append(_plain_cube(plan, cube, state, step))
    used = [cube.rows["timestamp"] for cube in cubes if cube.step == step]
    starts = pl.concat([buckets, *used]).drop_nulls().unique().sort()
    return FilterSums(
        cubes=tuple(cubes),
        step=step,
        starts=starts,
        ends=bucket_ends(starts, step, plan.timezone),
        timezone=plan.timezone,
        max_routes=plan.max_routes,
        known_routes=plan.known_routes,
        max_rows=min(plan.top or plan.max_rows, plan.max_rows),
        own=tuple(_own_metrics(plan)),
    )


def _own_metrics(plan: ReportPlan) -> Iterator[FilterMetric]:
    names = {m for table in filter_tables(plan.tables) for m in table.metrics if m not in METRICS}
    for name in sorted(names):
        if (found := summed_metric(plan.definitions[name])) is not None:
            yield FilterMetric(
                column=found.column, above=found.above, below=found.below, scale=found.scale
            )


def _plain_cube(plan: ReportPlan, cube: Cube, state: CubeState, step: str) -> FilterCube:
    own_step = None
    if "timestamp" in cube.keys:
        own_step = max(state.step or step, step, key=parse_duration)
        if not plan.bucket or own_step != plan.bucket:
            state = at_step(cube, state, own_step, plan.timezone)
    state = fold_unfound_routes(plan, cube, state)
    is_unfound = (state.keys["fold"] == NOT_FOUND).alias("is_unfound")
    keys = state.keys.drop("fold").with_columns(is_unfound)
    rows = keys[state.sums["id"]].hstack(state.sums)
    plain = FilterCube(
        keys=cube.keys,
        rows=rows.rename({"id": "row"}),
        histograms={}
        if state.is_bare
        else {column: h.rename({"id": "row"}) for column, h in state.histograms.items()},
        step=own_step,
    )
    return _ordered(plain)


def _ordered(cube: FilterCube) -> FilterCube:
    """Return the cube with its rows in order, and rows of histograms numbered accordingly."""
    order = [key for key in _ROW_ORDER if key in cube.keys]
    others = [key for key in cube.keys if key not in order]
    rows = cube.rows.sort(*order, *others, "is_unfound", nulls_last=True)
    places = rows.select("row").with_row_index("place")
    return replace(
        cube,
        rows=rows.drop("row"),
        histograms={
            column: histogram.join(places, on="row")
            .select(pl.col("place").alias("row"), "bucket", "n")
            .sort("row", "bucket")
            for column, histogram in cube.histograms.items()
        },
    )


def coarser_cubes(cube: FilterCube, timezone: str) -> Sequence[FilterCube]:
    """Return the same sums in longer and longer buckets of time, down to a few of them."""
    coarser: list[FilterCube] = []
    for step in longer_steps(cube.step) if cube.step else []:
        last = coarser[-1] if coarser else cube
        starts = bucket_starts(last.rows["timestamp"], step, timezone)
        if starts.n_unique() < _FEWEST_BUCKETS:
            break
        coarser.append(_roll_up(last, step, starts))
    return coarser


_FEWEST_BUCKETS = 4


def _roll_up(cube: FilterCube, step: str, starts: pl.Series) -> FilterCube:
    keys = [*cube.keys, "is_unfound"]
    moved = cube.rows.with_columns(starts.alias("timestamp"))
    sums = [ACCUMULATORS[name] for name in moved.columns if name in ACCUMULATORS]
    unique = moved.select(keys).unique(maintain_order=True).with_row_index("row")
    row = moved.join(unique, on=keys, how="left", nulls_equal=True, maintain_order="left")["row"]
    known = {*keys, *ACCUMULATORS}
    own = [pl.col(name).sum() for name in moved.columns if name not in known]
    merged = moved.with_columns(row).group_by("row").agg(*(a.merge_expr() for a in sums), *own)
    histograms = {
        column: h.with_columns(row.gather(h["row"]))
        .group_by("row", "bucket")
        .agg(pl.col("n").sum())
        for column, h in cube.histograms.items()
    }
    rows = unique.join(merged, on="row")
    return _ordered(replace(cube, rows=rows, histograms=histograms, step=step))

"""Measurements: what thresholds need of requests, in sums that merge, from one pass.

A measurement consists of a few plans of the aggregate, one for each choice of requests (`where`),
so that chosen values are never folded. It takes the same three steps: partial, merge, finish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Protocol

import polars as pl

from apilog.aggregate import (
    PartialState,
    ReportPlan,
    TableSpec,
    TableWithInputs,
    finish_with_inputs,
    kept_routes,
    merge,
    merge_routes,
    sum_chunk,
    unfound_routes,
)
from apilog.aggregate.record_times import FEW_STRAYS, STRAY_SHARE, StrayTimes
from apilog.aggregate.time_axis import TimeAxis
from apilog.checks.metric_events import event_counts, events_column
from apilog.checks.samples import MetricSample, SampleKey, SubjectSamples
from apilog.checks.threshold import ColumnValues, MetricSubject
from apilog.checks.time_slices import TimeSlices
from apilog.checks.told_routes import RoutesTold, learn_together, named_templates, tell_routes
from apilog.metrics import BUILT_IN, METRICS, MetricDefinitions, MetricKind
from apilog.routes import NO_TEMPLATES, RouteTemplates
from apilog.schema import SCHEMA
from apilog.statistics.dispersion import SliceCount
from apilog.time import ALL_TIME, TimeWindow

_MOST_SLICES = 200
"""A week has slices of an hour."""
_MOST_SLICE_KEYS = 500_000

MeasurementState = tuple[PartialState, ...]
"""The states of a measurement's plans, in their order."""


class SampleSource(Protocol):
    """A source of samples: logs that were measured, or a saved baseline."""

    def samples_of(self, subject: MetricSubject) -> SubjectSamples:
        """Return the samples of a subject."""


class Measurement:
    """The subjects to measure in a window; `columns` are those of the records that it reads."""

    def __init__(
        self,
        subjects: Iterable[MetricSubject],
        window: TimeWindow = ALL_TIME,
        *,
        tables: Sequence[TableSpec] = (),
        over_time: Iterable[MetricSubject] = (),
        max_routes: int = 1000,
        max_rows: int = 10_000,
        max_keys: int = 100_000,
        bucket: str | None = None,
        known_routes: Iterable[str] = (),
        definitions: MetricDefinitions = BUILT_IN,
        learns_routes: bool = True,
    ) -> None:
        """`tables`, with metrics of the `definitions`, are about all requests; see `ReportPlan`.

        Subjects `over_time`, which are among the others, are also measured for slices of time.
        Routes that a subject names are known like the `known_routes`.
        """
        self.window = window
        self.subjects = tuple(dict.fromkeys(subjects))
        # A plan of its own for each choice of requests: in a table by all columns that thresholds
        # name, rare values would be folded, and a threshold that names one could not be decided.
        self._definitions = MetricDefinitions.of_metrics(
            (*definitions.own, *(subject.metric for subject in self.subjects))
        )
        self._specs_by_where = _table_specs(self.subjects, tables)
        self._sliced_by_where = _sliced_specs(over_time)
        named = (pair for where in self._specs_by_where for pair in where)
        known = frozenset(known_routes) | {text for column, text in named if column == "route"}
        shared = ReportPlan(
            tables=(),
            definitions=self._definitions,
            window=window,
            max_routes=max_routes,
            max_rows=max_rows,
            max_keys=max_keys,
            bucket=bucket,
            known_routes=known,
            learns_routes=learns_routes,
        )
        # Slices are many rows for each value, none of which a report shows.
        self._plans = (
            *(replace(shared, tables=tuple(s)) for s in self._specs_by_where.values()),
            *(
                replace(
                    shared,
                    tables=tuple(s),
                    most_buckets=_MOST_SLICES,
                    max_rows=_MOST_SLICE_KEYS,
                    max_keys=_MOST_SLICE_KEYS,
                )
                for s in self._sliced_by_where.values()
            ),
        )
        chosen = frozenset(column for where in self._specs_by_where for column, _ in where)
        self.columns = chosen.union(*(plan.columns for plan in self._plans))
        self.names_routes = any(plan.names_routes for plan in self._plans)
        self.known_routes = known

    @property
    def wheres(self) -> tuple[ColumnValues, ...]:
        """The choice of requests of each plan."""
        return (*self._specs_by_where, *self._sliced_by_where)

    def partial(self, records: pl.DataFrame) -> MeasurementState:
        """Return the state of some records, which have at least the `columns`."""
        return tuple(
            sum_chunk(plan, records.filter(matches_values(where)) if where else records)
            for where, plan in zip(self.wheres, self._plans, strict=True)
        )

    def merge(self, states: Sequence[MeasurementState]) -> MeasurementState:
        """Return one state for several."""
        return tuple(
            merge(plan, [state[i] for state in states]) for i, plan in enumerate(self._plans)
        )

    def kept_routes(self, state: MeasurementState) -> frozenset[str]:
        """Return the routes that don't fold."""
        return kept_routes(self._plans[0], state[0])

    def tell_routes(self, state: MeasurementState) -> RoutesTold:
        """Return what the requests tell of the routes that may merge."""
        return tell_routes(self._plans[0], state)

    def merge_routes(self, state: MeasurementState, templates: RouteTemplates) -> MeasurementState:
        """Return the state with the routes merged that these templates make equal."""
        return tuple(merge_routes(p, s, templates) for p, s in zip(self._plans, state, strict=True))

    def finish(
        self,
        state: MeasurementState,
        seconds: float | None = None,
        known_routes: frozenset[str] = frozenset(),
    ) -> MeasurementResult:
        """Return the result; `seconds` is the length of a window that slides.

        The `known_routes`, and those that all requests show to be there, fold for no choice of
        requests, and merge alike in all.
        """
        state = self.merge_routes(state, learn_together([self.tell_routes(state)]))
        known = self._plans[0].known_routes | known_routes
        known |= kept_routes(replace(self._plans[0], learns_routes=False), state[0])
        plans = [
            replace(plan, known_routes=known, max_routes=0, learns_routes=False)
            for plan in self._plans
        ]
        tables = [finish_with_inputs(p, part) for p, part in zip(plans, state, strict=True)]
        axes = [TimeAxis.of_times(p, part.times) for p, part in zip(plans, state, strict=True)]
        return MeasurementResult(
            window=axes[0].window,
            groups={
                (where, name): group
                for where, by_name in zip(self.wheres, tables, strict=True)
                for name, group in by_name.items()
            },
            given_seconds=seconds,
            unfound_routes=unfound_routes(plans[0], state[0]),
            templates=state[0].templates,
            recorded=axes[0].recorded,
            strays=axes[0].strays,
            steps={where: axis.step for where, axis in zip(self.wheres, axes, strict=True)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementResult:
    """The finished measurement."""

    window: TimeWindow
    """The limits given, else the first and last record."""
    groups: Mapping[tuple[ColumnValues, str], TableWithInputs]
    given_seconds: float | None = None
    unfound_routes: Mapping[str, int] = field(default_factory=dict)
    """The requests of each route that folds as nobody found it, the busiest first."""
    recorded: TimeWindow = ALL_TIME
    """The times of the first and the last request, both included, but for strays."""
    strays: StrayTimes | None = None
    """Requests that count, but whose times the window leaves out."""
    templates: RouteTemplates = NO_TEMPLATES
    """What was learned of routes."""
    steps: Mapping[ColumnValues, str | None] = field(default_factory=dict)
    """The length of the slices of subjects over time, for each choice of requests."""

    @property
    def seconds(self) -> float | None:
        """The length of the window."""
        return self.window.seconds if self.given_seconds is None else self.given_seconds

    @property
    def total(self) -> int:
        """All requests of the window."""
        return int(self.groups[(), _table_name(())].table["requests"].sum())

    def table_groups(self, table: str) -> TableWithInputs:
        """Return one of the further tables."""
        return self.groups[(), table]

    def samples_of(self, subject: MetricSubject) -> SubjectSamples:
        """Return the samples of a subject."""
        group = self.groups[subject.where, _table_name(subject.each)]
        samples = samples_from(subject, group, self.total, self.seconds)
        sliced = self.groups.get((subject.where, _table_over_time(subject.each)))
        step = self.steps.get(subject.where)
        if sliced is None or step is None or subject.metric.sampled:
            return samples
        size, events = subject.metric.size, events_column(subject.metric)
        if not {size, events} <= set(sliced.table.columns):
            return samples  # another metric of the same columns was asked for over time
        frame = sliced.table.filter(sliced.is_single_key).select(
            *subject.each, "timestamp", n=size, events=events
        )
        return with_slices(samples, frame, step, self.window)

    def table_over_time(self, each: tuple[str, ...]) -> TableWithInputs:
        """Return the table of a subject over time on all requests."""
        return self.groups[(), _table_over_time(each)]


def matches_values(where: ColumnValues) -> pl.Expr:
    """Return the condition that all columns have these values; `where` is not empty."""
    equal = (
        pl.col(column) == (int(text) if SCHEMA[column].is_integer() else text)
        for column, text in where
    )
    return reduce(lambda a, b: a & b, equal).fill_null(value=False)


def samples_from(
    subject: MetricSubject, group: TableWithInputs, total: int, seconds: float | None
) -> SubjectSamples:
    """Return the samples of a subject, made from a table over its columns."""
    metric, table, is_value = subject.metric, group.table, group.is_single_key
    if subject.each:
        # Many logs don't tell their gateway: their endpoints have names all the same.
        telling = [column for column in subject.each if column != "gateway"] or subject.each
        known = table.select(pl.all_horizontal(pl.col(telling).is_not_null()))
        is_value &= known.to_series()
    histograms: dict[int, dict[int, int]] = {}
    if metric.sampled:
        for row, bucket, n in group.histograms[metric.sampled].iter_rows():
            histograms.setdefault(row, {})[bucket] = n
    errors = group.errors.get(metric.column, {})
    columns = (table[name].to_list() for name in (metric.column, metric.size))
    keys = table.select(subject.each).rows() if subject.each else [()] * table.height
    rows = zip(is_value, keys, *columns, event_counts(metric, table), strict=True)
    samples: dict[SampleKey, MetricSample] = {}
    others: dict[SampleKey, MetricSample] = {}
    for row, (is_named, key, value, size, events) in enumerate(rows):
        histogram = histograms.get(row, {})
        # A plan knows no length of a window that slides.
        if metric.kind is MetricKind.RATE and seconds:
            value = size / seconds
        (samples if is_named else others)[key] = MetricSample(
            value=value,
            size=sum(histogram.values()) if metric.sampled else size,
            events=events,
            histogram=histogram,
            seconds=seconds,
            relative_error=errors.get(row, 0.0),
        )
    return SubjectSamples(
        samples=samples,
        total=total,
        seconds=seconds,
        others=others,
        unnamed=int(table["requests"].filter(~is_value).sum()),
    )


def with_slices(
    measured: SubjectSamples, frame: pl.DataFrame, step: str, window: TimeWindow
) -> SubjectSamples:
    """Return samples with the slices of a frame: its keys, `timestamp`, `n` and `events`."""
    counts: dict[SampleKey, dict[datetime, SliceCount]] = {}
    for *key, start, n, events in frame.drop_nulls("timestamp").iter_rows():
        if n:
            counts.setdefault(tuple(key), {})[start] = SliceCount(n, events)
    return replace(
        measured,
        samples={
            key: replace(
                sample, slices=TimeSlices(step=step, window=window, counts=counts.get(key, {}))
            )
            # Of a log with very many keys some slices are folded into others. A few stray times
            # are in no slice.
            if sample.size - sum(count.n for count in counts.get(key, {}).values())
            <= max(FEW_STRAYS, sample.size // STRAY_SHARE)
            else sample
            for key, sample in measured.samples.items()
        },
    )


def _sliced_specs(subjects: Iterable[MetricSubject]) -> dict[ColumnValues, list[TableSpec]]:
    """Return the tables over time for each choice of requests."""
    names: dict[tuple[ColumnValues, tuple[str, ...]], set[str]] = {}
    for subject in subjects:
        chosen = names.setdefault((subject.where, subject.each), {"requests"})
        chosen.update((subject.metric.size, events_column(subject.metric)))
    specs: dict[ColumnValues, list[TableSpec]] = {}
    for (where, each), metrics in names.items():
        table = TableSpec(
            name=_table_over_time(each),
            keys=("timestamp", *each),
            metrics=_in_order(metrics),
        )
        specs.setdefault(where, []).append(table)
    return specs


def _table_over_time(each: tuple[str, ...]) -> str:
    return f"{_table_name(each)} over time"


def _table_specs(
    subjects: Sequence[MetricSubject], tables: Sequence[TableSpec]
) -> dict[ColumnValues, list[TableSpec]]:
    """Return the tables for each choice of requests; for all requests at least their number."""
    by_where: dict[ColumnValues, dict[tuple[str, ...], set[str]]] = {(): {(): set()}}
    if any(subject.where and "route" in subject.each for subject in subjects) or named_templates(
        subject.where for subject in subjects
    ):
        # Which routes fold and merge is decided by all requests.
        by_where[()]["route",] = set()
    for subject in subjects:
        names = by_where.setdefault(subject.where, {}).setdefault(subject.each, set())
        metric = subject.metric
        needed = (metric.name, metric.events, metric.size, metric.outside)
        names.update(name for name in needed if name)
        if metric.sampled and not metric.histogram:
            # A table has histograms if it has a quantile, whichever it is.
            others = (*METRICS.values(), *metric.parts)
            names.add(next(m.name for m in others if m.histogram == metric.sampled))
    specs = {
        where: [
            TableSpec(
                name=_table_name(each),
                keys=each,
                metrics=_in_order(names | {"requests"}),
            )
            for each, names in by_each.items()
        ]
        for where, by_each in by_where.items()
    }
    specs[()].extend(tables)
    return specs


def _in_order(names: set[str]) -> tuple[str, ...]:
    """Return names of metrics, the built-in ones first, in the order of the catalogue."""
    return (*(n for n in METRICS if n in names), *sorted(names - METRICS.keys()))


def _table_name(each: tuple[str, ...]) -> str:
    return f"by {', '.join(each)}"

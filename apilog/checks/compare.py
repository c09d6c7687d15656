"""`compare`: two sides, metric by metric and endpoint by endpoint.

Side b is compared with side a: a difference is b − a.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from apilog.checks.check_tables import CHANGED_TABLE, changed_table
from apilog.checks.compare_table import ComparisonRow, SamplePair, compare_pairs, comparison_table
from apilog.checks.evaluate import DecisionPolicy
from apilog.checks.measurement import (
    Measurement,
    MeasurementResult,
    MeasureOptions,
    SubjectSamples,
    measure_sources,
    reject_notes,
)
from apilog.checks.threshold import ENDPOINT_COLUMNS, REQUEST_METRICS, ColumnValues, MetricSubject
from apilog.errors import UsageError
from apilog.metrics import METRICS, Metric, MetricKind
from apilog.report_model import CheckState, InputSummary, Report
from apilog.text.spelling import did_you_mean
from apilog.time import TimeWindow
from apilog.version import __version__

DEFAULT_METRICS = ("error_rate", "server_error_rate", "latency_p50", "latency_p95", "latency_p99")
COMPARABLE_METRICS = tuple(
    name
    for name, metric in REQUEST_METRICS.metrics.items()
    if metric.kind in (MetricKind.RATE, MetricKind.PROPORTION, MetricKind.MEAN, MetricKind.QUANTILE)
)
"""Metrics that have a test and don't depend on how long a side is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSplit:
    """Two values of a column, whose requests are the two sides."""

    column: str
    a: str
    b: str


def parse_split(text: str) -> ColumnSplit:
    """The split that `COLUMN=a,b` says. Raises UsageError, naming the nearest column.

    >>> parse_split("host=old.example,new.example").b
    'new.example'
    """
    column, _, values = text.partition("=")
    pair = values.split(",")
    if len(pair) != 2 or not all(pair) or pair[0] == pair[1]:
        raise UsageError(
            f"--split {text!r} is not a column and two of its values",
            "write such as --split host=old.example,new.example",
        )
    if column not in REQUEST_METRICS.columns:
        listed = f"it is one of {', '.join(REQUEST_METRICS.columns)}"
        raise UsageError(
            f"--split {text!r}: there is no column {column!r}",
            did_you_mean(column, REQUEST_METRICS.columns, listed),
        )
    return ColumnSplit(column=column, a=pair[0], b=pair[1])


def parse_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of these names; without one the usual ones.

    Raises UsageError for one that there isn't or that can't be compared.
    """
    for name in names:
        if name not in COMPARABLE_METRICS:
            problem = "can't be compared" if name in METRICS else "is no metric"
            listed = f"it is one of {', '.join(COMPARABLE_METRICS)}"
            raise UsageError(f"{name!r} {problem}", did_you_mean(name, COMPARABLE_METRICS, listed))
    return tuple(METRICS[name] for name in dict.fromkeys(names or DEFAULT_METRICS))


COMPARISON_TABLE = "comparison"
"""The table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What is compared, and how sure a difference has to be."""

    metrics: tuple[Metric, ...]
    window: TimeWindow = field(default_factory=TimeWindow)
    policy: DecisionPolicy = field(default_factory=DecisionPolicy)
    reading: MeasureOptions = field(default_factory=MeasureOptions)
    tz: str = "UTC"
    """Zone in which times are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResult:
    """A report on two sides, and whether anything could be decided."""

    report: Report
    """Its tables are `comparison` and `changed`."""
    state: CheckState
    """Pass if at least one row was decided, else inconclusive."""


def compare_sources(
    a: Sequence[str | os.PathLike[str]],
    b: Sequence[str | os.PathLike[str]],
    options: CompareOptions,
) -> ComparisonResult:
    """The sources b compared with the sources a."""
    done = [
        measure_sources(sources, [_comparison_measurement(options, [()])], options.reading)
        for sources in (a, b)
    ]
    sides = [_ComparedSide(one.results[0], (), ENDPOINT_COLUMNS) for one in done]
    names = [", ".join(map(str, sources)) for sources in (a, b)]
    return _build_comparison(sides, names, options, _sum_inputs([one.input for one in done]))


def compare_split(
    sources: Sequence[str | os.PathLike[str]], split: ColumnSplit, options: CompareOptions
) -> ComparisonResult:
    """The requests with the split's second value compared with those with its first."""
    wheres: list[ColumnValues] = [((split.column, value),) for value in (split.a, split.b)]
    done = measure_sources(sources, [_comparison_measurement(options, wheres)], options.reading)
    each = _endpoint_without(wheres[0])
    sides = [_ComparedSide(done.results[0], where, each) for where in wheres]
    names = [f"{split.column}={value}" for value in (split.a, split.b)]
    return _build_comparison(sides, names, options, done.input)


@dataclass(frozen=True, slots=True)
class _ComparedSide:
    """The requests of one side."""

    measures: MeasurementResult
    where: ColumnValues
    each: tuple[str, ...]
    """The columns of an endpoint."""

    def all_requests(self, metric: Metric) -> SubjectSamples:
        return self.measures.samples_of(MetricSubject(metric=metric, where=self.where))

    def by_endpoint(self, metric: Metric) -> SubjectSamples:
        return self.measures.samples_of(
            MetricSubject(metric=metric, where=self.where, each=self.each)
        )


def _comparison_measurement(options: CompareOptions, wheres: Sequence[ColumnValues]) -> Measurement:
    subjects = [
        MetricSubject(metric=metric, where=where, each=each)
        for where in wheres
        for metric in (*options.metrics, METRICS["requests"])
        for each in ((), _endpoint_without(where))
    ]
    return Measurement(subjects, options.window, max_routes=options.reading.max_routes)


def _endpoint_without(where: ColumnValues) -> tuple[str, ...]:
    chosen = {column for column, _ in where}
    return tuple(column for column in ENDPOINT_COLUMNS if column not in chosen)


def _build_comparison(
    sides: Sequence[_ComparedSide],
    names: Sequence[str],
    options: CompareOptions,
    read: InputSummary,
) -> ComparisonResult:
    a, b = sides
    rows = [
        row for metric in options.metrics for row in _comparison_rows(metric, a, b, options.policy)
    ]
    silent = [m.name for m in options.metrics if all(row.metric is not m for row in rows)]
    requests = METRICS["requests"]
    starts = [s.measures.window.since for s in sides if s.measures.window.since]
    ends = [s.measures.window.until for s in sides if s.measures.window.until]
    report = Report(
        version=__version__,
        command="compare",
        since=min(starts, default=None),
        until=max(ends, default=None),
        input=read,
        tables={
            COMPARISON_TABLE: comparison_table(rows, a.each, options.policy),
            CHANGED_TABLE: changed_table(b.by_endpoint(requests), a.by_endpoint(requests), a.each),
        },
        timezone=options.tz,
        notes=(
            f"a is {names[0]}, b is {names[1]}",
            *([f"nothing tells {', '.join(silent)}"] if silent else []),
            *reject_notes(read, kept=options.reading.rejects is not None),
        ),
    )
    is_decided = any(row.p_value is not None for row in rows)
    return ComparisonResult(
        report=report, state=CheckState.PASS if is_decided else CheckState.INCONCLUSIVE
    )


def _comparison_rows(
    metric: Metric, a: _ComparedSide, b: _ComparedSide, policy: DecisionPolicy
) -> Iterator[ComparisonRow]:
    """All requests, then each endpoint that both sides have; none if nothing tells the metric."""
    (one,), (other,) = (
        a.all_requests(metric).samples.values(),
        b.all_requests(metric).samples.values(),
    )
    if metric.duration_column and one.value is None and other.value is None:
        return
    yield from compare_pairs(metric, {None: SamplePair(one, other)}, policy)
    before, after = a.by_endpoint(metric).samples, b.by_endpoint(metric).samples
    both = {key: SamplePair(before[key], after[key]) for key in before if key in after}
    yield from compare_pairs(metric, both, policy)


def _sum_inputs(inputs: Sequence[InputSummary]) -> InputSummary:
    return InputSummary(
        lines=sum(one.lines for one in inputs),
        records=sum(one.records for one in inputs),
        rejects=sum(one.rejects for one in inputs),
        skipped=sum(one.skipped for one in inputs),
        files=tuple(file for one in inputs for file in one.files),
    )

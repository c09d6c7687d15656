"""`compare`: two sides, metric by metric and endpoint by endpoint.

Side b is compared with side a: a difference is b − a.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.checks.check_tables import CHANGED_TABLE, changed_table
from apilog.checks.evaluate import DecisionPolicy
from apilog.checks.measured_sources import finish_alike, measure_sources
from apilog.checks.measurement import Measurement, MeasurementResult
from apilog.checks.samples import MetricSample, SampleKey, SubjectSamples
from apilog.checks.significance import NullHypothesis, p_value, sample_difference_interval
from apilog.checks.threshold import (
    ENDPOINT_COLUMNS,
    REQUEST_METRICS,
    ColumnValues,
    MetricSubject,
    endpoint_columns_without,
    request_catalogue,
)
from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import describe_doubts, describe_rejects, filters_of
from apilog.engine.store_parts import stored_templates
from apilog.errors import UsageError
from apilog.metrics import BUILT_IN, METRICS, Metric, MetricDefinitions, MetricKind
from apilog.options import CompareOptions, Source
from apilog.own_metrics import APDEX, own_definitions
from apilog.report_model import CheckState, DifferenceVerdict, InputSummary, Report
from apilog.statistics.two_samples import Alternative, Bounds, benjamini_hochberg
from apilog.text import did_you_mean
from apilog.time import TimeWindow, parse_span, parse_window
from apilog.version import __version__


@dataclass(frozen=True, slots=True)
class SamplePair:
    a: MetricSample
    b: MetricSample


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """A metric of one endpoint, or of all requests."""

    metric: Metric
    key: SampleKey | None
    """None for all requests."""
    pair: SamplePair
    p_value: float | None
    """Two-sided, adjusted for how many endpoints there are; None with too few requests."""
    interval: Bounds
    """The interval of the difference."""


_FIGURE_COLUMNS = {
    "a": pl.Float64,
    "b": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "verdict": pl.String,
    "a_requests": pl.Int64,
    "b_requests": pl.Int64,
}
_VERDICT_ORDER = [*DifferenceVerdict]


def compare_pairs(
    metric: Metric,
    pairs: Mapping[SampleKey, SamplePair] | Mapping[None, SamplePair],
    policy: DecisionPolicy,
) -> Iterator[ComparisonRow]:
    """Yield a row for each pair, their p-values adjusted together."""
    enough = max(1, policy.min_requests)
    raw = [
        p_value(metric, pair.b, pair.a, NullHypothesis(), Alternative.TWO_SIDED)
        if min(pair.a.size, pair.b.size) >= enough and None not in (pair.a.value, pair.b.value)
        else None
        for pair in pairs.values()
    ]
    for (key, pair), p in zip(pairs.items(), benjamini_hochberg(raw), strict=True):
        bounds = sample_difference_interval(metric, pair.b, pair.a, policy.confidence)
        yield ComparisonRow(metric=metric, key=key, pair=pair, p_value=p, interval=bounds)


def comparison_table(
    rows: Iterable[ComparisonRow], columns: tuple[str, ...], policy: DecisionPolicy
) -> pl.DataFrame:
    """Return the table: by metric, all requests first, then what differs, then the busiest."""
    judged = [(_verdict_of(row, policy), row) for row in rows]
    metrics = list(dict.fromkeys(row.metric.name for _, row in judged))
    judged.sort(
        key=lambda item: (
            metrics.index(item[1].metric.name),
            item[1].key is not None,
            _VERDICT_ORDER.index(item[0]),
            -item[1].pair.b.size,
        )
    )
    cells = []
    for verdict, row in judged:
        a, b = row.pair.a, row.pair.b
        cells.append(
            {
                "metric": row.metric.name,
                **dict(zip(columns, row.key or (None,) * len(columns), strict=True)),
                "a": a.value,
                "b": b.value,
                "difference": None if a.value is None or b.value is None else b.value - a.value,
                "low": row.interval[0],
                "high": row.interval[1],
                "p_value": row.p_value,
                "verdict": verdict.value,
                "a_requests": a.size,
                "b_requests": b.size,
            }
        )
    keys = dict.fromkeys(columns, pl.String)
    return pl.DataFrame(cells, schema={"metric": pl.String, **keys, **_FIGURE_COLUMNS})


def _verdict_of(row: ComparisonRow, policy: DecisionPolicy) -> DifferenceVerdict:
    a, b = row.pair.a.value, row.pair.b.value
    if row.p_value is None or a is None or b is None:
        return DifferenceVerdict.INCONCLUSIVE
    low, high = row.interval
    includes_zero = (low is None or low <= 0) and (high is None or high >= 0)
    # Both have to agree, so that no table shows a difference whose interval includes none.
    if row.p_value >= 1 - policy.confidence or includes_zero:
        return DifferenceVerdict.UNPROVEN
    if not row.metric.better:
        return DifferenceVerdict.DIFFERENT
    return (
        DifferenceVerdict.BETTER
        if (b < a) == (row.metric.better == "lower")
        else DifferenceVerdict.WORSE
    )


DEFAULT_METRICS = ("error_rate", "server_error_rate", "latency_p50", "latency_p95", "latency_p99")
_COMPARED_KINDS = (
    *(MetricKind.RATE, MetricKind.PROPORTION),
    *(MetricKind.MEAN, MetricKind.QUANTILE),
)
"""Kinds of metrics that have a test and don't depend on how long a side is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSplit:
    """Two values of a column, whose requests are the two sides."""

    column: str
    a: str
    b: str


def parse_split(text: str) -> ColumnSplit:
    """Return the split that `COLUMN=a,b` says; raises UsageError, naming the nearest column.

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


def parse_metrics(
    names: Sequence[str], definitions: MetricDefinitions = BUILT_IN
) -> tuple[Metric, ...]:
    """Return the metrics of these names; without one the usual ones.

    Raises UsageError for one that there isn't or that can't be compared.
    """
    metrics = request_catalogue(definitions).metrics
    comparable = [name for name, metric in metrics.items() if metric.kind in _COMPARED_KINDS]
    for name in names:
        if name not in comparable:
            problem = "can't be compared" if name in {*METRICS, *metrics} else "is no metric"
            listed = f"it is one of {', '.join(comparable)}"
            raise UsageError(f"{name!r} {problem}", did_you_mean(name, comparable, listed))
    return tuple(metrics[name] for name in dict.fromkeys(names or DEFAULT_METRICS))


COMPARISON_TABLE = "comparison"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResult:
    """The report on two sides, and whether anything could be decided."""

    report: Report
    """Its tables are `comparison` and `changed`."""
    state: CheckState
    """Pass if at least one row was decided, else inconclusive."""


def compare_sources(sources: Sequence[Source], options: CompareOptions) -> ComparisonResult:
    """Compare the second source with the first, two values of a column, or two times of all.

    Raises UsageError for options that can't be understood, before anything is read.
    """
    definitions = own_definitions(options.own_metrics, options.apdex, options.openapi)
    names = [*(options.metrics or DEFAULT_METRICS), *([APDEX] if options.apdex else [])]
    comparison = _Comparison(
        metrics=parse_metrics(names, definitions),
        window=parse_window(options.since, options.until, options.tz),
        policy=DecisionPolicy(min_requests=options.min_requests, confidence=options.confidence),
        options=options,
    )
    if options.split is not None:
        if options.a is not None or options.b is not None:
            raise UsageError("--split and --a, --b are two ways to tell sides apart", "give one")
        return comparison.compare_split(sources, parse_split(options.split))
    if options.a is not None or options.b is not None:
        return comparison.compare_times(sources, *_parse_times(options))
    if len(sources) != 2:
        raise UsageError(
            f"compare takes two sources, not {len(sources)}",
            "give a folder or glob for each side in quotes, --split COLUMN=a,b, or --a and --b",
        )
    if sources[0] == sources[1]:
        raise UsageError("both sides are the same", "give another source for one of them")
    return comparison.compare_two(sources[0], sources[1])


def _parse_times(options: CompareOptions) -> tuple[TimeWindow, TimeWindow]:
    """Return the two times to compare; raises UsageError where they are not two."""
    if options.a is None or options.b is None:
        raise UsageError("--a and --b go together", "such as --a yesterday --b today")
    if options.since is not None or options.until is not None:
        raise UsageError("--a and --b are the limits of time", "leave out --since and --until")
    for text in (options.a, options.b):
        if _WORD.fullmatch(text) and text.casefold() not in _DAYS:
            example = f"--split COLUMN={options.a},{options.b}"
            raise UsageError(
                f"--a and --b take times, and {text!r} is none",
                f"two values of a column are {example}; `apilog schema` lists the columns",
            )
    a, b = (parse_span(text, options.tz) for text in (options.a, options.b))
    shared = a.intersect(b)
    if shared.since is None or shared.until is None or shared.since < shared.until:
        raise UsageError(
            f"the times {options.a!r} and {options.b!r} overlap", "give two that are apart"
        )
    return a, b


_WORD = re.compile(r"[A-Za-z_-]+|[1-5][0-9]{2}")
"""A value of a column, such as a method or a status."""
_DAYS = {"now", "today", "yesterday", "tomorrow"}


@dataclass(frozen=True, slots=True)
class _ComparedSide:
    result: MeasurementResult
    where: ColumnValues
    each: tuple[str, ...]

    def all_requests(self, metric: Metric) -> MetricSample:
        subject = MetricSubject(metric=metric, where=self.where)
        return self.result.samples_of(subject).samples[()]

    def by_endpoint(self, metric: Metric) -> SubjectSamples:
        return self.result.samples_of(
            MetricSubject(metric=metric, where=self.where, each=self.each)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The metrics and limits of a comparison, understood."""

    metrics: tuple[Metric, ...]
    window: TimeWindow
    policy: DecisionPolicy
    options: CompareOptions

    def compare_two(self, a: Source, b: Source) -> ComparisonResult:
        measurement = self._measurement([()])
        known = stored_templates([a, b])
        measured = [
            measure_sources(
                [source], [measurement], self.options, templates=known, learn_from=[a, b]
            )
            for source in (a, b)
        ]
        account = InputSummary.of_files(file for side in measured for file in side.input.files)
        notes = (
            *describe_doubts(account),
            *describe_rejects(account, are_kept=self.options.rejects is not None),
            *(
                f"{source}: {note}"
                for source, side in zip((a, b), measured, strict=True)
                for note in side.notes_on_times
            ),
        )
        results = finish_alike([(measurement, side.states[0]) for side in measured])
        sides = [_ComparedSide(result, (), ENDPOINT_COLUMNS) for result in results]
        return self._result(sides, [str(a), str(b)], account, notes)

    def compare_split(self, sources: Sequence[Source], split: ColumnSplit) -> ComparisonResult:
        wheres: list[ColumnValues] = [((split.column, value),) for value in (split.a, split.b)]
        measured = measure_sources(sources, [self._measurement(wheres)], self.options)
        each = endpoint_columns_without(wheres[0])
        sides = [_ComparedSide(measured.results[0], where, each) for where in wheres]
        names = [f"{split.column}={value}" for value in (split.a, split.b)]
        return self._result(sides, names, measured.input, measured.notes)

    def compare_times(
        self, sources: Sequence[Source], a: TimeWindow, b: TimeWindow
    ) -> ComparisonResult:
        measurements = [replace(self, window=each)._measurement([()]) for each in (a, b)]
        measured = measure_sources(sources, measurements, self.options)
        sides = [_ComparedSide(result, (), ENDPOINT_COLUMNS) for result in measured.results]
        names = [str(self.options.a), str(self.options.b)]
        return self._result(sides, names, measured.input, measured.notes)

    def _measurement(self, wheres: Sequence[ColumnValues]) -> Measurement:
        subjects = [
            MetricSubject(metric=metric, where=where, each=each)
            for where in wheres
            for metric in (*self.metrics, METRICS["requests"])
            for each in ((), endpoint_columns_without(where))
        ]
        return Measurement(
            subjects,
            self.window,
            max_routes=self.options.max_routes,
            known_routes=declared_routes(self.options),
        )

    def _result(
        self,
        sides: Sequence[_ComparedSide],
        names: Sequence[str],
        account: InputSummary,
        notes: Sequence[str],
    ) -> ComparisonResult:
        a, b = sides
        rows = [
            row for metric in self.metrics for row in _comparison_rows(metric, a, b, self.policy)
        ]
        silent = [m.name for m in self.metrics if all(row.metric is not m for row in rows)]
        requests = METRICS["requests"]
        windows = [side.result.window for side in sides]
        report = Report(
            version=__version__,
            command="compare",
            since=min((w.since for w in windows if w.since), default=None),
            until=max((w.until for w in windows if w.until), default=None),
            input=account,
            tables={
                COMPARISON_TABLE: comparison_table(rows, a.each, self.policy),
                CHANGED_TABLE: changed_table(
                    b.by_endpoint(requests), a.by_endpoint(requests), a.each
                ),
            },
            metrics=MetricDefinitions.of_metrics(self.metrics).describe(),
            timezone=self.options.tz,
            filters=filters_of(self.options, self.window),
            notes=(
                f"a is {names[0]}, b is {names[1]}",
                *(
                    f"{name} has no requests"
                    for side, name in zip(sides, names, strict=True)
                    if not side.all_requests(requests).size
                ),
                *([f"nothing tells {', '.join(silent)}"] if silent else []),
                *notes,
            ),
        )
        is_decided = any(row.p_value is not None for row in rows)
        return ComparisonResult(
            report=report, state=CheckState.PASS if is_decided else CheckState.INCONCLUSIVE
        )


def _comparison_rows(
    metric: Metric, a: _ComparedSide, b: _ComparedSide, policy: DecisionPolicy
) -> Iterator[ComparisonRow]:
    """Yield a row for all requests, then one for each endpoint that both sides have.

    There are none if the logs lack what the metric needs.
    """
    pair = SamplePair(a.all_requests(metric), b.all_requests(metric))
    if metric.sampled and pair.a.value is None and pair.b.value is None:
        return
    yield from compare_pairs(metric, {None: pair}, policy)
    # Endpoints of one side only have no difference: they are in the table of what changed.
    of_a, of_b = a.by_endpoint(metric).samples, b.by_endpoint(metric).samples
    both = {key: SamplePair(of_a[key], of_b[key]) for key in of_a if key in of_b}
    yield from compare_pairs(metric, both, policy)

"""`compare`: two sides held against each other, metric by metric and endpoint by endpoint.

Side b is compared with side a: a difference is b − a.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from apilog.checks.comparison import Pair, Row, comparison_table, decided
from apilog.checks.evaluate import Policy, State
from apilog.checks.measure import Measurement, Measures, Window
from apilog.checks.reading import Reading, notes, read
from apilog.checks.samples import Measured
from apilog.checks.split import Split
from apilog.checks.tables import CHANGED, changed_table
from apilog.checks.threshold import ENDPOINT, Subject, Where
from apilog.metrics import METRICS, Metric
from apilog.model import InputSummary, Report
from apilog.version import __version__

COMPARISON = "comparison"
"""The table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What is compared, and how sure a difference has to be."""

    metrics: tuple[Metric, ...]
    window: Window = field(default_factory=Window)
    policy: Policy = field(default_factory=Policy)
    reading: Reading = field(default_factory=Reading)
    tz: str = "UTC"
    """Zone in which times are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A report on two sides, and whether anything could be decided."""

    report: Report
    """Its tables are `comparison` and `changed`."""
    state: State
    """Pass if at least one row was decided, else inconclusive."""


def compare(
    a: Sequence[str | os.PathLike[str]],
    b: Sequence[str | os.PathLike[str]],
    options: CompareOptions,
) -> Compared:
    """The sources b compared with the sources a."""
    done = [read(sources, [_measurement(options, [()])], options.reading) for sources in (a, b)]
    sides = [_Side(one.measures[0], (), ENDPOINT) for one in done]
    names = [", ".join(map(str, sources)) for sources in (a, b)]
    return _compared(sides, names, options, _together([one.input for one in done]))


def compare_split(
    sources: Sequence[str | os.PathLike[str]], split: Split, options: CompareOptions
) -> Compared:
    """The requests with the split's second value compared with those with its first."""
    wheres: list[Where] = [((split.column, value),) for value in (split.a, split.b)]
    done = read(sources, [_measurement(options, wheres)], options.reading)
    each = _endpoint_without(wheres[0])
    sides = [_Side(done.measures[0], where, each) for where in wheres]
    names = [f"{split.column}={value}" for value in (split.a, split.b)]
    return _compared(sides, names, options, done.input)


@dataclass(frozen=True, slots=True)
class _Side:
    """The requests of one side."""

    measures: Measures
    where: Where
    each: tuple[str, ...]
    """The columns of an endpoint."""

    def all(self, metric: Metric) -> Measured:
        return self.measures.of(Subject(metric=metric, where=self.where))

    def by_endpoint(self, metric: Metric) -> Measured:
        return self.measures.of(Subject(metric=metric, where=self.where, each=self.each))


def _measurement(options: CompareOptions, wheres: Sequence[Where]) -> Measurement:
    subjects = [
        Subject(metric=metric, where=where, each=each)
        for where in wheres
        for metric in (*options.metrics, METRICS["requests"])
        for each in ((), _endpoint_without(where))
    ]
    return Measurement(subjects, options.window, max_routes=options.reading.max_routes)


def _endpoint_without(where: Where) -> tuple[str, ...]:
    chosen = {column for column, _ in where}
    return tuple(column for column in ENDPOINT if column not in chosen)


def _compared(
    sides: Sequence[_Side], names: Sequence[str], options: CompareOptions, read: InputSummary
) -> Compared:
    a, b = sides
    rows = [row for metric in options.metrics for row in _rows(metric, a, b, options.policy)]
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
            COMPARISON: comparison_table(rows, a.each, options.policy),
            CHANGED: changed_table(b.by_endpoint(requests), a.by_endpoint(requests), a.each),
        },
        timezone=options.tz,
        notes=(
            f"a is {names[0]}, b is {names[1]}",
            *([f"nothing tells {', '.join(silent)}"] if silent else []),
            *notes(read, kept=options.reading.rejects is not None),
        ),
    )
    is_decided = any(row.p_value is not None for row in rows)
    return Compared(report=report, state=State.PASS if is_decided else State.INCONCLUSIVE)


def _rows(metric: Metric, a: _Side, b: _Side, policy: Policy) -> Iterator[Row]:
    """All requests, then each endpoint that both sides have; none if nothing tells the metric."""
    (one,), (other,) = a.all(metric).samples.values(), b.all(metric).samples.values()
    if metric.durations and one.value is None and other.value is None:
        return
    yield from decided(metric, {None: Pair(one, other)}, policy)
    before, after = a.by_endpoint(metric).samples, b.by_endpoint(metric).samples
    both = {key: Pair(before[key], after[key]) for key in before if key in after}
    yield from decided(metric, both, policy)


def _together(inputs: Sequence[InputSummary]) -> InputSummary:
    return InputSummary(
        lines=sum(one.lines for one in inputs),
        records=sum(one.records for one in inputs),
        rejects=sum(one.rejects for one in inputs),
        skipped=sum(one.skipped for one in inputs),
        files=tuple(file for one in inputs for file in one.files),
    )

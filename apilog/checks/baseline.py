"""A baseline: counts by gateway, method and route that later requests are compared with.

It holds statuses and latency buckets and no personal data. Thresholds are measured from it as they
are from logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate import OTHER_TEXT, TableSpec, TableWithInputs
from apilog.aggregate.cube import merge_exprs
from apilog.aggregate.ddsketch import estimate_quantiles
from apilog.checks.baseline_metrics import (
    OwnBaseline,
    all_parts,
    counted_parts,
    derived_accumulators,
    kept_metrics,
)
from apilog.checks.measurement import (
    Measurement,
    MeasurementResult,
    matches_values,
    samples_from,
    with_slices,
)
from apilog.checks.metric_events import events_column
from apilog.checks.samples import SubjectSamples
from apilog.checks.threshold import ENDPOINT_COLUMNS, MetricSubject
from apilog.errors import UsageError
from apilog.metrics import ACCUMULATORS, BUILT_IN, METRICS, Accumulator, Metric, MetricDefinitions
from apilog.routes import NO_TEMPLATES, RouteTemplates
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow

DURATION_COLUMNS = ("duration_ms", "upstream_duration_ms")
DURATION_ACCUMULATORS = {
    column: tuple(a for a in ACCUMULATORS.values() if a.column == column)
    for column in DURATION_COLUMNS
}
"""The accumulators of each column of durations: count, sum, least and greatest."""

_MAX_ROWS = 100_000
_ROUTES = "routes"
_LATENCY_METRICS = tuple(m.name for m in METRICS.values() if m.sampled)
_SLICED_SUBJECT = MetricSubject(metric=METRICS["requests"], each=(*ENDPOINT_COLUMNS, "status"))
_STATUSES_TABLE = TableSpec(
    name="statuses", keys=(*ENDPOINT_COLUMNS, "status"), metrics=("requests",)
)


def baseline_measurement(
    window: TimeWindow,
    max_routes: int = 1000,
    known_routes: Iterable[str] = (),
    definitions: MetricDefinitions = BUILT_IN,
) -> Measurement:
    """Return the measurement that a baseline is made from."""
    kept = kept_metrics(definitions)
    # What has no quantile of its own has a part that brings the histogram.
    sampled = (name for m in kept if m.sampled for name in (m.name, *(p.name for p in m.parts)))
    return Measurement(
        (),
        window,
        tables=(
            TableSpec(
                name=_ROUTES,
                keys=ENDPOINT_COLUMNS,
                metrics=("requests", *_LATENCY_METRICS, *all_parts(kept), *sampled),
            ),
            _STATUSES_TABLE,
        ),
        over_time=(
            _SLICED_SUBJECT,
            *(MetricSubject(metric=m, each=ENDPOINT_COLUMNS) for m in kept if counted_parts(m)),
        ),
        max_routes=max_routes,
        max_rows=_MAX_ROWS,
        known_routes=known_routes,
        definitions=definitions,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBaseline:
    """The content of a baseline file.

    All frames have `gateway`, `method`, `route` and `named`, which is false for rows that sum up
    folded routes.
    """

    version: str
    """The version of apilog that made it."""
    window: TimeWindow
    recorded: TimeWindow
    """The times of its first and its last request, both included."""
    formats: tuple[str, ...]
    where: str | None
    """The condition on requests that it was made with."""
    counts: pl.DataFrame
    """The requests of each `status`."""
    durations: pl.DataFrame
    """The accumulators of `DURATION_ACCUMULATORS`, in microseconds."""
    histograms: Mapping[str, pl.DataFrame]
    """The count `n` of each `bucket`, by the column of durations."""
    slices: pl.DataFrame
    """The requests of each `status` in each slice of time, which starts at `timestamp`."""
    step: str | None
    """The length of the slices; None if there are none."""
    templates: RouteTemplates = NO_TEMPLATES
    """What is known of routes, so that later requests have the same ones."""
    own: OwnBaseline | None = None
    """What it holds of metrics that are not built in."""

    @classmethod
    def from_result(
        cls,
        result: MeasurementResult,
        *,
        version: str,
        formats: Iterable[str],
        where: str | None,
        definitions: MetricDefinitions = BUILT_IN,
        known: RouteTemplates = NO_TEMPLATES,
    ) -> SavedBaseline:
        """Return the baseline from the result of a `baseline_measurement` of the definitions.

        `known` is what was known of routes before.
        """
        routes = result.table_groups(_ROUTES)
        statuses = result.table_groups(_STATUSES_TABLE.name)
        over_time = result.table_over_time(_SLICED_SUBJECT.each)
        keyed = routes.table.select(*ENDPOINT_COLUMNS, routes.is_single_key)
        return cls(
            version=version,
            window=result.window,
            recorded=result.recorded,
            formats=tuple(formats),
            where=where,
            counts=statuses.table.select(
                *ENDPOINT_COLUMNS, statuses.is_single_key, "status", "requests"
            ),
            durations=keyed.hstack(
                routes.sums.select(
                    a.name for several in DURATION_ACCUMULATORS.values() for a in several
                )
            ),
            histograms={
                column: keyed[histogram["row"]].hstack(histogram.select("bucket", "n"))
                for column, histogram in routes.histograms.items()
                if column in DURATION_COLUMNS
            },
            slices=over_time.table.select(
                *ENDPOINT_COLUMNS, over_time.is_single_key, "status", "timestamp", "requests"
            ).drop_nulls("timestamp"),
            step=result.steps[()],
            templates=known.before(result.templates),
            own=_own_of_result(result, keyed, kept_metrics(definitions)),
        )

    @property
    def total(self) -> int:
        """The number of all its requests."""
        return int(self.counts["requests"].sum())

    @property
    def seconds(self) -> float | None:
        """The length of its window."""
        return self.window.seconds

    @property
    def known_routes(self) -> frozenset[str]:
        """The routes that were there."""
        return frozenset(self.counts.filter("named")["route"].drop_nulls())

    def check_subject(self, subject: MetricSubject) -> None:
        """Raise UsageError if the file does not hold what the subject needs."""
        check_kept_columns(subject)
        metric, column = subject.metric, subject.metric.sampled
        if metric.name not in METRICS and column not in DURATION_COLUMNS:
            meant = self.own.definitions.get(metric.name) if self.own else None
            if meant != metric.definition:
                problem = (
                    "does not have" if meant is None else f"has another definition ({meant}) of"
                )
                raise UsageError(
                    f"the baseline file {problem} {metric.name}",
                    "make it again with this configuration: `apilog baseline`",
                )
        elif column and self.histograms[column].is_empty():
            raise UsageError(
                f"the baseline file has no {subject.metric.name}: its logs carried no durations",
                "make it from logs with durations; `apilog detect FILE` tells how to log them",
            )

    def samples_of(self, subject: MetricSubject) -> SubjectSamples:
        """Return the samples of a subject that passes `check_subject`."""
        metric = subject.metric
        if metric.sampled:
            group = self._latency_groups(subject)
            return samples_from(subject, group, self.total, self.seconds)
        if metric.name not in METRICS:
            return self._counted_samples(subject)
        names = [metric.name, *filter(None, [metric.events])]
        needed = {ACCUMULATORS["requests"], *BUILT_IN.accumulators_of(names)}
        sums = _group_subject(self.counts, subject, map(_multiple_of, needed)).with_columns(
            window_seconds=pl.lit(self.seconds, pl.Float64)
        )
        group = _build_groups(subject, sums, [name for name in names if name != "requests"], {})
        samples = samples_from(subject, group, self.total, self.seconds)
        if self.step is None:
            return samples
        return with_slices(samples, self._slices_of(subject), self.step, self.window)

    def _counted_samples(self, subject: MetricSubject) -> SubjectSamples:
        """Return the samples of a proportion or count that is not built in."""
        metric, own = subject.metric, self.own
        assert own is not None
        assert metric.expr is not None
        needed = ("requests", *counted_parts(metric))
        sums = [pl.col(name).sum() for name in needed]
        groups = _group_subject(_with_columns_for(own.counts, needed), subject, sums)
        table = groups.with_columns(metric.expr().alias(metric.column))
        group = TableWithInputs(
            table=table, is_single_key=table["named"], sums=groups, histograms={}
        )
        samples = samples_from(subject, group, self.total, self.seconds)
        if self.step is None:
            return samples
        slices = _group_subject(_with_columns_for(own.slices, needed), subject, sums, "timestamp")
        counts = slices.filter("named").select(
            *subject.each, "timestamp", n=metric.size, events=events_column(metric)
        )
        return with_slices(samples, counts, self.step, self.window)

    def _slices_of(self, subject: MetricSubject) -> pl.DataFrame:
        """Return the `n` requests and `events` of each slice of each value of the subject."""
        counted = METRICS[events_column(subject.metric)]
        needed = {ACCUMULATORS["requests"], *counted.accumulators}
        multiples = map(_multiple_of, needed)
        sums = _group_subject(self.slices, subject, multiples, "timestamp").filter("named")
        assert counted.expr is not None
        return sums.select(*subject.each, "timestamp", n="requests", events=counted.expr())

    def _latency_groups(self, subject: MetricSubject) -> TableWithInputs:
        metric, column = subject.metric, subject.metric.sampled
        assert column is not None
        if column in DURATION_COLUMNS:
            accumulators = DURATION_ACCUMULATORS[column]
            values, histogram = self.durations, self.histograms[column]
        else:
            assert self.own is not None
            accumulators = derived_accumulators(metric)
            values = _with_columns_for(self.own.values, [a.name for a in accumulators])
            histogram = self.own.histograms.get(column, self.histograms[DURATION_COLUMNS[0]][:0])
        sums = _group_subject(values, subject, merge_exprs(accumulators))
        keys = [*subject.each, "named"]
        rolled = (
            _group_subject(histogram, subject, [pl.col("n").sum()], "bucket")
            .join(sums.select(*keys).with_row_index("row"), on=keys, nulls_equal=True)
            .select("row", "bucket", "n")
        )
        # A latency is about the requests with a duration: the others are not in the file.
        sums = sums.with_columns(requests=pl.col(accumulators[0].name))
        definitions = MetricDefinitions.of_metrics([metric])
        if metric.quantile is not None:
            low, high = (sums[a.name] for a in definitions.extremes_of(column))
            quantiles = estimate_quantiles(rolled, {metric.column: metric.quantile}, low, high)
            table = sums.with_row_index("row").join(
                quantiles, on="row", how="left", maintain_order="left"
            )
        else:
            assert metric.expr is not None
            table = sums.with_columns(metric.expr().alias(metric.column))
        return TableWithInputs(
            table=table, is_single_key=table["named"], sums=sums, histograms={column: rolled}
        )


def _own_of_result(
    result: MeasurementResult, keyed: pl.DataFrame, metrics: Sequence[Metric]
) -> OwnBaseline:
    """Return what a baseline holds of these metrics."""
    routes = result.table_groups(_ROUTES)
    parts = ("requests", *all_parts(metrics))
    over_time = result.table_over_time(ENDPOINT_COLUMNS) if len(parts) > 1 else None
    derived = dict.fromkeys(a.name for metric in metrics for a in derived_accumulators(metric))
    return OwnBaseline(
        definitions={metric.name: metric.definition for metric in metrics},
        counts=keyed.hstack(routes.table.select(parts)),
        slices=keyed[:0].with_columns(timestamp=pl.lit(None, TIMESTAMP), requests=0)
        if over_time is None
        else over_time.table.select(
            *ENDPOINT_COLUMNS,
            over_time.is_single_key,
            "timestamp",
            *(part for part in parts if part in over_time.table.columns),
        ).drop_nulls("timestamp"),
        values=keyed.hstack(routes.sums.select(*derived)),
        histograms={
            column: keyed[histogram["row"]].hstack(histogram.select("bucket", "n"))
            for column, histogram in routes.histograms.items()
            if column not in DURATION_COLUMNS
        },
    )


def _with_columns_for(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Return the frame with columns for all names: a file leaves out what is 0 everywhere."""
    missing = [name for name in names if name not in frame.columns]
    return frame.with_columns(
        pl.lit(None if name.endswith((".min", ".max")) else 0, pl.Int64).alias(name)
        for name in missing
    )


def _multiple_of(accumulator: Accumulator) -> pl.Expr:
    """Return an accumulator of rows all of whose requests have one status: a multiple."""
    requests = pl.col("requests")
    return (accumulator.value() * requests).sum().cast(pl.Int64).alias(accumulator.name)


def check_kept_columns(subject: MetricSubject) -> None:
    """Raise UsageError if no baseline file tells the subject's columns apart."""
    columns = {column for column, _ in subject.where} | {*subject.each}
    metric = subject.metric
    tells_status = metric.name in METRICS and not metric.sampled
    kept = {*ENDPOINT_COLUMNS, "status"} if tells_status else {*ENDPOINT_COLUMNS}
    if missing := sorted(columns - kept):
        raise UsageError(
            f"the baseline file does not keep {subject.metric.name} by {', '.join(missing)}",
            "compare with another time of the sources: --baseline-since, --baseline-until",
        )


def _group_subject(
    frame: pl.DataFrame, subject: MetricSubject, aggregates: Iterable[pl.Expr], *further: str
) -> pl.DataFrame:
    """Return the rows that the subject chooses, by its columns, `named` and further ones."""
    named = pl.col("named") if "route" in subject.each else pl.col("gateway").ne_missing(OTHER_TEXT)
    chosen = frame.filter(matches_values(subject.where)) if subject.where else frame
    return (
        chosen.with_columns(named=named if subject.each else pl.lit(value=True))
        .group_by(*subject.each, "named", *further, maintain_order=True)
        .agg(aggregates)
    )


def _build_groups(
    subject: MetricSubject,
    sums: pl.DataFrame,
    names: Iterable[str],
    histograms: dict[str, pl.DataFrame],
) -> TableWithInputs:
    metrics = (METRICS[name] for name in names)
    table = sums.with_columns(m.expr().alias(m.column) for m in metrics if m.expr)
    return TableWithInputs(
        table=table, is_single_key=table["named"], sums=sums, histograms=histograms
    )

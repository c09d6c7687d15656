"""A baseline: counts by gateway, method and route that later requests are compared with.

It holds statuses and latency buckets and no personal data. Thresholds are measured from it as they
are from logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.aggregate import OTHER_TEXT, TableSpec, TableWithInputs
from apilog.aggregate.cube import merge_exprs
from apilog.aggregate.ddsketch import estimate_quantiles
from apilog.checks.measurement import (
    Measurement,
    MeasurementResult,
    SubjectSamples,
    events_column,
    matches_values,
    samples_from,
    with_slices,
)
from apilog.checks.threshold import ENDPOINT_COLUMNS, MetricSubject
from apilog.errors import UsageError
from apilog.metrics import ACCUMULATORS, BUILT_IN, METRICS, Accumulator
from apilog.time import TimeWindow

DURATION_COLUMNS = ("duration_ms", "upstream_duration_ms")
DURATION_ACCUMULATORS = {
    column: tuple(a for a in ACCUMULATORS.values() if a.column == column)
    for column in DURATION_COLUMNS
}
"""The accumulators of each column of durations: count, sum, least and greatest."""

_MAX_ROWS = 100_000
_LATENCY_METRICS = tuple(m.name for m in METRICS.values() if m.sampled)
ROUTES_TABLE = TableSpec(
    name="routes", keys=ENDPOINT_COLUMNS, metrics=("requests", *_LATENCY_METRICS)
)
_SLICED_SUBJECT = MetricSubject(metric=METRICS["requests"], each=(*ENDPOINT_COLUMNS, "status"))
_STATUSES_TABLE = TableSpec(
    name="statuses", keys=(*ENDPOINT_COLUMNS, "status"), metrics=("requests",)
)


def baseline_measurement(
    window: TimeWindow, max_routes: int = 1000, known_routes: Iterable[str] = ()
) -> Measurement:
    """Return the measurement that a baseline is made from."""
    return Measurement(
        (),
        window,
        tables=(ROUTES_TABLE, _STATUSES_TABLE),
        over_time=(_SLICED_SUBJECT,),
        max_routes=max_routes,
        max_rows=_MAX_ROWS,
        known_routes=known_routes,
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

    @classmethod
    def from_result(
        cls, result: MeasurementResult, *, version: str, formats: Iterable[str], where: str | None
    ) -> SavedBaseline:
        """Return the baseline from the result of a `baseline_measurement`."""
        routes = result.table_groups(ROUTES_TABLE.name)
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
            },
            slices=over_time.table.select(
                *ENDPOINT_COLUMNS, over_time.is_single_key, "status", "timestamp", "requests"
            ).drop_nulls("timestamp"),
            step=result.steps[()],
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
        column = subject.metric.sampled
        if column and self.histograms[column].is_empty():
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
        sums = _group_subject(self.durations, subject, merge_exprs(DURATION_ACCUMULATORS[column]))
        keys = [*subject.each, "named"]
        histogram = (
            _group_subject(self.histograms[column], subject, [pl.col("n").sum()], "bucket")
            .join(sums.select(*keys).with_row_index("row"), on=keys, nulls_equal=True)
            .select("row", "bucket", "n")
        )
        # A latency is about the requests with a duration: the others are not in the file.
        sums = sums.with_columns(requests=pl.col(DURATION_ACCUMULATORS[column][0].name))
        names = [metric.name]
        if metric.quantile:
            low, high = (sums[a.name] for a in BUILT_IN.extremes_of(column))
            quantiles = estimate_quantiles(histogram, {metric.column: metric.quantile}, low, high)
            sums = sums.with_row_index("row").join(
                quantiles, on="row", how="left", maintain_order="left"
            )
            names = []
        return _build_groups(subject, sums, names, {column: histogram})


def _multiple_of(accumulator: Accumulator) -> pl.Expr:
    """Return an accumulator of rows all of whose requests have one status: a multiple."""
    requests = pl.col("requests")
    return (accumulator.value() * requests).sum().cast(pl.Int64).alias(accumulator.name)


def check_kept_columns(subject: MetricSubject) -> None:
    """Raise UsageError if no baseline file tells the subject's columns apart."""
    columns = {column for column, _ in subject.where} | {*subject.each}
    kept = {*ENDPOINT_COLUMNS} if subject.metric.sampled else {*ENDPOINT_COLUMNS, "status"}
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

"""A baseline: what was counted once, by gateway, method and route, to compare with later.

It holds statuses and buckets of durations and nothing of any person. Thresholds are measured
out of it as they are out of logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.aggregate import OTHER_TEXT, Groups, TableSpec
from apilog.aggregate.cube import merged
from apilog.aggregate.histogram import quantiles
from apilog.aggregate.plan import extreme
from apilog.aggregate.tables import accumulators_of
from apilog.checks.measure import Measurement, Measures, Window, chosen_by, measured
from apilog.checks.samples import Measured
from apilog.checks.threshold import ENDPOINT, Subject
from apilog.errors import UsageError
from apilog.metrics import ACCUMULATORS, METRICS, Merge

DURATIONS = ("duration_ms", "upstream_duration_ms")
OF_DURATIONS = {
    column: tuple(a.name for a in ACCUMULATORS.values() if a.column == column)
    for column in DURATIONS
}
"""For each column of durations its accumulators: how many, their sum, least and greatest."""

_MAX_ROWS = 100_000
_LATENCIES = tuple(m.name for m in METRICS.values() if m.durations)
ROUTES = TableSpec(name="routes", keys=ENDPOINT, metrics=("requests", *_LATENCIES))
_STATUSES = TableSpec(name="statuses", keys=(*ENDPOINT, "status"), metrics=("requests",))


def baseline_measurement(window: Window, max_routes: int = 1000) -> Measurement:
    """What has to be measured to make a baseline."""
    return Measurement(
        (), window, tables=(ROUTES, _STATUSES), max_routes=max_routes, max_rows=_MAX_ROWS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBaseline:
    """What a baseline file holds. All frames have `gateway`, `method`, `route` and `named`,
    which is false for the rows that sum up routes that were folded.
    """

    version: str
    """Of apilog, when it was made."""
    window: Window
    formats: tuple[str, ...]
    where: str | None
    """The condition on requests it was made with."""
    counts: pl.DataFrame
    """And `status`, `requests`."""
    durations: pl.DataFrame
    """And the accumulators of `OF_DURATIONS`, in microseconds."""
    histograms: Mapping[str, pl.DataFrame]
    """For each column of durations; and `bucket`, `n`."""

    @classmethod
    def from_measures(
        cls, measures: Measures, *, version: str, formats: Iterable[str], where: str | None
    ) -> SavedBaseline:
        """The baseline out of a `baseline_measurement`."""
        routes, statuses = measures.group(ROUTES.name), measures.group(_STATUSES.name)
        keyed = routes.table.select(*ENDPOINT, routes.named)
        return cls(
            version=version,
            window=measures.window,
            formats=tuple(formats),
            where=where,
            counts=statuses.table.select(*ENDPOINT, statuses.named, "status", "requests"),
            durations=keyed.hstack(
                routes.sums.select(name for names in OF_DURATIONS.values() for name in names)
            ),
            histograms={
                column: keyed[histogram["row"]].hstack(histogram.select("bucket", "n"))
                for column, histogram in routes.histograms.items()
            },
        )

    @property
    def total(self) -> int:
        """All its requests."""
        return int(self.counts["requests"].sum())

    @property
    def seconds(self) -> float | None:
        """Length of its window."""
        if self.window.since is None or self.window.until is None:
            return None
        return (self.window.until - self.window.since).total_seconds()

    def check(self, subject: Subject) -> None:
        """Raise UsageError if it can't tell the subject."""
        columns = {column for column, _ in subject.where} | {*subject.each}
        kept = {*ENDPOINT} if subject.metric.durations else {*ENDPOINT, "status"}
        if missing := sorted(columns - kept):
            raise UsageError(
                f"the baseline file does not keep {subject.metric.name} by {', '.join(missing)}",
                "compare with another time of the sources: --baseline-since, --baseline-until",
            )
        column = subject.metric.durations
        if column and self.histograms[column].is_empty():
            raise UsageError(
                f"the baseline file has no {subject.metric.name}: its logs carried no durations",
                "make it from logs with durations; `apilog detect FILE` tells how to log them",
            )

    def of(self, subject: Subject) -> Measured:
        """The samples of a subject that passes `check`."""
        group = self._timed(subject) if subject.metric.durations else self._counted(subject)
        return measured(subject, group, self.total, self.seconds)

    def _counted(self, subject: Subject) -> Groups:
        metric = subject.metric
        names = [metric.name, *filter(None, [metric.events])]
        needed = sorted({"requests", *accumulators_of(names)})
        each_times = (
            (ACCUMULATORS[a].value() * pl.col("requests")).sum().cast(pl.Int64).alias(a)
            for a in needed
        )
        sums = _grouped(self.counts, subject, each_times).with_columns(
            window_seconds=pl.lit(self.seconds, pl.Float64)
        )
        return _as_groups(subject, sums, [name for name in names if name != "requests"], {})

    def _timed(self, subject: Subject) -> Groups:
        metric, column = subject.metric, subject.metric.durations
        assert column is not None
        sums = _grouped(self.durations, subject, merged(OF_DURATIONS[column]))
        keys = [*subject.each, "named"]
        histogram = (
            _grouped(self.histograms[column], subject, [pl.col("n").sum()], "bucket")
            .join(sums.select(*keys).with_row_index("row"), on=keys, nulls_equal=True)
            .select("row", "bucket", "n")
        )
        # Nobody asks a latency how many requests had none.
        sums = sums.with_columns(requests=pl.col(OF_DURATIONS[column][0]))
        names = [metric.name]
        if metric.quantile:
            low, high = (sums[extreme(column, merge)] for merge in (Merge.MIN, Merge.MAX))
            found = quantiles(histogram, {metric.column: metric.quantile}, low, high)
            sums = sums.with_row_index("row").join(
                found, on="row", how="left", maintain_order="left"
            )
            names = []
        return _as_groups(subject, sums, names, {column: histogram})


def _grouped(
    frame: pl.DataFrame, subject: Subject, aggregates: Iterable[pl.Expr], *further: str
) -> pl.DataFrame:
    """What the subject chooses, by its columns, `named` and further ones."""
    named = pl.col("named") if "route" in subject.each else pl.col("gateway") != OTHER_TEXT
    chosen = frame.filter(chosen_by(subject.where)) if subject.where else frame
    return (
        chosen.with_columns(named=named if subject.each else pl.lit(value=True))
        .group_by(*subject.each, "named", *further, maintain_order=True)
        .agg(aggregates)
    )


def _as_groups(
    subject: Subject,
    sums: pl.DataFrame,
    names: Iterable[str],
    histograms: dict[str, pl.DataFrame],
) -> Groups:
    metrics = (METRICS[name] for name in names)
    table = sums.with_columns(m.expr().alias(m.column) for m in metrics if m.expr)
    return Groups(table=table, named=table["named"], sums=sums, histograms=histograms)

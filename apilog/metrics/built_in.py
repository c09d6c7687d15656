"""The built-in metrics: the catalogue where each metric is defined once.

Reports, thresholds, alerts and documentation read this.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from apilog.metrics.definitions import (
    Accumulator,
    DerivedColumn,
    MergeRule,
    Metric,
    MetricKind,
    Unit,
)
from apilog.report_model import ReportMetric
from apilog.schema import GUESSED_ROUTE, TIMESTAMP


def is_client_error() -> pl.Expr:
    """Return the condition that the client got a 4xx."""
    return pl.col("status").is_between(400, 499)


def is_server_error() -> pl.Expr:
    """Return the condition that the client got a 5xx."""
    return pl.col("status").is_between(500, 599)


def divide_by(value: pl.Expr, divisor: int | pl.Expr) -> pl.Expr:
    """Return the quotient as the nearest float, so that 183878 / 1000 is written as 183.878."""
    # By one number for all rows Polars multiplies with its reciprocal, which may be off by the last
    # bit: `prim_true_div_scalar` in
    # https://github.com/pola-rs/polars/blob/main/crates/polars-compute/src/arithmetic/float.rs
    return value / (value * 0 + divisor)


def microseconds_as_ms(micros: pl.Expr) -> pl.Expr:
    """Return whole microseconds in milliseconds."""
    return divide_by(micros, 1000)


def _count_known(name: str, column: str) -> Accumulator:
    return Accumulator(
        name=name, column=column, value=lambda: pl.col(column).is_not_null(), is_count=True
    )


def _latency_accumulators(prefix: str, column: str) -> tuple[Accumulator, ...]:
    def acc(suffix: str, merge: MergeRule) -> Accumulator:
        return Accumulator(name=f"{prefix}_{suffix}", column=column, value=micros, merge=merge)

    def micros() -> pl.Expr:
        # Sums of integers are the same in whatever order chunks are merged; those of floats differ.
        return (pl.col(column) * 1000).round().cast(pl.Int64)

    return (
        _count_known(f"{prefix}_n", column),
        acc("us", MergeRule.SUM),
        acc("min_us", MergeRule.MIN),
        acc("max_us", MergeRule.MAX),
    )


def _size_accumulators(column: str) -> tuple[Accumulator, ...]:
    return (
        _count_known(f"{column}_n", column),
        Accumulator(name=column, column=column, value=lambda: pl.col(column)),
    )


def _one() -> pl.Expr:
    # A function with a name, so that metrics made of it can be sent to other processes.
    return pl.lit(1)


ACCUMULATORS: dict[str, Accumulator] = {
    a.name: a
    for a in (
        Accumulator(name="requests", column=None, value=_one),
        Accumulator(name="client_errors", column="status", value=is_client_error),
        Accumulator(name="server_errors", column="status", value=is_server_error),
        Accumulator(name="not_found", column="status", value=lambda: pl.col("status") == 404),
        _count_known("guessed", GUESSED_ROUTE),
        *_latency_accumulators("latency", "duration_ms"),
        *_latency_accumulators("upstream_latency", "upstream_duration_ms"),
        *_size_accumulators("request_bytes"),
        *_size_accumulators("response_bytes"),
        *_size_accumulators("input_tokens"),
        *_size_accumulators("output_tokens"),
        Accumulator(
            name="protocol_errors",
            column="error_source",
            value=lambda: pl.col("error_source") == "protocol",
        ),
        *(
            Accumulator(
                name=name,
                column="timestamp",
                value=lambda: pl.col("timestamp"),
                merge=rule,
                dtype=TIMESTAMP,
            )
            for name, rule in (("first_seen", MergeRule.MIN), ("last_seen", MergeRule.MAX))
        ),
    )
}


def _error_metrics(prefix: str, answered: str, *counts: str) -> tuple[Metric, Metric]:
    """Return the number of requests with errors, a sum of these accumulators, and their share."""

    def errors() -> pl.Expr:
        return functools.reduce(operator.add, map(pl.col, counts))

    name = f"{prefix}errors"
    counted = tuple(ACCUMULATORS[count] for count in counts)
    return (
        Metric(
            name=name,
            unit=Unit.COUNT,
            definition=f"Requests answered {answered}.",
            accumulators=counted,
            expr=errors,
            better="lower",
            kind=MetricKind.COUNT,
        ),
        Metric(
            name=f"{prefix}error_rate",
            unit=Unit.RATIO,
            definition=f"{name} / requests; null without requests.",
            accumulators=(ACCUMULATORS["requests"], *counted),
            expr=lambda: pl.when(pl.col("requests") > 0).then(errors() / pl.col("requests")),
            better="lower",
            kind=MetricKind.PROPORTION,
            events=name,
        ),
    )


def _latency_metrics(prefix: str, column: str, what: str) -> tuple[Metric, ...]:
    n, us, low, high = (f"{prefix}_{s}" for s in ("n", "us", "min_us", "max_us"))
    ms = Unit.MILLISECONDS
    quantiles = (
        Metric(
            name=f"{prefix}_p{round(q * 100)}",
            unit=ms,
            definition=f"{round(q * 100)} % of {what} are at most this, within 1 %.",
            histogram=column,
            quantile=q,
            sampled=column,
            better="lower",
            kind=MetricKind.QUANTILE,
        )
        for q in (0.50, 0.90, 0.95, 0.99)
    )
    return (
        Metric(
            name=f"{prefix}_mean",
            unit=ms,
            definition=f"Arithmetic mean of {what}.",
            accumulators=(ACCUMULATORS[n], ACCUMULATORS[us]),
            sampled=column,
            expr=lambda: pl.when(pl.col(n) > 0).then(pl.col(us) / (pl.col(n) * 1000)),
            better="lower",
            kind=MetricKind.MEAN,
        ),
        Metric(
            name=f"{prefix}_min",
            unit=ms,
            definition=f"Shortest of {what}, exact.",
            accumulators=(ACCUMULATORS[low],),
            sampled=column,
            expr=lambda: microseconds_as_ms(pl.col(low)),
            better="lower",
        ),
        Metric(
            name=f"{prefix}_max",
            unit=ms,
            definition=f"Longest of {what}, exact.",
            accumulators=(ACCUMULATORS[high],),
            sampled=column,
            expr=lambda: microseconds_as_ms(pl.col(high)),
            better="lower",
        ),
        *quantiles,
    )


def _size_metric(column: str, definition: str) -> Metric:
    return Metric(
        name=column,
        unit=Unit.BYTES,
        definition=definition,
        accumulators=(ACCUMULATORS[column], ACCUMULATORS[f"{column}_n"]),
        expr=lambda: pl.when(pl.col(f"{column}_n") > 0).then(pl.col(column)),
    )


def _token_metric(column: str, definition: str) -> Metric:
    return replace(_size_metric(column, definition), unit=Unit.COUNT)


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric(
            name="requests",
            unit=Unit.COUNT,
            definition="Requests, those without a status included.",
            accumulators=(ACCUMULATORS["requests"],),
            expr=lambda: pl.col("requests"),
            kind=MetricKind.COUNT,
        ),
        Metric(
            name="request_rate",
            unit=Unit.PER_SECOND,
            definition="Requests per second of the window: the limits given, else first to last "
            "record; of a bucket of time, per second of its part of the window.",
            accumulators=(ACCUMULATORS["requests"],),
            expr=lambda: pl.when(pl.col("window_seconds") > 0).then(
                divide_by(pl.col("requests"), pl.col("window_seconds"))
            ),
            kind=MetricKind.RATE,
        ),
        *_error_metrics("", "4xx or 5xx", "client_errors", "server_errors"),
        *_error_metrics("client_", "4xx", "client_errors"),
        *_error_metrics("server_", "5xx", "server_errors"),
        *_latency_metrics("latency", "duration_ms", "the known durations of requests"),
        *_latency_metrics(
            "upstream_latency",
            "upstream_duration_ms",
            "the known times in the service behind the gateway",
        ),
        _size_metric("request_bytes", "Sum of the known request sizes."),
        _size_metric("response_bytes", "Sum of the known response sizes."),
        Metric(
            name="protocol_errors",
            unit=Unit.COUNT,
            definition="Requests answered below 400 whose answer carries an error of JSON-RPC; "
            "errors does not count them.",
            accumulators=(ACCUMULATORS["protocol_errors"],),
            expr=lambda: pl.col("protocol_errors"),
            better="lower",
        ),
        _token_metric("input_tokens", "Sum of the known tokens of prompts."),
        _token_metric("output_tokens", "Sum of the known tokens of answers."),
        Metric(
            name="consumers",
            unit=Unit.COUNT,
            definition="Distinct consumers; null where no record names any.",
            distinct="consumer",
        ),
        Metric(
            name="clients",
            unit=Unit.COUNT,
            definition="Distinct client addresses; null where no record has one.",
            distinct="client_ip",
        ),
        Metric(
            name="last_seen",
            unit=Unit.TIMESTAMP,
            definition="Time of the newest request.",
            accumulators=(ACCUMULATORS["last_seen"],),
            expr=lambda: pl.col("last_seen"),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class MetricDefinitions:
    """The metrics that a plan may name: the built-in ones, and others that have other names."""

    own: tuple[Metric, ...] = ()

    @classmethod
    def of_metrics(cls, metrics: Iterable[Metric]) -> MetricDefinitions:
        """Return the definitions of these metrics and their parts, beside the built-in ones."""
        named = {
            each.name: each
            for metric in metrics
            for each in (metric, *metric.parts)
            if each.name not in METRICS
        }
        return cls(tuple(named.values()))

    @property
    def named(self) -> tuple[Metric, ...]:
        """The metrics beside the built-in ones that people name; a part's name has a dot."""
        return tuple(metric for metric in self.own if "." not in metric.name)

    @property
    def objectives(self) -> tuple[Metric, ...]:
        """The metrics that have an objective to reach, in their order."""
        return tuple(metric for metric in self.own if metric.objective)

    def describe(self) -> tuple[ReportMetric, ...]:
        """Return what outputs have to know of the metrics beside the built-in ones."""
        return tuple(
            ReportMetric(
                name=metric.name,
                column=metric.column,
                unit=metric.unit,
                definition=metric.definition,
            )
            for metric in self.named
        )

    def __getitem__(self, name: str) -> Metric:
        """Return the metric of that name; raises KeyError if there is none."""
        if name in METRICS:
            return METRICS[name]
        for metric in self.own:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        """Return whether there is a metric of that name."""
        return name in METRICS or any(metric.name == name for metric in self.own)

    def accumulators_of(self, names: Iterable[str]) -> frozenset[Accumulator]:
        """Return the accumulators that these metrics need."""
        return frozenset(a for name in names for a in self[name].accumulators)

    def histograms_of(self, names: Iterable[str]) -> frozenset[str]:
        """Return the columns whose histograms these metrics need."""
        return frozenset(h for name in names if (h := self[name].histogram))

    def distinct_of(self, names: Iterable[str]) -> frozenset[str]:
        """Return the columns whose distinct values these metrics count."""
        return frozenset(d for name in names if (d := self[name].distinct))

    def derived_of(self, names: Iterable[str]) -> frozenset[DerivedColumn]:
        """Return the derived columns that these metrics need."""
        return frozenset(d for name in names for d in self[name].derived)

    def extremes_of(self, column: str) -> tuple[Accumulator, Accumulator]:
        """Return the accumulators of the smallest and the largest value of a histogram's column."""
        own = (a for metric in self.own for a in metric.accumulators)
        by_rule = {a.merge: a for a in (*ACCUMULATORS.values(), *own) if a.column == column}
        return by_rule[MergeRule.MIN], by_rule[MergeRule.MAX]


BUILT_IN = MetricDefinitions()


def find_metric(word: str) -> str | None:
    """Return the metric that people call so; None if there is none.

    >>> find_metric("p95_ms"), find_metric("Error_Rate"), find_metric("5xx"), find_metric("status")
    ('latency_p95', 'error_rate', None, None)
    """
    name = word.casefold().removesuffix("_ms")
    name = _METRIC_NICKNAMES.get(name, name)
    return next((n for n in (name, f"latency_{name}") if n in METRICS), None)


_METRIC_NICKNAMES = {
    "count": "requests",
    "hits": "requests",
    "rps": "request_rate",
    "errorrate": "error_rate",
    "failure_rate": "error_rate",
    "median": "latency_p50",
    "avg": "latency_mean",
    "average": "latency_mean",
    **{
        f"{name}_latency": f"latency_{name}" for name in ("mean", "max", "p50", "p90", "p95", "p99")
    },
    **{f"latency_{name}th": f"latency_p{name}" for name in ("90", "95", "99")},
}

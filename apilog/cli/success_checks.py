"""Thresholds on success metrics: what `check` measures of the accounts beside the requests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.checks import MetricCatalogue, SampleKey, SubjectSamples, Threshold
    from apilog.cli.lifecycle import MeasureCommandOptions
    from apilog.developer_success import SuccessOptions
    from apilog.developer_success.success_metrics import SuccessValue


def success_catalogue() -> MetricCatalogue:
    """The success metrics, as thresholds name them."""
    from apilog.checks import MetricCatalogue
    from apilog.developer_success.success_metrics import ROW_KEYS, SUCCESS_METRICS
    from apilog.metrics import Metric, MetricKind

    metrics = {
        name: Metric(
            name=name,
            unit=metric.unit,
            definition=metric.definition,
            better=metric.better,
            kind=MetricKind.PROPORTION if metric.is_proportion else MetricKind.OTHER,
            sample="account",
        )
        for name, metric in SUCCESS_METRICS.items()
    }
    return MetricCatalogue(metrics=metrics, columns=ROW_KEYS)


def success_thresholds(thresholds: Sequence[Threshold]) -> list[Threshold]:
    """Those that are about success metrics.

    Raises UsageError for one that a metric can't be held to: a baseline, or a column that doesn't
    tell it apart.
    """
    from apilog.developer_success.success_metrics import SUCCESS_METRICS

    found = [threshold for threshold in thresholds if threshold.metric.name in SUCCESS_METRICS]
    for threshold in found:
        name = threshold.metric.name
        if threshold.is_comparison:
            raise UsageError(f"{threshold}: {name} is not in a baseline", "give a number")
        keys = SUCCESS_METRICS[name].keys
        for column in (*dict(threshold.where), *threshold.each):
            if column not in keys:
                known = f"it is told apart by {', '.join(keys)}" if keys else "leave it out"
                raise UsageError(f"{threshold}: {name} has no column {column!r}", known)
    return found


def join_options(
    accounts: SuccessOptions,
    asked: MeasureCommandOptions,
    *,
    as_of: str | None,
    since: str | None,
    until: str | None,
    tz: str,
) -> SuccessOptions:
    """The accounts joined with the same calls as are checked; without goals."""
    return replace(
        accounts,
        as_of=as_of,
        since=since,
        until=until,
        tz=tz,
        where=asked.where,
        log_format=asked.log_format,
        nginx_conf=asked.nginx_conf,
        routes=asked.routes,
        goals={},
    )


def measure_success(
    sources: Sequence[str | os.PathLike[str]],
    thresholds: Sequence[Threshold],
    options: SuccessOptions,
) -> dict[Threshold, SubjectSamples]:
    """What the thresholds are held against; the sources are read for it.

    Raises UsageError for standard input, which the requests are measured of as well.
    """
    from apilog.developer_success import build_success_report
    from apilog.developer_success.success_metrics import success_values

    if not thresholds:
        return {}
    if "-" in [os.fspath(source) for source in sources]:
        raise UsageError(
            "standard input can't be read twice, for requests and for accounts",
            "save the log to a file, or `apilog ingest` it",
        )
    found = success_values(build_success_report(sources, options).tables)
    return {threshold: _measure_threshold(threshold, found) for threshold in thresholds}


def _measure_threshold(threshold: Threshold, values: Sequence[SuccessValue]) -> SubjectSamples:
    from apilog.checks import MetricSample, SubjectSamples

    own = [value for value in values if value.name == threshold.metric.name]
    chosen = dict(threshold.where)
    columns = {*chosen, *threshold.each}
    samples: dict[SampleKey, MetricSample] = {
        tuple(value.keys[column] for column in threshold.each): MetricSample(
            value=value.value, size=value.n, events=value.events
        )
        for value in own
        if set(value.keys) == columns and chosen.items() <= value.keys.items()
    }
    return SubjectSamples(samples=samples, total=sum(value.n for value in own))

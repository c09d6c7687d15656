"""Thresholds on success metrics: what `check` measures of the accounts beside the requests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.checks import Catalogue, Key, Measured, Threshold
    from apilog.cli.checking import ReadOptions
    from apilog.success import SuccessOptions
    from apilog.success.metrics import Value


def catalogue() -> Catalogue:
    """The success metrics, as thresholds name them."""
    from apilog.checks import Catalogue
    from apilog.metrics import Kind, Metric
    from apilog.success.metrics import KEYS, METRICS

    metrics = {
        name: Metric(
            name=name,
            unit=metric.unit,
            definition=metric.definition,
            better=metric.better,
            kind=Kind.PROPORTION if metric.is_proportion else Kind.OTHER,
            sample="account",
        )
        for name, metric in METRICS.items()
    }
    return Catalogue(metrics=metrics, columns=KEYS)


def are_success(thresholds: Sequence[Threshold]) -> list[Threshold]:
    """Those that are about success metrics.

    Raises UsageError for one that a metric can't be held to: a baseline, or a column that doesn't
    tell it apart.
    """
    from apilog.success.metrics import METRICS

    found = [threshold for threshold in thresholds if threshold.metric.name in METRICS]
    for threshold in found:
        name = threshold.metric.name
        if threshold.is_comparison:
            raise UsageError(f"{threshold}: {name} is not in a baseline", "give a number")
        keys = METRICS[name].keys
        for column in (*dict(threshold.where), *threshold.each):
            if column not in keys:
                known = f"it is told apart by {', '.join(keys)}" if keys else "leave it out"
                raise UsageError(f"{threshold}: {name} has no column {column!r}", known)
    return found


def joining(
    accounts: SuccessOptions,
    asked: ReadOptions,
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


def measured(
    sources: Sequence[str | os.PathLike[str]],
    thresholds: Sequence[Threshold],
    options: SuccessOptions,
) -> dict[Threshold, Measured]:
    """What the thresholds are held against; the sources are read for it.

    Raises UsageError for standard input, which the requests are measured of as well.
    """
    from apilog.success import build
    from apilog.success.metrics import values

    if not thresholds:
        return {}
    if "-" in [os.fspath(source) for source in sources]:
        raise UsageError(
            "standard input can't be read twice, for requests and for accounts",
            "save the log to a file, or `apilog ingest` it",
        )
    found = values(build(sources, options).tables)
    return {threshold: _measured(threshold, found) for threshold in thresholds}


def _measured(threshold: Threshold, values: Sequence[Value]) -> Measured:
    from apilog.checks import Measured, Sample

    own = [value for value in values if value.name == threshold.metric.name]
    chosen = dict(threshold.where)
    columns = {*chosen, *threshold.each}
    samples: dict[Key, Sample] = {
        tuple(value.keys[column] for column in threshold.each): Sample(
            value=value.value, size=value.n, events=value.events
        )
        for value in own
        if set(value.keys) == columns and chosen.items() <= value.keys.items()
    }
    return Measured(samples=samples, total=sum(value.n for value in own))

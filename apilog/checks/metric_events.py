"""The events that metrics count, as tests of significance need them."""

from __future__ import annotations

import polars as pl

from apilog.metrics import Metric, MetricKind


def events_column(metric: Metric) -> str:
    """Return the metric that counts the events of this one."""
    return metric.events or (metric.column if metric.kind is MetricKind.COUNT else "requests")


def event_counts(metric: Metric, table: pl.DataFrame) -> list[int | None]:
    """Return the events of each row, where the metric counts any."""
    match metric.kind:
        case MetricKind.PROPORTION:
            events = table[metric.events]
            if metric.outside:
                events = events.set(table[metric.outside] > 0, None)
            return events.to_list()
        case MetricKind.COUNT:
            return table[metric.column].to_list()
        case MetricKind.RATE:
            return table["requests"].to_list()
        case _:
            return [None] * table.height

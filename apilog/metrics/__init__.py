"""The metric catalogue, where each metric is defined once.

What a metric is made of is in `definitions`, the metrics that apilog has in `built_in`.
"""

from __future__ import annotations

from apilog.metrics.built_in import (
    ACCUMULATORS,
    BUILT_IN,
    METRICS,
    MetricDefinitions,
    divide_by,
    find_metric,
    is_client_error,
    is_server_error,
    microseconds_as_ms,
)
from apilog.metrics.definitions import (
    Accumulator,
    DerivedColumn,
    MergeRule,
    Metric,
    MetricKind,
    Objective,
    Unit,
)
from apilog.metrics.specified import SPECIFIED_METRICS
from apilog.metrics.summed import SummedMetric, summed_metric

__all__ = [
    "ACCUMULATORS",
    "BUILT_IN",
    "METRICS",
    "SPECIFIED_METRICS",
    "Accumulator",
    "DerivedColumn",
    "MergeRule",
    "Metric",
    "MetricDefinitions",
    "MetricKind",
    "Objective",
    "SummedMetric",
    "Unit",
    "divide_by",
    "find_metric",
    "is_client_error",
    "is_server_error",
    "microseconds_as_ms",
    "summed_metric",
]

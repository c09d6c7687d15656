"""Metrics of the user's own: `[metrics.NAME]` and `[slo.NAME]` of the configuration, and apdex.

Each becomes a `Metric` like the built-in ones: sums, sets and histograms of values that SQL gives
for each record. From then on nothing knows that it is not built in.
"""

from __future__ import annotations

from apilog.own_metrics.declare import (
    APDEX,
    declare_metric,
    declare_objective,
    is_objective,
    own_definitions,
)

__all__ = ["APDEX", "declare_metric", "declare_objective", "is_objective", "own_definitions"]

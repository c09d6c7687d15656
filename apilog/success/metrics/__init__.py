"""Success metrics: their catalogue, and their values in a finished report."""

from __future__ import annotations

from apilog.success.metrics.catalogue import KEYS, METRICS, SuccessMetric, metric_named
from apilog.success.metrics.values import Value, value_of, values

__all__ = ["KEYS", "METRICS", "SuccessMetric", "Value", "metric_named", "value_of", "values"]

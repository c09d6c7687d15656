"""Checks: thresholds, what they are measured by, and whether they hold.

`parse_threshold` reads one, `evaluate_threshold` holds it against samples.
"""

from __future__ import annotations

from apilog.checks.evaluate import DecisionPolicy, ThresholdResult, evaluate_threshold
from apilog.checks.grammar import parse_threshold
from apilog.checks.samples import MetricSample, SampleKey, SubjectSamples
from apilog.checks.threshold import (
    REQUEST_METRICS,
    BaselineLimit,
    FixedLimit,
    MetricCatalogue,
    Threshold,
)

__all__ = [
    "REQUEST_METRICS",
    "BaselineLimit",
    "DecisionPolicy",
    "FixedLimit",
    "MetricCatalogue",
    "MetricSample",
    "SampleKey",
    "SubjectSamples",
    "Threshold",
    "ThresholdResult",
    "evaluate_threshold",
    "parse_threshold",
]

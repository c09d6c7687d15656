"""Checks: thresholds, what they are measured by, and whether they hold.

`parse_threshold` reads one, `evaluate` holds it against what was measured.
"""

from __future__ import annotations

from apilog.checks.catalogue import ANOMALIES, REQUESTS, Catalogue
from apilog.checks.evaluate import Policy, Result, State, evaluate, overall
from apilog.checks.grammar import parse_threshold
from apilog.checks.samples import Key, Measured, Sample
from apilog.checks.threshold import Baseline, Fixed, Operator, Quantity, Threshold

__all__ = [
    "ANOMALIES",
    "REQUESTS",
    "Baseline",
    "Catalogue",
    "Fixed",
    "Key",
    "Measured",
    "Operator",
    "Policy",
    "Quantity",
    "Result",
    "Sample",
    "State",
    "Threshold",
    "evaluate",
    "overall",
    "parse_threshold",
]

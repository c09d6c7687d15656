"""`anomaly(METRIC)`: how unlike the same hour of earlier days the last whole hour was.

The value is the score of `apilog.aggregate.anomalies` without its sign, so that `< 6` is broken
by spikes and by drops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apilog.aggregate import SCORE
from apilog.checks.catalogue import Catalogue
from apilog.checks.evaluate import Result, State
from apilog.checks.threshold import Fixed, Operator, Quantity, Threshold
from apilog.metrics import Metric, Unit
from apilog.units import format_count, format_ratio

SCORED = {f"anomaly({metric})": metric for metric in ("requests", "error_rate")}
"""The metrics of thresholds, and what of an hour each of them scores."""

ANOMALIES = Catalogue(
    metrics={
        name: Metric(
            name=name,
            unit=Unit.COUNT,
            definition=f"How unlike the same hour of earlier days the last hour is by {metric}.",
            better="lower",
        )
        for name, metric in SCORED.items()
    },
    columns=(),
    usual=(Operator.LESS, Fixed(quantity=Quantity(number=f"{SCORE:g}", value=SCORE))),
)
"""What can be unusual; alone it has to score less than what reports list."""

_UNJUDGED = "the last hour is not known whole, or has fewer than 3 earlier days"


def evaluate_hour(threshold: Threshold, hour: Mapping[str, Any] | None) -> Result:
    """Whether the threshold holds for an hour as `score_hours` gives it; None: it can't be told."""
    assert isinstance(threshold.limit, Fixed)
    limit = threshold.limit.quantity.value
    result = Result(threshold=threshold, key=(), state=State.INCONCLUSIVE, reason=_UNJUDGED)
    if hour is None or hour["score"] is None:
        return result
    score = abs(hour["score"])
    state = State.PASS if threshold.operator.holds(score, limit) else State.FAIL
    return Result(
        threshold=threshold,
        key=(),
        state=state,
        value=score,
        limit=limit,
        requests=int(hour["requests"]),
        reason=_told(hour),
    )


def _told(hour: Mapping[str, Any]) -> str:
    show = format_count if hour["metric"] == "requests" else format_ratio
    kind = "spike" if hour["score"] > 0 else "drop"
    return (
        f"a {kind} at {hour['timestamp']:%Y-%m-%d %H:%M} UTC: {show(hour['value'])}, "
        f"expected {show(hour['expected'])}"
    )

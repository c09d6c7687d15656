"""`anomaly(METRIC)`: how unlike the same hour of earlier days the last whole hour was.

The value is the score of `apilog.aggregate.anomalies` without its sign, so that `< 6` is broken
by spikes and by drops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from apilog.aggregate import Order, TableSpec, score_hours
from apilog.checks.catalogue import SCORED
from apilog.checks.evaluate import Result, State
from apilog.checks.measure import Measurement, Measures, Window
from apilog.checks.threshold import Fixed, Threshold
from apilog.units import format_count, format_ratio

_HOURS = TableSpec(
    name="hours", keys=("timestamp",), metrics=("requests", "errors"), order=Order.KEYS
)
_UNJUDGED = "the last hour is not known whole, or has fewer than 3 earlier days"


def hours_until(window: Window) -> Measurement:
    """The measurement of all hours up to the end of a window: those before it are the history."""
    return Measurement((), Window(until=window.until), tables=(_HOURS,), bucket="1h")


def last_hour(threshold: Threshold, hours: Measures) -> Mapping[str, Any] | None:
    """The last whole hour that was measured, as `score_hours` has it; None if it can't be told."""
    since, until = hours.window.since, hours.window.until
    if since is None or until is None:
        return None
    end = pl.col("timestamp").dt.offset_by("1h").alias("end")
    every = hours.group(_HOURS.name).table.with_columns(end)
    whole = every.filter(pl.col("timestamp") >= since, pl.col("end") <= until)
    metric = SCORED[threshold.metric.name]
    last = pl.col("timestamp") == whole["timestamp"].max()
    scored = score_hours(whole).filter(last, pl.col("metric") == metric)
    return scored.row(0, named=True) if scored.height else None


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

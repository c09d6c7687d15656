"""What thresholds may be about: metrics, and the columns that choose and split them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from apilog.aggregate import SCORE
from apilog.checks.threshold import Fixed, Limit, Operator, Quantity
from apilog.metrics import METRICS, Metric, Unit
from apilog.schema import COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Metrics of one kind of things, such as requests, and the columns that these have."""

    metrics: Mapping[str, Metric]
    columns: tuple[str, ...]
    """What `{column="value"}` and `for each column` may name."""
    usual: tuple[Operator, Limit] | None = None
    """What a metric alone is held against."""


REQUESTS = Catalogue(
    metrics={name: m for name, m in METRICS.items() if m.unit is not Unit.TIMESTAMP},
    columns=tuple(
        c.name for c in COLUMNS if isinstance(c.dtype, pl.Enum) or c.dtype in (pl.String, pl.Int16)
    ),
)
"""What is measured of requests; texts and statuses choose among them."""

SCORED = {f"anomaly({metric})": metric for metric in ("requests", "error_rate")}
"""Metrics that score how unusual the last whole hour is, and what of it they score."""

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

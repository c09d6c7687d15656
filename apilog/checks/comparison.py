"""The rows of a comparison: both values, their difference, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from apilog.checks.comparing import Null, interval_of_difference, p_value
from apilog.checks.evaluate import Policy
from apilog.checks.samples import Key, Sample
from apilog.metrics import Metric
from apilog.statistics.differences import Bounds
from apilog.statistics.multiple import benjamini_hochberg
from apilog.statistics.proportions import Alternative


class Outcome(StrEnum):
    """What a difference comes to."""

    WORSE = "worse"
    BETTER = "better"
    DIFFERENT = "different"
    """Of a metric that has no better way."""
    UNPROVEN = "no difference shown"
    """Chance alone may make the difference."""
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Pair:
    """The samples of both sides."""

    a: Sample
    b: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A metric of one endpoint, or of all requests."""

    metric: Metric
    key: Key | None
    """None for all requests."""
    pair: Pair
    p_value: float | None
    """Two-sided, adjusted for how many endpoints there are; None with too few requests."""
    around: Bounds
    """The interval of the difference."""


_FIGURES = {
    "a": pl.Float64,
    "b": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "verdict": pl.String,
    "a_requests": pl.Int64,
    "b_requests": pl.Int64,
}
_ORDER = [*Outcome]


def decided(
    metric: Metric, pairs: Mapping[Key, Pair] | Mapping[None, Pair], policy: Policy
) -> Iterator[Row]:
    """A row for each pair, their p-values adjusted together."""
    raw = [_p_value(metric, pair, policy) for pair in pairs.values()]
    for (key, pair), p in zip(pairs.items(), benjamini_hochberg(raw), strict=True):
        around = interval_of_difference(metric, pair.b, pair.a, policy.confidence)
        yield Row(metric=metric, key=key, pair=pair, p_value=p, around=around)


def comparison_table(rows: Iterable[Row], columns: tuple[str, ...], policy: Policy) -> pl.DataFrame:
    """A line a row: by metric, all requests first, then what differs, then the busiest."""
    drawn = [(_outcome(row, policy), row) for row in rows]
    metrics = list(dict.fromkeys(row.metric.name for _, row in drawn))
    drawn.sort(
        key=lambda item: (
            metrics.index(item[1].metric.name),
            item[1].key is not None,
            _ORDER.index(item[0]),
            -item[1].pair.b.size,
        )
    )
    lines = [
        {
            "metric": row.metric.name,
            **dict(zip(columns, row.key or (None,) * len(columns), strict=True)),
            **_figures(row, outcome),
        }
        for outcome, row in drawn
    ]
    keys = dict.fromkeys(columns, pl.String)
    return pl.DataFrame(lines, schema={"metric": pl.String, **keys, **_FIGURES})


def _p_value(metric: Metric, pair: Pair, policy: Policy) -> float | None:
    if min(pair.a.size, pair.b.size) < max(1, policy.min_requests):
        return None
    if pair.a.value is None or pair.b.value is None:
        return None
    return p_value(metric, pair.b, pair.a, Null(), Alternative.TWO_SIDED)


def _outcome(row: Row, policy: Policy) -> Outcome:
    a, b = row.pair.a.value, row.pair.b.value
    if row.p_value is None or a is None or b is None:
        return Outcome.INCONCLUSIVE
    if row.p_value >= 1 - policy.confidence or _holds_none(row.around):
        return Outcome.UNPROVEN
    if not row.metric.better:
        return Outcome.DIFFERENT
    return Outcome.BETTER if (b < a) == (row.metric.better == "lower") else Outcome.WORSE


def _holds_none(around: Bounds) -> bool:
    """Whether there may be no difference at all."""
    low, high = around
    return (low is None or low <= 0) and (high is None or high >= 0)


def _figures(row: Row, outcome: Outcome) -> dict[str, object]:
    a, b = row.pair.a, row.pair.b
    low, high = row.around
    known = a.value is not None and b.value is not None
    return {
        "a": a.value,
        "b": b.value,
        "difference": (b.value or 0) - (a.value or 0) if known else None,
        "low": low,
        "high": high,
        "p_value": row.p_value,
        "verdict": outcome.value,
        "a_requests": a.size,
        "b_requests": b.size,
    }

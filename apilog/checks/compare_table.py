"""The rows of a comparison: both values, their difference, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.checks.evaluate import DecisionPolicy
from apilog.checks.measurement import MetricSample, SampleKey
from apilog.checks.significance import NullHypothesis, p_value, sample_difference_interval
from apilog.metrics import Metric
from apilog.report_model import DifferenceVerdict
from apilog.statistics.two_samples import Alternative, Bounds, benjamini_hochberg


@dataclass(frozen=True, slots=True)
class SamplePair:
    """The samples of both sides."""

    a: MetricSample
    b: MetricSample


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """A metric of one endpoint, or of all requests."""

    metric: Metric
    key: SampleKey | None
    """None for all requests."""
    pair: SamplePair
    p_value: float | None
    """Two-sided, adjusted for how many endpoints there are; None with too few requests."""
    interval: Bounds
    """The interval of the difference."""


_FIGURE_COLUMNS = {
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
_VERDICT_ORDER = [*DifferenceVerdict]


def compare_pairs(
    metric: Metric,
    pairs: Mapping[SampleKey, SamplePair] | Mapping[None, SamplePair],
    policy: DecisionPolicy,
) -> Iterator[ComparisonRow]:
    """Yield a row for each pair, their p-values adjusted together."""
    enough = max(1, policy.min_requests)
    raw = [
        p_value(metric, pair.b, pair.a, NullHypothesis(), Alternative.TWO_SIDED)
        if min(pair.a.size, pair.b.size) >= enough and None not in (pair.a.value, pair.b.value)
        else None
        for pair in pairs.values()
    ]
    for (key, pair), p in zip(pairs.items(), benjamini_hochberg(raw), strict=True):
        bounds = sample_difference_interval(metric, pair.b, pair.a, policy.confidence)
        yield ComparisonRow(metric=metric, key=key, pair=pair, p_value=p, interval=bounds)


def comparison_table(
    rows: Iterable[ComparisonRow], columns: tuple[str, ...], policy: DecisionPolicy
) -> pl.DataFrame:
    """Return the table: by metric, all requests first, then what differs, then the busiest."""
    judged = [(_verdict_of(row, policy), row) for row in rows]
    metrics = list(dict.fromkeys(row.metric.name for _, row in judged))
    judged.sort(
        key=lambda item: (
            metrics.index(item[1].metric.name),
            item[1].key is not None,
            _VERDICT_ORDER.index(item[0]),
            -item[1].pair.b.size,
        )
    )
    cells = []
    for verdict, row in judged:
        a, b = row.pair.a, row.pair.b
        cells.append(
            {
                "metric": row.metric.name,
                **dict(zip(columns, row.key or (None,) * len(columns), strict=True)),
                "a": a.value,
                "b": b.value,
                "difference": None if a.value is None or b.value is None else b.value - a.value,
                "low": row.interval[0],
                "high": row.interval[1],
                "p_value": row.p_value,
                "verdict": verdict.value,
                "a_requests": a.size,
                "b_requests": b.size,
            }
        )
    keys = dict.fromkeys(columns, pl.String)
    return pl.DataFrame(cells, schema={"metric": pl.String, **keys, **_FIGURE_COLUMNS})


def _verdict_of(row: ComparisonRow, policy: DecisionPolicy) -> DifferenceVerdict:
    a, b = row.pair.a.value, row.pair.b.value
    if row.p_value is None or a is None or b is None:
        return DifferenceVerdict.INCONCLUSIVE
    low, high = row.interval
    includes_zero = (low is None or low <= 0) and (high is None or high >= 0)
    # Both have to agree, so that no table shows a difference whose interval includes none.
    if row.p_value >= 1 - policy.confidence or includes_zero:
        return DifferenceVerdict.UNPROVEN
    if not row.metric.better:
        return DifferenceVerdict.DIFFERENT
    return (
        DifferenceVerdict.BETTER
        if (b < a) == (row.metric.better == "lower")
        else DifferenceVerdict.WORSE
    )

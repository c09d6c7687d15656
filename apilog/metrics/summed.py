"""Metrics that follow from two sums of small whole numbers, such as a share of the requests."""

from __future__ import annotations

from dataclasses import dataclass

from apilog.metrics.definitions import MergeRule, Metric, MetricKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SummedMetric:
    """A metric as a quotient of accumulators, or as one of them."""

    name: str
    column: str
    above: str
    below: str
    """Empty where the metric is the sum itself."""
    scale: int
    """What the lower sum is multiplied by."""

    @property
    def parts(self) -> frozenset[str]:
        """The names of the accumulators."""
        return frozenset({self.above, self.below} - {""})


def summed_metric(metric: Metric) -> SummedMetric | None:
    """Return the metric as such a quotient; None for one of another kind."""
    sums = [a for a in metric.accumulators if a.merge is MergeRule.SUM]
    match metric.kind:
        case MetricKind.PROPORTION:
            above, below, scale = metric.events, metric.size, 1
        case MetricKind.COUNT if len(sums) == 1:
            above, below, scale = sums[0].name, "", 1
        case MetricKind.MEAN if len(sums) == 2:
            known, total = sorted(sums, key=lambda a: not a.is_count)
            above, below, scale = total.name, known.name, 1000
        case _:
            return None
    if not {above, below} <= {"", *(a.name for a in sums)}:
        return None
    return SummedMetric(
        name=metric.name, column=metric.column, above=above, below=below, scale=scale
    )

"""Service level objectives: `[slo.NAME]`, the share of requests that are to be good.

A request whose condition is null, as what it looks at is not in the log, is neither good nor bad:
it is counted as unknown, and the share is of those that are known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from apilog.engine.row_expression import RowExpression
from apilog.metrics import DerivedColumn, Metric, MetricKind, Objective
from apilog.own_metrics.build_metric import MetricHead, count_metric
from apilog.own_metrics.derived_values import ConditionValue, QuotientValue

_NUMBER = re.compile(r"\s*(\d{1,3}(?:\.\d{1,12})?|\.\d{1,12})\s*(%?)\s*\Z", re.ASCII)


def parse_share(value: object) -> Fraction | None:
    """Return the share that an objective demands; None for what is none.

    A number up to 1 is a ratio, a larger one is in percent.

    >>> [parse_share(value) for value in ("99.9%", 0.999, 99.9, "0.5 %")]
    [Fraction(999, 1000), Fraction(999, 1000), Fraction(999, 1000), Fraction(1, 200)]
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _NUMBER.match(value if isinstance(value, str) else f"{value:.12g}")
    if match is None:
        return None
    share = Fraction(match[1])
    if match[2] or share > 1:
        share /= 100
    return share if 0 < share <= 1 else None


def format_share(share: Fraction) -> str:
    """Return a share in percent, with all of its digits.

    >>> format_share(Fraction(99995, 100000))
    '99.995 %'
    """
    return f"{float(share * 100):.12g} %"


def objective_metric(
    head: MetricHead, share: Fraction, good: RowExpression, where: RowExpression | None
) -> Metric:
    """Return the share of good requests among those known to be good or bad."""
    name = head.name
    columns = good.columns | (where.columns if where else frozenset())
    is_good, is_known = (
        count_metric(
            f"{name}.{part}",
            DerivedColumn(
                name=f"{name}.{part}",
                columns=columns,
                compute=JudgedRequest(good, where, only_known=part == "known"),
            ),
            f"Requests that are {part}.",
        )
        for part in ("good", "known")
    )
    parts = [is_good, is_known]
    requests = "requests"
    if where is not None:
        requests = f"{name}.requests"
        chosen = DerivedColumn(name=requests, columns=where.columns, compute=ConditionValue(where))
        parts.append(count_metric(requests, chosen, "Requests that it is about."))
    return Metric(
        name=name,
        unit=head.unit,
        definition=head.definition,
        better="higher",
        accumulators=(*is_good.accumulators, *is_known.accumulators),
        derived=(*is_good.derived, *is_known.derived),
        expr=QuotientValue(is_good.name, 1, is_known.name, 1),
        kind=MetricKind.PROPORTION,
        events=is_good.name,
        size=is_known.name,
        parts=tuple(parts),
        objective=Objective(share, is_good.name, is_known.name, requests),
    )


@dataclass(frozen=True, slots=True)
class JudgedRequest:
    """Whether a request that is chosen is good, or only whether that is known."""

    good: RowExpression
    where: RowExpression | None
    only_known: bool

    def __call__(self, records: pl.DataFrame) -> pl.Series:
        """Return true or false for each record."""
        good = self.good.evaluate(records)
        judged = good.is_not_null() if self.only_known else good.fill_null(value=False)
        return judged & ConditionValue(self.where)(records) if self.where else judged

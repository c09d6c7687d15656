"""Service level objectives: what became of each, out of the counts of its requests."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.metrics import Metric, Objective

OBJECTIVE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "objective": pl.Float64,
    "requests": pl.Int64,
    "bad": pl.Int64,
    "unknown": pl.Int64,
    "good_ratio": pl.Float64,
    "allowed_bad": pl.Float64,
    "budget_used": pl.Float64,
    "met": pl.Boolean,
}


def describe_objectives(
    counts: pl.DataFrame, metrics: Sequence[Metric], by: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Return a row for each objective, given a column of counts for each of its parts.

    With the key `by` there is such a row of counts for each report.
    """
    rows = [
        counts.select(*by, *_describe(metric.name, metric.objective))
        for metric in metrics
        if metric.objective
    ]
    table = pl.concat(rows)
    return table.sort(by, maintain_order=True) if by else table


def _describe(name: str, objective: Objective) -> list[pl.Expr]:
    good, known = pl.col(objective.good), pl.col(objective.known)
    requests, missed = pl.col(objective.requests), 1 - objective.share
    bad = known - good
    # Whole numbers, so that a share that is just reached is not missed by rounding.
    numerator, denominator = (
        pl.lit(part, pl.Int128) for part in (missed.numerator, missed.denominator)
    )
    spent, allowed = bad.cast(pl.Int128) * denominator, known.cast(pl.Int128) * numerator
    is_known = known > 0
    values = {
        "name": pl.lit(name),
        "objective": pl.lit(float(objective.share)),
        "requests": requests,
        "bad": bad,
        "unknown": requests - known,
        "good_ratio": pl.when(is_known).then(good / known),
        "allowed_bad": allowed.cast(pl.Float64) / float(missed.denominator),
        "budget_used": pl.when(allowed > 0).then(spent.cast(pl.Float64) / allowed.cast(pl.Float64)),
        "met": pl.when(is_known).then(spent <= allowed),
    }
    return [values[column].cast(dtype).alias(column) for column, dtype in OBJECTIVE_COLUMNS.items()]

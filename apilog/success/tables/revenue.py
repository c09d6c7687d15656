"""`revenue`: what each plan brings in, and what it serves for that."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from apilog.success.population import Population
from apilog.success.tables.expressions import ALL, count, money, ratio

CHURN_TIME = timedelta(days=30)
"""Churn is counted over this time before as-of."""


def revenue(population: Population) -> pl.DataFrame:
    """One row a plan, and `(all)`."""
    sums = _sums(population)
    by_plan = population.frame.group_by("plan").agg(**sums).sort("plan", nulls_last=True)
    total = population.frame.select(plan=pl.lit(ALL), **sums)
    rows = pl.concat([by_plan, total])
    return rows.with_columns(
        arpu=ratio(pl.col("mrr"), pl.col("accounts")),
        arppu=ratio(pl.col("mrr"), pl.col("paying")),
        conversion_rate=ratio(pl.col("converted"), pl.col("accounts")),
        churn_rate=ratio(pl.col("churned"), pl.col("at_risk")),
    ).select(
        "plan",
        "accounts",
        "paying",
        "mrr",
        "arpu",
        "arppu",
        "conversion_rate",
        "churn_rate",
        clv=ratio(pl.col("arppu"), pl.col("churn_rate")),
        requests="requests",
        requests_per_account=ratio(pl.col("requests"), pl.col("accounts")),
        revenue_per_1000_requests=ratio(pl.col("mrr") * 1000, pl.col("requests")),
    )


def _sums(population: Population) -> dict[str, pl.Expr]:
    then = population.terms.as_of - CHURN_TIME
    converted, churned = pl.col("converted_at"), pl.col("churned_at")
    is_paying = converted.is_not_null() & churned.is_null() & (pl.col("mrr") > 0)
    was_at_risk = (converted <= then) & (churned.is_null() | (churned > then))
    return {
        "accounts": pl.len().cast(pl.Int64),
        "paying": count(is_paying),
        "mrr": money(pl.col("mrr").filter(is_paying.fill_null(value=False))),
        "converted": count(converted.is_not_null()),
        "churned": count(churned > then),
        "at_risk": count(was_at_risk),
        "requests": pl.col("requests").sum(),
    }

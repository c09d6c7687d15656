"""`plans` and `candidates`: how much of their quota accounts use, and who may want another plan."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from apilog.success.population import Population
from apilog.success.tables.expressions import count, ratio

QUOTA_TIME = timedelta(days=30)
"""Calls of this time before as-of count for a quota, which is one of a month."""
NEAR = 0.8
"""From this share of the quota on an account is near its limit; above 1 it is over."""
HARDLY = 0.1
"""Below this share an account hardly uses its plan, if it has had it for that time."""
_MOST_ROWS = 10_000


def plans(population: Population) -> pl.DataFrame:
    """One row a plan that has terms, as configured; churned accounts don't count."""
    usage = pl.col("usage")
    sums = (
        _used(population)
        .group_by("plan")
        .agg(
            accounts=pl.len().cast(pl.Int64),
            requests=pl.col("recent_requests").sum(),
            median_usage=usage.median(),
            near_limit=count((usage >= NEAR) & (usage <= 1)),
            over_limit=count(usage > 1),
            hardly_used=count(pl.col("is_hardly_used")),
        )
    )
    known = _terms(population).join(sums, on="plan", how="left", maintain_order="left")
    counts = ("accounts", "requests", "near_limit", "over_limit", "hardly_used")
    filled = known.with_columns(pl.col(name).fill_null(0) for name in counts)
    return filled.select(
        "plan",
        "quota",
        "price",
        "accounts",
        "requests",
        ratio(pl.col("requests"), pl.col("accounts")).alias("requests_per_account"),
        "median_usage",
        "near_limit",
        "over_limit",
        "hardly_used",
        ratio(pl.col("price") * 1000, pl.col("quota")).alias("price_per_1000_requests"),
    )


def candidates(population: Population) -> pl.DataFrame:
    """One row an account to talk to: near or over its limit (upgrade), or hardly using it (churn).

    The fullest first; at most 10 000.
    """
    usage = pl.col("usage")
    chance = (
        pl.when(usage >= NEAR).then(pl.lit("upgrade")).when("is_hardly_used").then(pl.lit("churn"))
    )
    used = _used(population).with_columns(chance.alias("candidate_for")).drop_nulls("candidate_for")
    return (
        used.sort("usage", "account", descending=[True, False])
        .head(_MOST_ROWS)
        .select(
            "account",
            "plan",
            "candidate_for",
            pl.col("recent_requests").alias("requests"),
            "quota",
            "usage",
        )
    )


def _terms(population: Population) -> pl.DataFrame:
    rows = [(name, terms.quota, terms.price) for name, terms in population.terms.plans.items()]
    schema = {"plan": pl.String, "quota": pl.Int64, "price": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _used(population: Population) -> pl.DataFrame:
    """The accounts that have not churned, with how much of its quota each has used."""
    since = population.terms.as_of - QUOTA_TIME
    usage = pl.col("usage")
    return (
        population.frame.filter(pl.col("churned_at").is_null())
        .join(_terms(population), on="plan", how="inner", maintain_order="left")
        .with_columns(usage=ratio(pl.col("recent_requests"), pl.col("quota")))
        .with_columns(
            is_hardly_used=((usage < HARDLY) & (pl.col("signed_up_at") <= since)).fill_null(
                value=False
            )
        )
    )

"""Revenue by plan, the use of quotas, and the accounts that may want another plan."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from apilog.developer_success.population import Population
from apilog.developer_success.tables.account_statistics import (
    TOTAL_KEY,
    count_where,
    ratio,
    sum_money,
)

CHURN_WINDOW = timedelta(days=30)
"""The window that churn is counted in; it ends at as-of."""


def revenue_table(population: Population) -> pl.DataFrame:
    """Return one row per plan, and the row `(all)`.

    With the sums over the accounts of a plan: `arpu` = mrr / accounts, `arppu` = mrr / paying
    accounts, `conversion_rate` = ever converted / accounts, `clv` = arppu / churn_rate, and
    `churn_rate` = accounts that churned in the window / at-risk population, which are the accounts
    that had converted and not churned when the window began.
    """
    since = population.terms.as_of - CHURN_WINDOW
    converted, churned = pl.col("converted_at"), pl.col("churned_at")
    is_paying = converted.is_not_null() & churned.is_null() & (pl.col("mrr") > 0)
    sums = {
        "accounts": pl.len().cast(pl.Int64),
        "paying": count_where(is_paying),
        "mrr": sum_money(pl.col("mrr").filter(is_paying.fill_null(value=False))),
        "converted": count_where(converted.is_not_null()),
        "churned": count_where(churned > since),
        "at_risk": count_where((converted <= since) & (churned.is_null() | (churned > since))),
        "requests": pl.col("requests").sum(),
    }
    by_plan = population.frame.group_by("plan").agg(**sums).sort("plan", nulls_last=True)
    total = population.frame.select(plan=pl.lit(TOTAL_KEY), **sums)
    rows = pl.concat([by_plan, total])
    return rows.with_columns(
        arpu=ratio(pl.col("mrr"), pl.col("accounts")),
        arppu=ratio(pl.col("mrr"), pl.col("paying")),
        conversion_rate=ratio(pl.col("converted"), pl.col("accounts")),
        churn_rate=ratio(pl.col("churned"), pl.col("at_risk")),
    ).select(
        *("plan", "accounts", "paying", "mrr", "arpu", "arppu", "conversion_rate", "churn_rate"),
        clv=ratio(pl.col("arppu"), pl.col("churn_rate")),
        requests="requests",
        requests_per_account=ratio(pl.col("requests"), pl.col("accounts")),
        revenue_per_1000_requests=ratio(pl.col("mrr") * 1000, pl.col("requests")),
    )


QUOTA_PERIOD = timedelta(days=30)
"""Calls of this time before as-of count for the monthly quota."""
NEAR_LIMIT = 0.8
"""From this share of its quota an account is near its limit; above 1 it is over the limit."""
HARDLY_USED = 0.1
"""Below this share of its quota an account hardly uses its plan, unless it is newer than that."""
_MOST_CANDIDATES = 10_000


def plans_table(population: Population) -> pl.DataFrame:
    """Return one row per plan with configured terms, over its accounts that have not churned.

    The usage of an account is its calls of the last 30 days / quota; `median_usage` and the counts
    are over accounts. `price_per_1000_requests` = 1000 · price / quota.
    """
    usage = pl.col("usage")
    sums = (
        _quota_usage(population)
        .group_by("plan")
        .agg(
            accounts=pl.len().cast(pl.Int64),
            requests=pl.col("recent_requests").sum(),
            median_usage=usage.median(),
            near_limit=count_where((usage >= NEAR_LIMIT) & (usage <= 1)),
            over_limit=count_where(usage > 1),
            hardly_used=count_where(pl.col("is_hardly_used")),
        )
    )
    plans = _plan_terms(population).join(sums, on="plan", how="left", maintain_order="left")
    counts = ("accounts", "requests", "near_limit", "over_limit", "hardly_used")
    filled = plans.with_columns(pl.col(name).fill_null(0) for name in counts)
    return filled.select(
        *("plan", "quota", "price", "accounts", "requests"),
        ratio(pl.col("requests"), pl.col("accounts")).alias("requests_per_account"),
        *("median_usage", "near_limit", "over_limit", "hardly_used"),
        ratio(pl.col("price") * 1000, pl.col("quota")).alias("price_per_1000_requests"),
    )


def candidates_table(population: Population) -> pl.DataFrame:
    """Return one row per account to talk to, those with the highest usage first, at most 10 000.

    An account near or over its limit is a candidate for an upgrade, one that hardly uses its plan
    for churn.
    """
    usage, requests = pl.col("usage"), pl.col("recent_requests").alias("requests")
    reason = (
        pl.when(usage >= NEAR_LIMIT)
        .then(pl.lit("upgrade"))
        .when("is_hardly_used")
        .then(pl.lit("churn"))
    )
    return (
        _quota_usage(population)
        .with_columns(reason.alias("candidate_for"))
        .drop_nulls("candidate_for")
        .sort("usage", "account", descending=[True, False])
        .head(_MOST_CANDIDATES)
        .select("account", "plan", "candidate_for", requests, "quota", "usage")
    )


def _plan_terms(population: Population) -> pl.DataFrame:
    rows = [(name, terms.quota, terms.price) for name, terms in population.terms.plans.items()]
    schema = {"plan": pl.String, "quota": pl.Int64, "price": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _quota_usage(population: Population) -> pl.DataFrame:
    """Add the `usage` of its quota to each account that has terms and has not churned."""
    since = population.terms.as_of - QUOTA_PERIOD
    usage = pl.col("usage")
    is_hardly_used = (usage < HARDLY_USED) & (pl.col("signed_up_at") <= since)
    return (
        population.frame.filter(pl.col("churned_at").is_null())
        .join(_plan_terms(population), on="plan", how="inner", maintain_order="left")
        .with_columns(usage=ratio(pl.col("recent_requests"), pl.col("quota")))
        .with_columns(is_hardly_used=is_hardly_used.fill_null(value=False))
    )

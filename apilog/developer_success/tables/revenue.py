"""Revenue by plan, the use of quotas, and the accounts that may want another plan."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from apilog.developer_success.log_coverage import ENOUGH
from apilog.developer_success.population import Population
from apilog.developer_success.tables.account_statistics import (
    TOTAL_KEY,
    count_where,
    ratio,
    sum_money,
)
from apilog.schema import TIMESTAMP

CHURN_WINDOW = timedelta(days=30)
"""The window that churn is counted in; it ends at as-of."""
MONTH = timedelta(days=30)
"""The month that an mrr is of."""


def revenue_table(population: Population) -> pl.DataFrame:
    """Return one row per plan, and the row `(all)`.

    Accounts are `current` unless they have churned at as-of, `paying` if they also converted and
    have an mrr, and `at_risk` if they paid when the window of churn began.

    - `arpu` = mrr / current, `arppu` = mrr / paying, `clv` = arppu / churn_rate;
    - `conversion_rate` = accounts that ever converted / accounts;
    - `churn_rate` = accounts at risk that have churned / accounts at risk;
    - of accounts with an `mrr_before`, the mrr when the window began: `net_revenue_retention` =
      their mrr / mrr_before, `expansion` = what they pay more / mrr_before;
    - `requests_per_account` = requests of current accounts / current;
    - `revenue_per_1000_requests` = 1000 · what accounts paid while the log goes / requests, null
      for a log of less than a day.
    """
    sums = _revenue_sums(population)
    by_plan = population.frame.group_by("plan").agg(**sums).sort("plan", nulls_last=True)
    total = population.frame.select(plan=pl.lit(TOTAL_KEY), **sums)
    rows = pl.concat([by_plan, total])
    has_time = pl.lit(population.coverage.counted is not None)
    return rows.with_columns(
        arpu=ratio(pl.col("mrr"), pl.col("current")),
        arppu=ratio(pl.col("mrr"), pl.col("paying")),
        churn_rate=ratio(pl.col("lost"), pl.col("at_risk")),
    ).select(
        *("plan", "accounts", "current", "paying", "mrr", "arpu", "arppu"),
        ratio(pl.col("converted"), pl.col("accounts")).alias("conversion_rate"),
        *("at_risk", "churn_rate"),
        clv=ratio(pl.col("arppu"), pl.col("churn_rate")),
        net_revenue_retention=ratio(pl.col("now"), pl.col("before")),
        expansion=ratio(pl.col("more"), pl.col("before")),
        requests="requests",
        requests_per_account=ratio(pl.col("current_requests"), pl.col("current")),
        revenue_per_1000_requests=pl.when(has_time).then(
            ratio(pl.col("paid") * 1000, pl.col("requests"))
        ),
    )


def _revenue_sums(population: Population) -> dict[str, pl.Expr]:
    """Return the sums over the accounts of a plan that its row is made of."""
    converted, is_current, mrr = (
        pl.col("converted_at"),
        pl.col("churned_at").is_null(),
        pl.col("mrr"),
    )
    is_paying = (converted.is_not_null() & is_current & (mrr > 0)).fill_null(value=False)
    is_at_risk = _is_at_risk(population)
    before = pl.col("mrr_before")
    now = pl.when(is_current).then(mrr).otherwise(0.0)
    # An mrr that is unknown is not one of 0: such accounts are on neither side.
    is_compared = ((before > 0) & now.is_not_null()).fill_null(value=False)
    return {
        "accounts": pl.len().cast(pl.Int64),
        "current": count_where(is_current),
        "paying": count_where(is_paying),
        "mrr": sum_money(mrr.filter(is_paying)),
        "converted": count_where(converted.is_not_null()),
        "at_risk": count_where(is_at_risk),
        "lost": count_where(is_at_risk & ~is_current),
        "before": sum_money(before.filter(is_compared)),
        "now": sum_money(now.filter(is_compared)),
        "more": sum_money((now - before).clip(0).filter(is_compared)),
        "requests": pl.col("requests").sum(),
        "current_requests": pl.col("requests").filter(is_current).sum(),
        "paid": sum_money(_paid_during_log(population)),
    }


def _is_at_risk(population: Population) -> pl.Expr:
    """Return whether an account paid when the window of churn began, as far as can be known.

    Where its `mrr_before` is unknown, that is if it had converted, unless it is there and pays
    nothing: an mrr of 0 is not lost when it goes.
    """
    since = population.terms.as_of - CHURN_WINDOW
    churned = pl.col("churned_at")
    pays_nothing = (churned.is_null() & (pl.col("mrr") == 0)).fill_null(value=False)
    has_paid = pl.coalesce(
        pl.col("mrr_before") > 0, (pl.col("converted_at") <= since) & ~pays_nothing
    )
    return (has_paid & (churned.is_null() | (churned > since))).fill_null(value=False)


def _paid_during_log(population: Population) -> pl.Expr:
    """Return what each account paid while the log goes, between its conversion and its churn."""
    counted = population.coverage.counted
    if counted is None:
        return pl.lit(0.0)
    start, end = (pl.lit(limit, TIMESTAMP) for limit in counted)
    until = pl.min_horizontal(pl.col("churned_at").fill_null(end), end)
    time = until - pl.max_horizontal("converted_at", start)
    months = time.dt.total_microseconds().clip(0) / (MONTH / timedelta(microseconds=1))
    return pl.when(pl.col("converted_at").is_not_null()).then(pl.col("mrr") * months)


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
    are over accounts. They, and `requests_per_account`, are null unless the log covers these days.
    `price_per_1000_requests` = 1000 · price / quota.
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
    filled = plans.with_columns(
        *(pl.col(name).fill_null(0) for name in counts),
        is_covered=pl.lit(_covered_share(population) >= ENOUGH),
    )
    filled = filled.with_columns(requests_per_account=ratio(pl.col("requests"), pl.col("accounts")))
    of_month = ("requests_per_account", "median_usage", "near_limit", "over_limit", "hardly_used")
    return filled.select(
        *("plan", "quota", "price", "accounts", "requests"),
        *(pl.when("is_covered").then(name).alias(name) for name in of_month),
        ratio(pl.col("price") * 1000, pl.col("quota")).alias("price_per_1000_requests"),
    )


def candidates_table(population: Population) -> pl.DataFrame:
    """Return one row per account to talk to, those with the highest usage first, at most 10 000.

    An account near or over its limit is a candidate for an upgrade, one that hardly uses its plan
    for churn. Where the log does not cover the last 30 days, there are none for churn, and `usage`
    is at least so much.
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


def _covered_share(population: Population) -> float:
    as_of = population.terms.as_of
    return population.coverage.share_of(as_of - QUOTA_PERIOD, as_of)


def _plan_terms(population: Population) -> pl.DataFrame:
    rows = [(name, terms.quota, terms.price) for name, terms in population.terms.plans.items()]
    schema = {"plan": pl.String, "quota": pl.Int64, "price": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _quota_usage(population: Population) -> pl.DataFrame:
    """Add the `usage` of its quota to each account that has terms and has not churned."""
    since = population.terms.as_of - QUOTA_PERIOD
    # A day that is missing in the end must not make anybody idle.
    covered = _covered_share(population)
    is_idle = (pl.col("usage") < HARDLY_USED * covered) & (covered >= ENOUGH)
    is_hardly_used = is_idle & (pl.col("signed_up_at") <= since)
    return (
        population.frame.filter(pl.col("churned_at").is_null())
        .join(_plan_terms(population), on="plan", how="inner", maintain_order="left")
        .with_columns(usage=ratio(pl.col("recent_requests"), pl.col("quota")))
        .with_columns(is_hardly_used=is_hardly_used.fill_null(value=False))
    )

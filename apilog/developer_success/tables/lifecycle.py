"""The life of accounts: the activation funnel, onboarding, bottlenecks, and retention by cohort."""

from __future__ import annotations

import polars as pl

from apilog.developer_success.call_plan import count_periods, period_number, period_start
from apilog.developer_success.population import STAGE_TIMES, STAGES, Population
from apilog.developer_success.tables.account_statistics import hours_between, linear_quantile, ratio


def funnel_table(population: Population) -> pl.DataFrame:
    """Return one row per stage with the accounts that reached it and all stages before it.

    `rate` = accounts / signed-up accounts, `step_rate` = accounts / accounts of the stage before,
    `median_hours` = median time from sign-up to the stage.
    """
    stages = pl.concat(
        population.frame.filter(pl.col("stage") >= i).select(
            stage=pl.lit(stage),
            accounts=pl.len().cast(pl.Int64),
            median_hours=hours_between("signed_up_at", time).median(),
        )
        for i, (stage, time) in enumerate(zip(STAGES, STAGE_TIMES, strict=True))
    )
    accounts = pl.col("accounts")
    return stages.select(
        "stage",
        "accounts",
        rate=ratio(accounts, accounts.first()),
        step_rate=ratio(accounts, accounts.shift(1)),
        median_hours="median_hours",
    )


_EDGES = (0.0, 1 / 12, 0.25, 1.0, 6.0, 24.0, 72.0, 168.0, 336.0, 720.0)
"""The hours at which the bins of the onboarding histogram begin."""
_EVENTS = tuple(zip(STAGES, STAGE_TIMES, strict=True))[1:4]


def onboarding_table(population: Population) -> pl.DataFrame:
    """Return one row per first event: how many accounts had it, and the hours from sign-up to it.

    `p50_hours` and `p90_hours` are quantiles over these accounts.
    """
    return pl.concat(
        _hours_to_event(population, time).select(
            stage=pl.lit(stage),
            accounts=pl.len().cast(pl.Int64),
            p50_hours=linear_quantile(pl.col("hours"), 0.5),
            p90_hours=linear_quantile(pl.col("hours"), 0.9),
        )
        for stage, time in _EVENTS
    )


def onboarding_histogram_table(population: Population) -> pl.DataFrame:
    """Return one row per first event and bin of hours from sign-up, `from_hours` inclusive.

    `share` = accounts of the bin / accounts that had the event. The first bin has no start: it
    holds calls before sign-up. The last bin has no end.
    """
    bins = pl.DataFrame({"from_hours": [None, *_EDGES], "to_hours": [*_EDGES, None]})
    bins = bins.with_row_index("bin")
    accounts = pl.col("accounts").fill_null(0)
    parts = []
    for stage, time in _EVENTS:
        hours = _hours_to_event(population, time)["hours"]
        numbers = pl.Series(_EDGES).search_sorted(hours, side="right").cast(pl.UInt32).alias("bin")
        counts = numbers.to_frame().group_by("bin").agg(accounts=pl.len().cast(pl.Int64))
        filled = bins.join(counts, on="bin", how="left", maintain_order="left")
        share = ratio(accounts, accounts.sum()).alias("share")
        parts.append(
            filled.select(pl.lit(stage).alias("stage"), "from_hours", "to_hours", accounts, share)
        )
    return pl.concat(parts)


def _hours_to_event(population: Population, time: str) -> pl.DataFrame:
    return population.frame.select(hours=hours_between("signed_up_at", time)).drop_nulls()


_MOST_BOTTLENECKS = 10_000
OTHER_ROUTE = "(other)"


def bottlenecks_table(population: Population) -> pl.DataFrame:
    """Return one row per stage, route and status: the last call of accounts that stalled there.

    For an account that met errors it is the last error; accounts that never called have neither
    route nor status. `share` = accounts / accounts that stalled at the stage. Beyond 10 000 rows
    the rarest are folded into one row `(other)` per stage.
    """
    stalled = population.frame.filter(pl.col("stage") < len(STAGES) - 1)
    rows = (
        stalled.join(population.calls.lasts, on="id", how="left")
        .group_by("stage", "route", "status")
        .agg(accounts=pl.len().cast(pl.Int64))
        # Ties are broken by the keys, so that the rows don't depend on the order of the logs.
        .sort("stage", -pl.col("accounts"), "route", "status", nulls_last=True)
        .with_columns(share=ratio(pl.col("accounts"), pl.col("accounts").sum().over("stage")))
    )
    if rows.height > _MOST_BOTTLENECKS:
        ranked = rows.sort("accounts", descending=True, maintain_order=True)
        rest = (
            ranked.slice(_MOST_BOTTLENECKS)
            .group_by("stage", maintain_order=True)
            .agg(
                pl.lit(OTHER_ROUTE).alias("route"),
                pl.lit(None, pl.Int16).alias("status"),
                pl.col("accounts", "share").sum(),
            )
        )
        rows = pl.concat([ranked.head(_MOST_BOTTLENECKS), rest]).sort("stage", maintain_order=True)
    stage = pl.lit(pl.Series(STAGES)).gather(pl.col("stage").cast(pl.UInt32)).alias("stage")
    return rows.select(stage, "route", "status", "accounts", "share")


def retention_table(population: Population) -> pl.DataFrame:
    """Return one row per cohort and age in weeks or months; age 0 is the period of the sign-up.

    A cohort is the accounts that signed up in the same week or month; an account is active in a
    period in which it called. `rate` = active accounts / accounts of the cohort. A row whose
    period is not over at as-of is not `complete`.
    """
    terms = population.terms
    members = population.frame.select(
        "id", cohort_period=period_number(pl.col("signed_up_at"), terms.cohort)
    ).drop_nulls()
    # All ages up to as-of get a row: a cohort that nobody calls for any more has 0, not a gap.
    current = pl.select(period_number(pl.lit(terms.as_of), terms.cohort)).item()
    cohorts = members.group_by("cohort_period").agg(accounts=pl.len().cast(pl.Int64))
    cells = cohorts.with_columns(
        age=pl.int_ranges(0, current - pl.col("cohort_period") + 1, dtype=pl.Int32)
    ).explode("age")
    counts = count_periods(population.calls.active.join(members, on="id"), "cohort_period").select(
        "cohort_period", age=pl.col("period") - pl.col("cohort_period"), active="count"
    )
    rows = cells.join(counts, on=["cohort_period", "age"], how="left")
    next_period = pl.col("cohort_period") + pl.col("age") + 1
    end = period_start(next_period, terms.cohort).cast(pl.Datetime("us", "UTC"))
    return rows.sort("cohort_period", "age").select(
        period_start(pl.col("cohort_period"), terms.cohort).alias("cohort"),
        pl.col("age").cast(pl.Int64),
        "accounts",
        pl.col("active").fill_null(0),
        rate=ratio(pl.col("active").fill_null(0), pl.col("accounts")),
        complete=end <= terms.as_of,
    )

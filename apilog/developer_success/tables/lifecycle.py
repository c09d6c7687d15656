"""The life of accounts: the activation funnel, onboarding, bottlenecks, and retention by cohort."""

from __future__ import annotations

import polars as pl

from apilog.developer_success.call_plan import count_periods, period_number, period_start
from apilog.developer_success.population import STAGE_TIMES, STAGES, Population
from apilog.developer_success.tables.account_statistics import hours_between, linear_quantile, ratio


def funnel_table(population: Population) -> pl.DataFrame:
    """One row a stage; it counts an account only if that passed the stages before."""
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
"""Hours at which the bins of the histogram begin."""
_EVENTS = tuple(zip(STAGES, STAGE_TIMES, strict=True))[1:4]


def onboarding_table(population: Population) -> pl.DataFrame:
    """One row an event: over the accounts that had it, the hours from sign-up."""
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
    """One row an event and bin, from `from_hours` on and before `to_hours`.

    The first bin has no start: it is of the calls before sign-up. The last has no end.
    """
    bins = pl.DataFrame({"from_hours": [None, *_EDGES], "to_hours": [*_EDGES, None]})
    bins = bins.with_row_index("bin")
    return pl.concat(_bin_hours(population, stage, time, bins) for stage, time in _EVENTS)


def _bin_hours(population: Population, stage: str, time: str, bins: pl.DataFrame) -> pl.DataFrame:
    taken = _hours_to_event(population, time)["hours"]
    places = pl.Series(_EDGES).search_sorted(taken, side="right").alias("bin").to_frame()
    counts = places.group_by(pl.col("bin").cast(pl.UInt32)).agg(accounts=pl.len().cast(pl.Int64))
    filled = bins.join(counts, on="bin", how="left", maintain_order="left")
    accounts = pl.col("accounts").fill_null(0)
    return filled.select(
        pl.lit(stage).alias("stage"),
        "from_hours",
        "to_hours",
        accounts,
        share=ratio(accounts, accounts.sum()),
    )


def _hours_to_event(population: Population, time: str) -> pl.DataFrame:
    return population.frame.select(hours=hours_between("signed_up_at", time)).drop_nulls()


_MOST_BOTTLENECKS = 10_000
OTHER_ROUTE = "(other)"


def bottlenecks_table(population: Population) -> pl.DataFrame:
    """One row a stage, route and status: of the accounts that stalled there, their last call.

    Of an account that met errors it is the last error. Accounts that never called have neither
    route nor status. The share is that of the stage's stalled accounts. Beyond 10 000 rows the
    rarest are one row `(other)` a stage.
    """
    stalled = population.frame.filter(pl.col("stage") < len(STAGES) - 1)
    met = (
        stalled.join(population.calls.lasts, on="id", how="left")
        .group_by("stage", "route", "status")
        .agg(accounts=pl.len().cast(pl.Int64))
        .sort(
            "stage",
            "accounts",
            "route",
            "status",
            descending=[False, True, False, False],
            nulls_last=True,
        )
    )
    met = met.with_columns(share=ratio(pl.col("accounts"), pl.col("accounts").sum().over("stage")))
    return _fold_rare_rows(met).select(
        pl.lit(pl.Series(STAGES)).gather(pl.col("stage").cast(pl.UInt32)).alias("stage"),
        "route",
        "status",
        "accounts",
        "share",
    )


def _fold_rare_rows(met: pl.DataFrame) -> pl.DataFrame:
    if met.height <= _MOST_BOTTLENECKS:
        return met
    ranked = met.sort("accounts", descending=True, maintain_order=True)
    rest = (
        ranked.slice(_MOST_BOTTLENECKS)
        .group_by("stage", maintain_order=True)
        .agg(
            pl.lit(OTHER_ROUTE).alias("route"),
            pl.lit(None, pl.Int16).alias("status"),
            pl.col("accounts").sum(),
            pl.col("share").sum(),
        )
    )
    return pl.concat([ranked.head(_MOST_BOTTLENECKS), rest]).sort("stage", maintain_order=True)


def retention_table(population: Population) -> pl.DataFrame:
    """One row a cohort and age; age 0 is the week or month of the sign-up itself.

    An account is active in one in which it called. A cell that is not over at as-of is not
    `complete`.
    """
    terms = population.terms
    members = population.frame.select(
        "id", cohort_period=period_number(pl.col("signed_up_at"), terms.cohort)
    ).drop_nulls()
    current = pl.select(period_number(pl.lit(terms.as_of), terms.cohort)).item()
    cohorts = members.group_by("cohort_period").agg(accounts=pl.len().cast(pl.Int64))
    cells = cohorts.with_columns(
        age=pl.int_ranges(0, current - pl.col("cohort_period") + 1, dtype=pl.Int32)
    ).explode("age")
    found = cells.join(_active_counts(population, members), on=["cohort_period", "age"], how="left")
    at = pl.col("cohort_period") + pl.col("age")
    return found.sort("cohort_period", "age").select(
        period_start(pl.col("cohort_period"), terms.cohort).alias("cohort"),
        pl.col("age").cast(pl.Int64),
        "accounts",
        pl.col("active").fill_null(0),
        rate=ratio(pl.col("active").fill_null(0), pl.col("accounts")),
        complete=period_start(at + 1, terms.cohort).cast(pl.Datetime("us", "UTC")) <= terms.as_of,
    )


def _active_counts(population: Population, members: pl.DataFrame) -> pl.DataFrame:
    """How many accounts of each cohort are active at each age."""
    active = population.calls.active.join(members, on="id")
    age = pl.col("period") - pl.col("cohort_period")
    counts = count_periods(active, "cohort_period").select("cohort_period", age=age, active="count")
    return counts.filter(pl.col("age") >= 0)

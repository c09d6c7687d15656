"""`retention`: of the accounts that signed up together, how many call in later weeks or months."""

from __future__ import annotations

import polars as pl

from apilog.success.calls.periods import counted, first_day, period
from apilog.success.population import Population
from apilog.success.tables.expressions import ratio


def retention(population: Population) -> pl.DataFrame:
    """One row a cohort and age; age 0 is the week or month of the sign-up itself.

    An account is active in one in which it called. A cell that is not over at as-of is not
    `complete`.
    """
    terms = population.terms
    members = population.frame.select(
        "id", cohort_period=period(pl.col("signed_up_at"), terms.cohort)
    ).drop_nulls()
    current = pl.select(period(pl.lit(terms.as_of), terms.cohort)).item()
    cohorts = members.group_by("cohort_period").agg(accounts=pl.len().cast(pl.Int64))
    cells = cohorts.with_columns(
        age=pl.int_ranges(0, current - pl.col("cohort_period") + 1, dtype=pl.Int32)
    ).explode("age")
    found = cells.join(_active(population, members), on=["cohort_period", "age"], how="left")
    at = pl.col("cohort_period") + pl.col("age")
    return found.sort("cohort_period", "age").select(
        first_day(pl.col("cohort_period"), terms.cohort).alias("cohort"),
        pl.col("age").cast(pl.Int64),
        "accounts",
        pl.col("active").fill_null(0),
        rate=ratio(pl.col("active").fill_null(0), pl.col("accounts")),
        complete=first_day(at + 1, terms.cohort).cast(pl.Datetime("us", "UTC")) <= terms.as_of,
    )


def _active(population: Population, members: pl.DataFrame) -> pl.DataFrame:
    """How many accounts of each cohort are active at each age."""
    active = population.calls.active.join(members, on="id")
    age = pl.col("period") - pl.col("cohort_period")
    counts = counted(active, "cohort_period").select("cohort_period", age=age, active="count")
    return counts.filter(pl.col("age") >= 0)

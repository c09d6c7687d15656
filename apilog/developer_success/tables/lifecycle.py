"""The life of accounts: the activation funnel, onboarding, bottlenecks, and retention by cohort."""

from __future__ import annotations

import polars as pl

from apilog.developer_success.call_plan import count_periods, period_number, period_start
from apilog.developer_success.event_curve import EventCurve
from apilog.developer_success.population import STAGE_TIMES, STAGES, Population
from apilog.developer_success.tables.account_statistics import hours_between, in_hours, ratio
from apilog.schema import TIMESTAMP


def funnel_table(population: Population) -> pl.DataFrame:
    """Return one row per stage with the accounts that reached it and all stages before it.

    `accounts` is of all accounts, as far as the log tells. The rates are of those that are
    followed from their beginning, `at_risk`, of which `reached` came that far: `rate` = reached /
    at_risk, `step_rate` = reached / reached of the stage before. `median_hours` is the time from
    sign-up by which half of those with a sign-up have come there (Kaplan-Meier); null if fewer
    than half have.
    """
    rows = []
    followed = population.frame.filter("is_followed")
    for i, (stage, time) in enumerate(zip(STAGES, STAGE_TIMES, strict=True)):
        has_come = pl.col("stage") >= i
        come, followed_come = (
            frame.filter(has_come).height for frame in (population.frame, followed)
        )
        median = _curve_to(population, time, has_come).quantile(0.5)
        rows.append((stage, come, median, followed.height, followed_come))
    schema = {
        "stage": pl.String,
        "accounts": pl.Int64,
        "median_hours": pl.Float64,
        "at_risk": pl.Int64,
        "reached": pl.Int64,
    }
    reached = pl.col("reached")
    return pl.DataFrame(rows, schema=schema, orient="row").select(
        "stage",
        "accounts",
        rate=ratio(reached, pl.col("at_risk")),
        step_rate=ratio(reached, reached.shift(1)),
        median_hours="median_hours",
        at_risk="at_risk",
        reached="reached",
    )


def _curve_to(population: Population, time: str, has_come: pl.Expr) -> EventCurve:
    """Return the curve of the hours from sign-up to an event, over the accounts whose log has both.

    An account without the event waits for it until the log ends.
    """
    timed = population.frame.filter("is_timed")
    until = pl.lit(population.coverage.ends, TIMESTAMP)
    waited = in_hours(until - pl.col("signed_up_at"))
    return EventCurve.from_times(
        *timed.select(
            pl.when(has_come).then(hours_between("signed_up_at", time)).otherwise(waited),
            has_come.alias("has_come"),
        ).get_columns()
    )


_EDGES = (0.0, 1 / 12, 0.25, 1.0, 6.0, 24.0, 72.0, 168.0, 336.0, 720.0)
"""The hours at which the bins of the onboarding histogram begin."""
_EVENTS = tuple(zip(STAGES, STAGE_TIMES, strict=True))[1:4]


def onboarding_table(population: Population) -> pl.DataFrame:
    """Return one row per first event: how many accounts had it, and the hours from sign-up to it.

    All are of the accounts whose sign-up the log covers, `at_risk`: `accounts` had the event,
    `p50_hours` and `p90_hours` are the times by which half and nine in ten of all of them have
    (Kaplan-Meier); null if fewer have.
    """
    rows = []
    for stage, time in _EVENTS:
        curve = _curve_to(population, time, pl.col(time).is_not_null())
        quantiles = (curve.quantile(0.5), curve.quantile(0.9))
        rows.append((stage, curve.events, *quantiles, curve.at_risk))
    schema = {
        "stage": pl.String,
        "accounts": pl.Int64,
        "p50_hours": pl.Float64,
        "p90_hours": pl.Float64,
        "at_risk": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def onboarding_histogram_table(population: Population) -> pl.DataFrame:
    """Return one row per first event and bin of hours from sign-up, `from_hours` inclusive.

    `share` = accounts of the bin / accounts that had the event, of those whose sign-up
    the log covers. The first bin has no start: it holds calls before sign-up. The last has no end.
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
    timed = population.frame.filter("is_timed")
    return timed.select(hours=hours_between("signed_up_at", time)).drop_nulls()


_MOST_BOTTLENECKS = 10_000
OTHER_ROUTE = "(other)"


def bottlenecks_table(population: Population) -> pl.DataFrame:
    """Return one row per stage, route and status: the last call of accounts that stalled there.

    Of accounts that are followed from their beginning: how far others came before the log begins
    is unknown. For an account that met errors it is the last error; accounts that never called
    have neither route nor status. `share` = accounts / accounts that stalled at the stage. Beyond
    10 000 rows the rarest are folded into one row `(other)` per stage.
    """
    stalled = population.frame.filter("is_followed").filter(pl.col("stage") < len(STAGES) - 1)
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
    period in which it called. `rate` = active accounts / accounts of the cohort. A row is
    `complete` if its period is over at as-of and the log covers it; `active` and `rate` are null
    where the log has no call of anybody, because then it tells nothing.
    """
    terms = population.terms
    members = population.frame.select(
        "id", cohort_period=period_number(pl.col("signed_up_at"), terms.cohort)
    ).drop_nulls()
    # All ages up to as-of get a row: a cohort that calls no more has 0, not a gap.
    current = pl.select(period_number(pl.lit(terms.as_of), terms.cohort)).item()
    cohorts = members.group_by("cohort_period").agg(accounts=pl.len().cast(pl.Int64))
    cells = cohorts.with_columns(
        age=pl.int_ranges(0, current - pl.col("cohort_period") + 1, dtype=pl.Int32)
    ).explode("age")
    counts = count_periods(population.calls.active.join(members, on="id"), "cohort_period").select(
        "cohort_period", age=pl.col("period") - pl.col("cohort_period"), active="count"
    )
    rows = cells.join(counts, on=["cohort_period", "age"], how="left")
    period = pl.col("cohort_period") + pl.col("age")
    start, end = (
        period_start(number, terms.cohort).cast(TIMESTAMP) for number in (period, period + 1)
    )
    is_logged = period.is_in(population.calls.periods["period"].implode())
    is_covered = population.coverage.includes(start) & population.coverage.includes(end)
    return (
        rows.sort("cohort_period", "age")
        .with_columns(pl.when(is_logged).then(pl.col("active").fill_null(0)).alias("active"))
        .select(
            period_start(pl.col("cohort_period"), terms.cohort).alias("cohort"),
            pl.col("age").cast(pl.Int64),
            "accounts",
            "active",
            rate=ratio(pl.col("active"), pl.col("accounts")),
            complete=is_logged & is_covered,
        )
    )

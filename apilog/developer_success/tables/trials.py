"""Trials and proofs of concept: what became of them, and what the calls within trials met."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from apilog.developer_success.account_latency import p95_of_accounts, p95_of_groups
from apilog.developer_success.call_plan import MINUTE_US
from apilog.developer_success.population import Population
from apilog.developer_success.tables.account_statistics import (
    count_where,
    days_between,
    linear_quantile,
    rank_test,
    ratio,
)
from apilog.statistics.two_samples import Proportion, wilson_interval

BURST_ERRORS = 3
BURST_SHARE = 0.1
"""A minute has a burst if so many of its calls, and such a share of them, got a 5xx."""


def count_trial_minutes(population: Population) -> pl.DataFrame:
    """Of each account of the frame: `minutes` of its trial, and how many of them had a burst.

    Only minutes between the first and the last call of the logs count; bursts are looked for in
    the calls of all consumers.
    """
    calls, terms = population.calls, population.terms
    end = pl.min_horizontal(pl.col("trial_ends_at").fill_null(terms.as_of), pl.lit(terms.as_of))
    limits = population.frame.select(
        start=_first_whole_minute(pl.col("trial_started_at")), end=_first_whole_minute(end)
    )
    if calls.first is None or calls.last is None:
        nothing = limits.with_columns(minutes=pl.lit(0, pl.Int64), bursts=pl.lit(0, pl.Int64))
        return nothing.select("minutes", "bursts")
    logged = pl.select(
        first=pl.lit(calls.first).dt.epoch("us") // MINUTE_US,
        last=pl.lit(calls.last).dt.epoch("us") // MINUTE_US + 1,
    ).row(0)
    within = limits.select(pl.all().clip(*logged)).cast(pl.Int32)
    bursts = _burst_minutes(calls.minutes)
    before = [bursts.search_sorted(within[name]).cast(pl.Int64) for name in ("start", "end")]
    minutes = (within["end"] - within["start"]).cast(pl.Int64).clip(0)
    return pl.DataFrame({"minutes": minutes, "bursts": (before[1] - before[0]).clip(0)})


def _burst_minutes(minutes: pl.DataFrame) -> pl.Series:
    """The minutes with a burst, ascending."""
    errors = pl.col("server_errors")
    is_burst = (errors >= BURST_ERRORS) & (errors >= BURST_SHARE * pl.col("requests"))
    return minutes.filter(is_burst)["minute"]


def _first_whole_minute(at: pl.Expr) -> pl.Expr:
    """The first whole minute from an instant on."""
    return -(-at.dt.epoch("us") // MINUTE_US)


ENDING_SOON = timedelta(days=7)
OUTCOME_SUFFIXES = ("", "_converted", "_lost")
"""Endings of the columns about all trials, those that converted, and those that ended without."""


def trials_table(population: Population) -> pl.DataFrame:
    """One row a kind of trial, those without one last."""
    inside = _with_outcomes(population)
    kinds = (
        inside.frame.group_by("trial_kind")
        .agg(**_trial_sums(inside))
        .sort("trial_kind", nulls_last=True)
    )
    met = [_trial_experience(inside, kinds, outcome) for outcome in OUTCOME_SUFFIXES]
    rows = pl.concat([kinds, *met, _outcome_p_values(inside, kinds)], how="horizontal")
    return rows.select(
        "trial_kind",
        "started",
        "running",
        "finished",
        "converted",
        ratio(pl.col("converted"), pl.col("finished")).alias("conversion_rate"),
        *_conversion_interval(rows),
        "median_days_to_convert",
        *(f"{name}{outcome}" for outcome in OUTCOME_SUFFIXES for name in _EXPERIENCE),
        *_P_VALUES,
        "ending_soon",
        "median_days_left",
    )


_EXPERIENCE = ("requests_per_account", "error_rate", "latency_p95_ms", "uptime")
_P_VALUES = ("requests_p_value", "error_rate_p_value", "latency_p95_p_value")


def _with_outcomes(population: Population) -> Population:
    """The accounts with a trial, and what became of each."""
    as_of = population.terms.as_of
    has_converted = pl.col("converted_at").is_not_null()
    has_ended = (pl.col("trial_ends_at") <= as_of).fill_null(value=False)
    started = population.frame.filter(pl.col("trial_started_at").is_not_null())
    frame = started.with_columns(
        has_converted=has_converted,
        is_lost=has_ended & ~has_converted,
        is_running=~has_ended & ~has_converted,
    )
    return population.restricted_to(
        frame.hstack(count_trial_minutes(population.restricted_to(frame)))
    )


def _trial_sums(inside: Population) -> dict[str, pl.Expr]:
    as_of = inside.terms.as_of
    ends, is_running = pl.col("trial_ends_at"), pl.col("is_running")
    left = (ends - as_of).dt.total_microseconds() / timedelta(days=1).total_seconds() / 1e6
    return {
        "started": pl.len().cast(pl.Int64),
        "running": count_where(is_running),
        "finished": count_where(~is_running),
        "converted": count_where(pl.col("has_converted")),
        "median_days_to_convert": days_between("trial_started_at", "converted_at").median(),
        "ending_soon": count_where(is_running & (ends <= as_of + ENDING_SOON)),
        "median_days_left": left.filter(is_running).median(),
    }


def _conversion_interval(rows: pl.DataFrame) -> Iterator[pl.Series]:
    """The 95 % interval of the conversion rate."""
    pairs = rows.select("converted", "finished").iter_rows()
    bounds = [wilson_interval(Proportion(*pair)) or (None, None) for pair in pairs]
    for i, name in enumerate(("conversion_low", "conversion_high")):
        yield pl.Series(name, [pair[i] for pair in bounds], dtype=pl.Float64)


def _trial_experience(inside: Population, kinds: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """What the trial calls of the accounts of that outcome met, a row a kind."""
    marks = {
        "": pl.lit(value=True),
        "_converted": pl.col("has_converted"),
        "_lost": pl.col("is_lost"),
    }
    some = inside.restricted_to(inside.frame.filter(marks[outcome]))
    numbered = kinds.select("trial_kind").with_row_index("row")
    frame = some.frame.join(
        numbered, on="trial_kind", how="left", nulls_equal=True, maintain_order="left"
    )
    sums = frame.group_by("row").agg(
        requests_per_account=ratio(pl.col("trial_requests").sum(), pl.len()),
        error_rate=ratio(pl.col("trial_errors").sum(), pl.col("trial_requests").sum()),
        uptime=1 - ratio(pl.col("bursts").sum(), pl.col("minutes").sum()),
    )
    p95 = p95_of_groups(some.restricted_to(frame), pl.col("row"), kinds.height, in_trial=True)
    return (
        numbered.join(sums, on="row", how="left", maintain_order="left")
        .with_columns(p95.alias("latency_p95_ms"))
        .select(pl.col(name).alias(f"{name}{outcome}") for name in _EXPERIENCE)
    )


def _outcome_p_values(inside: Population, kinds: pl.DataFrame) -> pl.DataFrame:
    """The p-values of converted against lost accounts, a row a kind."""
    p95 = p95_of_accounts(inside, in_trial=True)
    finished = inside.frame.filter(~pl.col("is_running")).join(p95, on="id", how="left")
    values = finished.select(
        "trial_kind",
        "has_converted",
        requests_p_value="trial_requests",
        error_rate_p_value=ratio(pl.col("trial_errors"), pl.col("trial_requests")),
        latency_p95_p_value="p95",
    )
    groups = [
        values.filter(pl.col("trial_kind").eq_missing(pl.lit(kind, pl.String)))
        for kind in kinds["trial_kind"].to_list()
    ]
    return pl.DataFrame(
        {
            name: [rank_test(group[name], group["has_converted"]) for group in groups]
            for name in _P_VALUES
        },
        schema=dict.fromkeys(_P_VALUES, pl.Float64),
    )


def poc_table(population: Population) -> pl.DataFrame:
    """One row: how many began and were completed, how long they took, and who converted."""
    has_started = pl.col("poc_started_at").is_not_null()
    is_completed = has_started & pl.col("poc_completed_at").is_not_null()
    taken = days_between("poc_started_at", "poc_completed_at")
    sums = population.frame.select(
        started=count_where(has_started),
        completed=count_where(is_completed),
        converted=count_where(is_completed & pl.col("converted_at").is_not_null()),
        median_days=taken.median(),
        p90_days=linear_quantile(taken, 0.9),
    )
    return sums.select(
        "started",
        "completed",
        conversion_rate=ratio(pl.col("converted"), pl.col("completed")),
        completion_rate=ratio(pl.col("completed"), pl.col("started")),
        median_days="median_days",
        p90_days="p90_days",
    )

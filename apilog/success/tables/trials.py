"""`trials`: what becomes of trials, and what the calls within them met."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from apilog.statistics.proportions import Proportion, wilson
from apilog.success.comparison import rank_test
from apilog.success.latency import p95_of_accounts, p95_of_groups
from apilog.success.population import Population
from apilog.success.tables.expressions import count, days, ratio
from apilog.success.uptime import trial_minutes

ENDING_SOON = timedelta(days=7)
OUTCOMES = ("", "_converted", "_lost")
"""Endings of the columns about all trials, those that converted, and those that ended without."""


def trials(population: Population) -> pl.DataFrame:
    """One row a kind of trial, those without one last."""
    inside = _inside(population)
    kinds = (
        inside.frame.group_by("trial_kind").agg(**_sums(inside)).sort("trial_kind", nulls_last=True)
    )
    met = [_met(inside, kinds, outcome) for outcome in OUTCOMES]
    rows = pl.concat([kinds, *met, _compared(inside, kinds)], how="horizontal")
    return rows.select(
        "trial_kind",
        "started",
        "running",
        "finished",
        "converted",
        ratio(pl.col("converted"), pl.col("finished")).alias("conversion_rate"),
        *_wilson(rows),
        "median_days_to_convert",
        *(f"{name}{outcome}" for outcome in OUTCOMES for name in _MET),
        *_P_VALUES,
        "ending_soon",
        "median_days_left",
    )


_MET = ("requests_per_account", "error_rate", "latency_p95_ms", "uptime")
_P_VALUES = ("requests_p_value", "error_rate_p_value", "latency_p95_p_value")


def _inside(population: Population) -> Population:
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
    return population.of(frame.hstack(trial_minutes(population.of(frame))))


def _sums(inside: Population) -> dict[str, pl.Expr]:
    as_of = inside.terms.as_of
    ends, is_running = pl.col("trial_ends_at"), pl.col("is_running")
    left = (ends - as_of).dt.total_microseconds() / timedelta(days=1).total_seconds() / 1e6
    return {
        "started": pl.len().cast(pl.Int64),
        "running": count(is_running),
        "finished": count(~is_running),
        "converted": count(pl.col("has_converted")),
        "median_days_to_convert": days("trial_started_at", "converted_at").median(),
        "ending_soon": count(is_running & (ends <= as_of + ENDING_SOON)),
        "median_days_left": left.filter(is_running).median(),
    }


def _wilson(rows: pl.DataFrame) -> Iterator[pl.Series]:
    """The 95 % interval of the conversion rate."""
    pairs = rows.select("converted", "finished").iter_rows()
    bounds = [wilson(Proportion(*pair)) or (None, None) for pair in pairs]
    for i, name in enumerate(("conversion_low", "conversion_high")):
        yield pl.Series(name, [pair[i] for pair in bounds], dtype=pl.Float64)


def _met(inside: Population, kinds: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """What the trial calls of the accounts of that outcome met, a row a kind."""
    marks = {
        "": pl.lit(value=True),
        "_converted": pl.col("has_converted"),
        "_lost": pl.col("is_lost"),
    }
    some = inside.of(inside.frame.filter(marks[outcome]))
    numbered = kinds.select("trial_kind").with_row_index("row")
    frame = some.frame.join(
        numbered, on="trial_kind", how="left", nulls_equal=True, maintain_order="left"
    )
    sums = frame.group_by("row").agg(
        requests_per_account=ratio(pl.col("trial_requests").sum(), pl.len()),
        error_rate=ratio(pl.col("trial_errors").sum(), pl.col("trial_requests").sum()),
        uptime=1 - ratio(pl.col("bursts").sum(), pl.col("minutes").sum()),
    )
    p95 = p95_of_groups(some.of(frame), pl.col("row"), kinds.height, in_trial=True)
    return (
        numbered.join(sums, on="row", how="left", maintain_order="left")
        .with_columns(p95.alias("latency_p95_ms"))
        .select(pl.col(name).alias(f"{name}{outcome}") for name in _MET)
    )


def _compared(inside: Population, kinds: pl.DataFrame) -> pl.DataFrame:
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

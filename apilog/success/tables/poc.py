"""`poc`: proofs of concept."""

from __future__ import annotations

import polars as pl

from apilog.success.population import Population
from apilog.success.tables.expressions import count, days, quantile, ratio


def poc(population: Population) -> pl.DataFrame:
    """One row: how many began and were completed, how long they took, and who converted."""
    has_started = pl.col("poc_started_at").is_not_null()
    is_completed = has_started & pl.col("poc_completed_at").is_not_null()
    taken = days("poc_started_at", "poc_completed_at")
    sums = population.frame.select(
        started=count(has_started),
        completed=count(is_completed),
        converted=count(is_completed & pl.col("converted_at").is_not_null()),
        median_days=taken.median(),
        p90_days=quantile(taken, 0.9),
    )
    return sums.select(
        "started",
        "completed",
        conversion_rate=ratio(pl.col("converted"), pl.col("completed")),
        completion_rate=ratio(pl.col("completed"), pl.col("started")),
        median_days="median_days",
        p90_days="p90_days",
    )

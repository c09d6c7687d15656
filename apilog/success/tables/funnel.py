"""`funnel`: how many accounts come how far, and how long it takes them."""

from __future__ import annotations

import polars as pl

from apilog.success.population import STAGE_TIMES, STAGES, Population
from apilog.success.tables.expressions import hours, ratio


def funnel(population: Population) -> pl.DataFrame:
    """One row a stage; it counts an account only if that passed the stages before."""
    stages = pl.concat(
        population.frame.filter(pl.col("stage") >= i).select(
            stage=pl.lit(stage),
            accounts=pl.len().cast(pl.Int64),
            median_hours=hours("signed_up_at", time).median(),
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

"""`onboarding` and `onboarding_histogram`: how long newcomers take to their first calls."""

from __future__ import annotations

import polars as pl

from apilog.success.population import STAGE_TIMES, STAGES, Population
from apilog.success.tables.expressions import hours, quantile, ratio

_EDGES = (0.0, 1 / 12, 0.25, 1.0, 6.0, 24.0, 72.0, 168.0, 336.0, 720.0)
"""Hours at which the bins of the histogram begin."""
_EVENTS = tuple(zip(STAGES, STAGE_TIMES, strict=True))[1:4]


def onboarding(population: Population) -> pl.DataFrame:
    """One row an event: over the accounts that had it, the hours from sign-up."""
    return pl.concat(
        _taken(population, time).select(
            stage=pl.lit(stage),
            accounts=pl.len().cast(pl.Int64),
            p50_hours=quantile(pl.col("hours"), 0.5),
            p90_hours=quantile(pl.col("hours"), 0.9),
        )
        for stage, time in _EVENTS
    )


def onboarding_histogram(population: Population) -> pl.DataFrame:
    """One row an event and bin, from `from_hours` on and before `to_hours`.

    The first bin has no start: it is of the calls before sign-up. The last has no end.
    """
    bins = pl.DataFrame({"from_hours": [None, *_EDGES], "to_hours": [*_EDGES, None]})
    bins = bins.with_row_index("bin")
    return pl.concat(_binned(population, stage, time, bins) for stage, time in _EVENTS)


def _binned(population: Population, stage: str, time: str, bins: pl.DataFrame) -> pl.DataFrame:
    taken = _taken(population, time)["hours"]
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


def _taken(population: Population, time: str) -> pl.DataFrame:
    return population.frame.select(hours=hours("signed_up_at", time)).drop_nulls()

"""`bottlenecks`: what accounts met last that came no further."""

from __future__ import annotations

import polars as pl

from apilog.success.population import STAGES, Population
from apilog.success.tables.expressions import ratio

_MOST_ROWS = 10_000
OTHER = "(other)"


def bottlenecks(population: Population) -> pl.DataFrame:
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
    return _capped(met).select(
        pl.lit(pl.Series(STAGES)).gather(pl.col("stage").cast(pl.UInt32)).alias("stage"),
        "route",
        "status",
        "accounts",
        "share",
    )


def _capped(met: pl.DataFrame) -> pl.DataFrame:
    if met.height <= _MOST_ROWS:
        return met
    ranked = met.sort("accounts", descending=True, maintain_order=True)
    rest = (
        ranked.slice(_MOST_ROWS)
        .group_by("stage", maintain_order=True)
        .agg(
            pl.lit(OTHER).alias("route"),
            pl.lit(None, pl.Int16).alias("status"),
            pl.col("accounts").sum(),
            pl.col("share").sum(),
        )
    )
    return pl.concat([ranked.head(_MOST_ROWS), rest]).sort("stage", maintain_order=True)

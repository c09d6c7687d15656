"""Uptime: the share of minutes without a burst of server errors."""

from __future__ import annotations

import polars as pl

from apilog.success.calls.state import MINUTE_US
from apilog.success.population import Population

BURST_ERRORS = 3
BURST_SHARE = 0.1
"""A minute has a burst if so many of its calls, and such a share of them, got a 5xx."""


def trial_minutes(population: Population) -> pl.DataFrame:
    """Of each account of the frame: `minutes` of its trial, and how many of them had a burst.

    Only minutes between the first and the last call of the logs count; bursts are looked for in
    the calls of all consumers.
    """
    calls, terms = population.calls, population.terms
    end = pl.min_horizontal(pl.col("trial_ends_at").fill_null(terms.as_of), pl.lit(terms.as_of))
    limits = population.frame.select(start=_minute(pl.col("trial_started_at")), end=_minute(end))
    if calls.first is None or calls.last is None:
        nothing = limits.with_columns(minutes=pl.lit(0, pl.Int64), bursts=pl.lit(0, pl.Int64))
        return nothing.select("minutes", "bursts")
    logged = pl.select(
        first=pl.lit(calls.first).dt.epoch("us") // MINUTE_US,
        last=pl.lit(calls.last).dt.epoch("us") // MINUTE_US + 1,
    ).row(0)
    within = limits.select(pl.all().clip(*logged)).cast(pl.Int32)
    bursts = _bursts(calls.minutes)
    before = [bursts.search_sorted(within[name]).cast(pl.Int64) for name in ("start", "end")]
    minutes = (within["end"] - within["start"]).cast(pl.Int64).clip(0)
    return pl.DataFrame({"minutes": minutes, "bursts": (before[1] - before[0]).clip(0)})


def _bursts(minutes: pl.DataFrame) -> pl.Series:
    """The minutes with a burst, ascending."""
    errors = pl.col("server_errors")
    is_burst = (errors >= BURST_ERRORS) & (errors >= BURST_SHARE * pl.col("requests"))
    return minutes.filter(is_burst)["minute"]


def _minute(at: pl.Expr) -> pl.Expr:
    """The first whole minute from an instant on."""
    return -(-at.dt.epoch("us") // MINUTE_US)

"""Weeks and months as numbers, and sets of them as bits.

Weeks begin on Monday; all is UTC.
"""

from __future__ import annotations

import polars as pl

from apilog.success.calls.state import Cohort

BITS = 64
"""Periods in a word."""


def period(at: pl.Expr, cohort: Cohort) -> pl.Expr:
    """The number (Int32) of the week or month that holds the instant."""
    if cohort is Cohort.MONTH:
        months = at.dt.year().cast(pl.Int32) * 12 + at.dt.month().cast(pl.Int32) - 1
        return months.alias("period")
    # 1970 began on a Thursday.
    return ((at.dt.epoch("d").cast(pl.Int32) + 3) // 7).alias("period")


def first_day(period: pl.Expr, cohort: Cohort) -> pl.Expr:
    """The date on which a week or month begins."""
    if cohort is Cohort.MONTH:
        return pl.date(period // 12, period % 12 + 1, 1)
    return (period * 7 - 3).cast(pl.Date)


def marked(periods: pl.DataFrame) -> pl.DataFrame:
    """Of `id` and `period` the set of each account: `id`, `word`, and a `mask` of its bits."""
    bit = pl.lit(2, pl.UInt64).pow(pl.col("period") % BITS)
    return (
        periods.unique()
        .group_by("id", word=pl.col("period") // BITS)
        .agg(mask=bit.sum())
        .sort("id", "word")
    )


def united(marked: pl.DataFrame) -> pl.DataFrame:
    """The union of several such sets."""
    return marked.group_by("id", "word").agg(pl.col("mask").bitwise_or()).sort("id", "word")


def counted(active: pl.DataFrame, group: str) -> pl.DataFrame:
    """How many sets of each group hold each period: `group`, `period`, `count`, without zeros."""
    bits = [
        ((pl.col("mask") & pl.lit(2**bit, pl.UInt64)) != 0).sum().cast(pl.Int64).alias(str(bit))
        for bit in range(BITS)
    ]
    wide = active.group_by(group, "word").agg(bits)
    counts = wide.unpivot(index=[group, "word"], variable_name="bit", value_name="count")
    return counts.filter(pl.col("count") > 0).select(
        group, period=pl.col("word") * BITS + pl.col("bit").cast(pl.Int32), count="count"
    )

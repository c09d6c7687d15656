"""What the experiments say, all of their tests taken together."""

from __future__ import annotations

import polars as pl

from apilog.statistics.multiple import benjamini_hochberg
from apilog.success.comparison import SIGNIFICANT
from apilog.success.population import Terms

UNEVEN = 0.001
"""Below this p-value of the split, the variants were not given out as they should have been."""

_LOWER_IS_BETTER = ("error_rate", "latency_p95")


def judged(experiments: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """The table with its p-values adjusted (Benjamini-Hochberg) and a `verdict` on each row.

    All tests of the table are adjusted together, those of several groups of accounts too.

    `control`; `too early` with fewer accounts than asked for on either side; `uneven split`;
    `no data`; else `better`, `worse` or `no difference shown`.
    """
    adjusted = benjamini_hochberg(experiments["p_value"].to_list())
    rows = experiments.with_columns(pl.Series("p_value", adjusted, dtype=pl.Float64))
    names = rows["variant"].unique().sort().to_list()
    control = terms.control or (names[0] if names else None)
    groups = experiments.columns[: experiments.columns.index("variant")]
    is_control = pl.col("variant") == pl.lit(control, pl.String)
    base = pl.col("accounts").filter(is_control).min()
    base = base.over(groups) if groups else base
    lower_is_better = pl.col("metric").is_in(_LOWER_IS_BETTER)
    is_better = (pl.col("lift") < 0) == lower_is_better
    verdict = (
        pl.when(is_control)
        .then(pl.lit("control"))
        .when(pl.min_horizontal("accounts", base) < terms.min_accounts)
        .then(pl.lit("too early"))
        .when(pl.col("split_p_value") < UNEVEN)
        .then(pl.lit("uneven split"))
        .when(pl.col("p_value").is_null() | pl.col("lift").is_null())
        .then(pl.lit("no data"))
        .when(pl.col("p_value") >= SIGNIFICANT)
        .then(pl.lit("no difference shown"))
        .when(is_better)
        .then(pl.lit("better"))
        .otherwise(pl.lit("worse"))
    )
    return rows.with_columns(verdict.alias("verdict"))

"""Log buckets: the shape of a distribution in sums, quantiles within 1 %.

Bucket `b` holds the durations in (γ^(b-1), γ^b] milliseconds, everything up to 1 µs in
the lowest; zero has a bucket of its own below. Histograms merge by adding counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

GAMMA = 1.01 / 0.99
SHORTEST_MS = 1e-3
LONGEST_MS = 1e11
"""Three years; what is longer is no duration."""

_LOWEST_BUCKET = math.ceil(math.log(SHORTEST_MS) / math.log(GAMMA))
ZERO_BUCKET = _LOWEST_BUCKET - 1
BUCKET_CODES = math.ceil(math.log(LONGEST_MS) / math.log(GAMMA)) - ZERO_BUCKET + 3
"""Bucket codes are below it."""

# Extremes are kept in whole microseconds; from here on that is far finer than the 1 %.
_EXACT_FROM_MS = 0.1
_ROUNDING_MS = 0.0005


def clean_duration(column: str) -> pl.Expr:
    """The duration as all statistics take it: null if it isn't one, 0 if negative."""
    value = pl.col(column)
    return pl.when(value.is_finite() & (value <= LONGEST_MS)).then(value.clip(lower_bound=0.0))


def is_clean_duration(durations: pl.Series) -> bool:
    """Whether cleaning would change nothing."""
    return bool(durations.is_between(0.0, LONGEST_MS).all())


def bucket_code(column: str, *, plain: bool = False) -> pl.Expr:
    """Code of the bucket of a cleaned duration (UInt64); 0 for null, 1 for zero.

    `plain` where there is neither a null nor a zero.
    """
    value = pl.col(column)
    bucket = (value.clip(SHORTEST_MS).log() / math.log(GAMMA)).ceil()
    code = bucket - (ZERO_BUCKET - 1)
    if not plain:
        code = pl.when(value > 0).then(code).otherwise(1.0)
        code = pl.when(value.is_not_null()).then(code).otherwise(0.0)
    return code.cast(pl.UInt64).alias("bucket")


def bucket_of_code(code: pl.Expr) -> pl.Expr:
    """The `bucket` (Int16) of a code that isn't 0."""
    return (code.cast(pl.Int16) + (ZERO_BUCKET - 1)).alias("bucket")


def bucket_value_expr() -> pl.Expr:
    """The milliseconds that the column `bucket` stands for: off by 1 % at most."""
    exponent = pl.col("bucket").cast(pl.Float64)
    value = 2.0 * pl.lit(GAMMA).pow(exponent) / (GAMMA + 1)
    return pl.when(pl.col("bucket") > ZERO_BUCKET).then(value).otherwise(0.0)


def bucket_value_ms(bucket: int) -> float:
    """What `bucket_value` gives for a bucket, as a plain number."""
    return 2.0 * GAMMA**bucket / (GAMMA + 1) if bucket > ZERO_BUCKET else 0.0


def bucket_of(ms: float) -> int:
    """The bucket that so many milliseconds fall into; below all buckets if they are negative."""
    if ms <= 0:
        return ZERO_BUCKET if ms == 0 else ZERO_BUCKET - 1
    # The edge of a bucket, however it was computed, is in the bucket.
    return math.ceil(math.log(max(ms, SHORTEST_MS)) / math.log(GAMMA) - 1e-9)


def bucket_upper_edge(bucket: int) -> float:
    """The longest duration of a bucket."""
    return GAMMA**bucket if bucket > ZERO_BUCKET else 0.0


def estimate_quantiles(
    histogram: pl.DataFrame, wanted: Mapping[str, float], low_us: pl.Series, high_us: pl.Series
) -> pl.DataFrame:
    """Quantiles in milliseconds of each row that has values.

    Takes `row`, `bucket`, `n`, one line a row and bucket, and the exact extremes in
    microseconds, indexed by row. Gives `row` and a column for each name wanted: the
    value at rank floor(q·(n−1)), never outside the extremes.
    """
    ranked = histogram.sort("row", "bucket").with_columns_seq(
        upto=pl.col("n").cum_sum().over("row"), total=pl.col("n").sum().over("row")
    )
    result = histogram.select_seq("row").unique()
    for name, q in wanted.items():
        rank = (q * (pl.col("total") - 1)).floor().cast(pl.Int64)
        found = ranked.filter(
            (pl.col("upto") > rank) & (pl.col("upto") - pl.col("n") <= rank)
        ).select_seq("row", bucket_value_expr().alias(name))
        result = result.join(found, on="row", how="left")
    extremes = result.select_seq(
        low=pl.lit(low_us.gather(result["row"])) / 1000,
        high=pl.lit(high_us.gather(result["row"])) / 1000,
    )
    low, high = _lower_bound(extremes["low"]), _upper_bound(extremes["high"])
    return result.with_columns_seq(pl.col(name).clip(low, high) for name in wanted)


def _lower_bound(low: pl.Series) -> pl.Series:
    return pl.select(
        pl.when(low >= _EXACT_FROM_MS).then(low).otherwise(low - _ROUNDING_MS)
    ).to_series()


def _upper_bound(high: pl.Series) -> pl.Series:
    return pl.select(
        pl.when(high >= _EXACT_FROM_MS).then(high).otherwise(high + _ROUNDING_MS)
    ).to_series()

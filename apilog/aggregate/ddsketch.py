"""DDSketch: the shape of a distribution in logarithmic buckets, quantiles within 1 %.

Bucket `b` holds the durations in (γ^(b-1), γ^b] milliseconds, everything up to 1 µs in
the lowest; zero has a bucket of its own below. Histograms merge by adding counts.

It is the sketch of Masson, Rim, Lee (2019), https://www.vldb.org/pvldb/vol12/p2195-masson.pdf, with
α = 0.01 and as many buckets as durations need, so that none are ever collapsed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from apilog.metrics import microseconds_as_ms

GAMMA = 1.01 / 0.99
"""(1 + α) / (1 − α): the value in the middle of a bucket is off by α at most."""
SHORTEST_MS = 1e-3
LONGEST_MS = 1e11
"""Three years; what is longer is no duration."""
LARGEST_VALUE = 1e14
"""What is larger is in no histogram, whatever it counts."""

_LOWEST_BUCKET = math.ceil(math.log(SHORTEST_MS) / math.log(GAMMA))
ZERO_BUCKET = _LOWEST_BUCKET - 1
BUCKET_CODES = math.ceil(math.log(LARGEST_VALUE) / math.log(GAMMA)) - ZERO_BUCKET + 3
"""The number of codes; they begin with null and zero."""

_EXACT_FROM_MS = 0.1
_ROUNDING_MS = 0.0005


def clean_duration(column: str) -> pl.Expr:
    """Return the duration as all statistics take it: null if it isn't one, 0 if negative."""
    value = pl.col(column)
    return pl.when(value.is_finite() & (value <= LONGEST_MS)).then(value.clip(lower_bound=0.0))


def is_clean_duration(durations: pl.Series) -> bool:
    """Return whether cleaning would change nothing."""
    return bool(durations.is_between(0.0, LONGEST_MS).all())


def bucket_code(column: str, *, plain: bool = False) -> pl.Expr:
    """Return the code of the bucket of a cleaned duration (UInt64); 0 for null, 1 for zero.

    `plain` promises that there is neither a null nor a zero.
    """
    value = pl.col(column)
    bucket = (value.clip(SHORTEST_MS).log() / math.log(GAMMA)).ceil()
    code = bucket - (ZERO_BUCKET - 1)
    if not plain:
        code = pl.when(value > 0).then(code).otherwise(1.0)
        code = pl.when(value.is_not_null()).then(code).otherwise(0.0)
    return code.cast(pl.UInt64).alias("bucket")


def bucket_of_code(code: pl.Expr) -> pl.Expr:
    """Return the `bucket` (Int16) of a code that isn't 0."""
    return (code.cast(pl.Int16) + (ZERO_BUCKET - 1)).alias("bucket")


def code_of_bucket() -> pl.Expr:
    """Return the code (UInt64) of the column `bucket`."""
    return (pl.col("bucket").cast(pl.Int64) - (ZERO_BUCKET - 1)).cast(pl.UInt64)


def add_counts(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the cells of a histogram, `id`, `bucket`, `n`, with those of one id and bucket added
    up."""
    # One integer is grouped by in half the time of two.
    code, ids = pl.col("code"), pl.col("id").cast(pl.UInt64)
    added = (
        cells.lazy()
        .select((ids * BUCKET_CODES + code_of_bucket()).alias("code"), "n")
        .group_by("code")
        .agg(pl.col("n").sum())
        .select(
            (code // BUCKET_CODES).cast(pl.UInt32).alias("id"),
            bucket_of_code(code % BUCKET_CODES),
            "n",
        )
    )
    return added.collect(optimizations=pl.QueryOptFlags.none())


def bucket_value_expr() -> pl.Expr:
    """Return the milliseconds that the column `bucket` stands for: off by 1 % at most."""
    exponent = pl.col("bucket").cast(pl.Float64)
    value = 2.0 * pl.lit(GAMMA).pow(exponent) / (GAMMA + 1)
    return pl.when(pl.col("bucket") > ZERO_BUCKET).then(value).otherwise(0.0)


def bucket_bounds() -> tuple[pl.Expr, pl.Expr]:
    """Return the milliseconds between which the durations of the column `bucket` lie.

    They are above `from_ms` and at most `to_ms`; both are 0 for the bucket of zero.
    """
    exponent, is_zero = pl.col("bucket").cast(pl.Float64), pl.col("bucket") <= ZERO_BUCKET
    lower = pl.when(pl.col("bucket") > _LOWEST_BUCKET).then(pl.lit(GAMMA).pow(exponent - 1))
    upper = pl.when(~is_zero).then(pl.lit(GAMMA).pow(exponent))
    return (
        lower.otherwise(0.0).alias("from_ms"),
        upper.otherwise(0.0).alias("to_ms"),
    )


def bucket_value_ms(bucket: int) -> float:
    """Return the milliseconds that a bucket stands for."""
    return 2.0 * GAMMA**bucket / (GAMMA + 1) if bucket > ZERO_BUCKET else 0.0


def bucket_of(ms: float) -> int:
    """Return the bucket of a duration; one below all buckets if it is negative."""
    if ms <= 0:
        return ZERO_BUCKET if ms == 0 else ZERO_BUCKET - 1
    # The edge of a bucket, however it was computed, is in the bucket.
    return math.ceil(math.log(max(ms, SHORTEST_MS)) / math.log(GAMMA) - 1e-9)


def position_ms(position: float) -> float:
    """Return the milliseconds at a position between buckets; the upper edge of `b` is at b.

    >>> bucket_of(position_ms(200.5))
    201
    """
    return GAMMA**position if position > ZERO_BUCKET else 0.0


def bucket_position(ms: float) -> float:
    """Return the position of a duration; that of zero if it is less.

    >>> round(bucket_position(position_ms(200.5)), 9)
    200.5
    """
    return math.log(ms) / math.log(GAMMA) if ms > SHORTEST_MS else float(ZERO_BUCKET)


def estimate_quantiles(
    histogram: pl.DataFrame, levels: Mapping[str, float], low_us: pl.Series, high_us: pl.Series
) -> pl.DataFrame:
    """Return quantiles in milliseconds of each row that has values.

    Takes `row`, `bucket`, `n`, one line per row and bucket, and the exact extremes in
    microseconds, indexed by row. Gives `row` and a column for each name in `levels`: the
    value at rank floor(q·(n−1)), never outside the extremes.
    """
    ranked = histogram.sort("row", "bucket").with_columns_seq(
        upto=pl.col("n").cum_sum().over("row"), total=pl.col("n").sum().over("row")
    )

    def is_at_rank(q: float) -> pl.Expr:
        rank = (q * (pl.col("total") - 1)).floor().cast(pl.Int64)
        return (pl.col("upto") > rank) & (pl.col("upto") - pl.col("n") <= rank)

    places = ranked.select_seq(
        "row",
        bucket_value_expr().alias("value"),
        *(is_at_rank(q).alias(name) for name, q in levels.items()),
    ).filter(pl.any_horizontal(*levels))
    result = places.group_by("row").agg(
        pl.col("value").filter(name).first().alias(name) for name in levels
    )
    extremes = result.select_seq(
        low=microseconds_as_ms(pl.lit(low_us.gather(result["row"]))),
        high=microseconds_as_ms(pl.lit(high_us.gather(result["row"]))),
    )
    # Extremes are kept in whole microseconds: below 0.1 ms their rounding is more than 1 %.
    low, high = extremes.select_seq(
        low=pl.when(pl.col("low") >= _EXACT_FROM_MS)
        .then("low")
        .otherwise(pl.col("low") - _ROUNDING_MS),
        high=pl.when(pl.col("high") >= _EXACT_FROM_MS)
        .then("high")
        .otherwise(pl.col("high") + _ROUNDING_MS),
    ).get_columns()
    return result.with_columns_seq(pl.col(name).clip(low, high) for name in levels)

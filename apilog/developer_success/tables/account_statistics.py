"""Expressions and tests that several tables share; an account is the unit of all of them."""

from __future__ import annotations

import math

import polars as pl

from apilog.metrics import divide_by
from apilog.statistics.distributions import normal_quantile, normal_tail
from apilog.statistics.rank_tests import mann_whitney
from apilog.statistics.two_samples import Interval, Proportion

TOTAL_KEY = "(all)"
"""The key of a row of totals."""

_HOUR_US = 3_600_000_000


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Divide one by the other; null if the denominator is 0."""
    return pl.when(denominator != 0).then(numerator / denominator)


def in_hours(time: pl.Expr) -> pl.Expr:
    """Return a length of time in hours."""
    return divide_by(time.dt.total_microseconds(), _HOUR_US)


def in_days(time: pl.Expr) -> pl.Expr:
    """Return a length of time in days."""
    return divide_by(time.dt.total_microseconds(), 24 * _HOUR_US)


def hours_between(start: str, end: str) -> pl.Expr:
    """Return the time from one column to another in hours."""
    return in_hours(pl.col(end) - pl.col(start))


def days_between(start: str, end: str) -> pl.Expr:
    """Return the time from one column to another in days."""
    return in_days(pl.col(end) - pl.col(start))


def linear_quantile(values: pl.Expr, q: float) -> pl.Expr:
    """Return the quantile, interpolated linearly between two values; null without any."""
    return values.quantile(q, interpolation="linear")


def count_where(condition: pl.Expr) -> pl.Expr:
    """Count the rows for which a condition holds; null is false."""
    return condition.fill_null(value=False).sum().cast(pl.Int64)


def sum_money(amounts: pl.Expr) -> pl.Expr:
    """Add amounts in millionths, so that the sum is the same in any order."""
    return divide_by((amounts * 1_000_000).round().cast(pl.Int64).sum(), 1_000_000)


SIGNIFICANT = 0.05
"""A p-value below this is significant."""
_Z = normal_quantile(0.975)


def rank_test(values: pl.Series, is_first: pl.Series) -> float | None:
    """Return the two-sided Mann-Whitney p-value of the marked accounts against the others.

    Accounts without a value are left out.
    """
    counts = (
        pl.DataFrame({"value": values, "first": is_first})
        .drop_nulls("value")
        .group_by("value")
        .agg(pl.col("first").sum().cast(pl.Int64), all=pl.len().cast(pl.Int64))
        .sort("value")
    )
    return mann_whitney(counts.select("first", pl.col("all") - pl.col("first")).iter_rows())


def lift_interval(one: Proportion, control: Proportion) -> Interval | None:
    """Return the 95 % interval of one / control − 1; None if a share is 0 or of a single account.

    It is `ratio · exp(±z · error) − 1` with the standard error of the logarithm, that of Katz et
    al. (1978), an account being the unit that varies.
    """
    if not one.successes or not control.successes or min(one.n, control.n) < 2:
        return None
    # With n − 1 for n, as of any variance that is estimated.
    error = math.sqrt(sum((1 - p.rate) / p.rate / (p.n - 1) for p in (one, control)))
    ratio = one.rate / control.rate
    return Interval(ratio * math.exp(-_Z * error) - 1, ratio * math.exp(_Z * error) - 1)


def quantile_lift(
    one: tuple[float, Interval], control: tuple[float, Interval]
) -> tuple[Interval, float] | None:
    """Return the 95 % interval of one / control − 1, and the p-value of its being 0.

    Both are from the 95 % intervals of the two values; None if a value or bound is 0. The distances
    to the bounds are combined on the logarithm as Zou and Donner (2008) do:
    https://doi.org/10.1002/sim.3095. The p-value takes the distance towards 0 for 1.96 standard
    errors, so that it is below 5 % just where the interval does not hold 0.
    """
    (value, (low, high)), (base, (base_low, base_high)) = one, control
    if min(value, low, base, base_low) <= 0:
        return None
    lift = math.log(value / base)
    down = math.hypot(math.log(value / low), math.log(base_high / base))
    up = math.hypot(math.log(high / value), math.log(base / base_low))
    interval = Interval(math.exp(lift - down) - 1, math.exp(lift + up) - 1)
    if lift == 0:
        return interval, 1.0
    distance = down if lift > 0 else up
    return interval, 2 * normal_tail(_Z * abs(lift) / distance) if distance else 0.0

"""Expressions that several tables use."""

from __future__ import annotations

import polars as pl

ALL = "(all)"
"""The key of a row of totals."""

_HOUR_US = 3_600_000_000


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """One by the other; null if that is 0."""
    return pl.when(denominator != 0).then(numerator / denominator)


def hours(start: str, end: str) -> pl.Expr:
    """The time from one column to another, in hours."""
    return (pl.col(end) - pl.col(start)).dt.total_microseconds() / _HOUR_US


def days(start: str, end: str) -> pl.Expr:
    """The time from one column to another, in days."""
    return hours(start, end) / 24


def quantile(values: pl.Expr, q: float) -> pl.Expr:
    """The usual quantile, linear between two values; null without any."""
    return values.quantile(q, interpolation="linear")


def count(condition: pl.Expr) -> pl.Expr:
    """How many rows it holds for."""
    return condition.fill_null(value=False).sum().cast(pl.Int64)


def money(amounts: pl.Expr) -> pl.Expr:
    """The sum of amounts, the same in any order: added in millionths."""
    return (amounts * 1_000_000).round().cast(pl.Int64).sum() / 1_000_000

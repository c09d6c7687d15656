"""Cells of the latency histograms of accounts, as one integer: account, in trial or not, bucket."""

from __future__ import annotations

import polars as pl

from apilog.aggregate.histogram import CODES

_CODES = 2048
PER_ACCOUNT = 2 * _CODES
"""Cells of one account: those out of its trial, then those in it."""

assert CODES <= _CODES


def cell(account: pl.Expr, in_trial: pl.Expr, bucket: pl.Expr) -> pl.Expr:
    """The cell (UInt64) of a call's latency."""
    return (
        account.cast(pl.UInt64) * PER_ACCOUNT + in_trial.cast(pl.UInt64) * _CODES + bucket
    ).alias("cell")


def account_of(cell: pl.Expr) -> pl.Expr:
    """The `id` (UInt32) of a cell's account."""
    return (cell // PER_ACCOUNT).cast(pl.UInt32).alias("id")


def is_in_trial(cell: pl.Expr) -> pl.Expr:
    """Whether a cell is of calls within the account's trial."""
    return cell % PER_ACCOUNT >= _CODES


def code_of(cell: pl.Expr) -> pl.Expr:
    """The code of a cell's bucket."""
    return cell % _CODES

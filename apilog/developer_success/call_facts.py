"""What a chunk of records tells of the calls of accounts, in as few bytes as possible."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from apilog.aggregate import partial as partial_report
from apilog.aggregate.ddsketch import bucket_code, clean_duration
from apilog.developer_success.call_plan import MINUTE_US, CallFacts, CallPlan, period_number
from apilog.developer_success.latency_cells import latency_cell
from apilog.metrics import is_client_error, is_server_error
from apilog.schema import GATEWAYS, TIMESTAMP, is_within

GATEWAY_CODES = 512
"""The start of a call is its time in microseconds, times this, plus its gateway's code.

The minimum of the packed integers then is the earliest call with its gateway.
"""
NO_GATEWAY = GATEWAY_CODES - 1
SUCCESS_BELOW = 400

assert len(GATEWAYS) < NO_GATEWAY

CALL_COLUMNS: Mapping[str, type[pl.DataType]] = {
    "id": pl.UInt32,
    "start": pl.Int64,
    "us": pl.Int64,
    "cell": pl.UInt32,
    "is_error": pl.Boolean,
    "is_success": pl.Boolean,
    "is_recent": pl.Boolean,
    "route": pl.String,
    "status": pl.Int16,
}
"""The columns of the calls: `us` is the duration in microseconds; `cell` tells the kind of call,
and the bucket of its duration if the latencies of its account are kept."""


def partial_calls(plan: CallPlan, records: pl.DataFrame) -> CallFacts:
    """Take the facts from a chunk of records with the plan's `columns`; text may be Categorical."""
    has_happened = (pl.col("timestamp") < plan.as_of).fill_null(value=False)
    happened = records.filter(has_happened)
    later = records.filter(~has_happened)
    ids = plan.consumers.find(happened["consumer"])
    unmatched = happened.filter(ids.is_null()).filter(is_within(plan.window))
    return CallFacts(
        first=_as_datetime(happened["timestamp"].min()),
        last=_as_datetime(happened["timestamp"].max()),
        late=later.filter(is_within(plan.window)).height,
        later=plan.consumers.find(later.drop_nulls("timestamp")["consumer"])
        .drop_nulls()
        .unique()
        .sort()
        .to_frame("id"),
        periods=happened.select(period_number(pl.col("timestamp"), plan.cohort))
        .unique()
        .sort("period"),
        calls=_calls_of_accounts(plan, happened, ids),
        minutes=_minutes_of_trials(plan, happened),
        unmatched=partial_report(plan.unmatched, unmatched.select(sorted(plan.unmatched.columns))),
    )


def _minutes_of_trials(plan: CallPlan, happened: pl.DataFrame) -> pl.DataFrame:
    """Count calls and server errors by the minute: of all consumers, while there are trials."""
    # Bursts of errors are looked for in them.
    span = plan.trial_minutes
    minute = (pl.col("timestamp").dt.epoch("us") // MINUTE_US).cast(pl.Int32).alias("minute")
    return (
        happened.select(minute, is_server_error().alias("is_error"))
        .filter((pl.col("minute") >= span.start) & (pl.col("minute") < span.stop))
        .group_by("minute")
        .agg(
            requests=pl.len().cast(pl.Int64), server_errors=pl.col("is_error").sum().cast(pl.Int64)
        )
        .sort("minute")
    )


def _calls_of_accounts(plan: CallPlan, happened: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Return the calls of accounts with the columns `CALL_COLUMNS`, by `id`."""
    calls = happened.with_columns(ids).drop_nulls("id")
    gateway = pl.col("gateway").cast(pl.Enum(GATEWAYS), strict=False).to_physical()
    # Position is id: gathering the trials' rows is cheaper than joining them.
    started, ends, is_detailed = (
        pl.lit(plan.trials[name]).gather(pl.col("id"))
        for name in ("trial_started_at", "trial_ends_at", "is_detailed")
    )
    # A trial without an end goes on; an account without a trial has no calls in it.
    at = pl.col("timestamp")
    in_trial = (at >= started).fill_null(value=False) & (at < ends).fill_null(value=True)
    is_error = (is_client_error() | is_server_error()).fill_null(value=False)
    bucket = pl.when(is_detailed).then(bucket_code("duration_ms")).otherwise(0)
    return (
        calls.with_columns(clean_duration("duration_ms"))
        .select(
            "id",
            start=at.dt.epoch("us") * GATEWAY_CODES + gateway.cast(pl.Int64).fill_null(NO_GATEWAY),
            us=(pl.col("duration_ms") * 1000).round().cast(pl.Int64),
            cell=latency_cell(pl.col("id"), in_trial, is_within(plan.window), bucket),
            is_error=is_error,
            is_success=(pl.col("status") < SUCCESS_BELOW).fill_null(value=False),
            is_recent=at >= plan.recent_from,
            route=pl.col("route").cast(pl.String),
            status="status",
        )
        .sort("id", maintain_order=True)
    )


def time_of(start: pl.Expr) -> pl.Expr:
    """Return the microseconds since 1970 of a `start`."""
    return start // GATEWAY_CODES


def as_instant(micros: pl.Expr) -> pl.Expr:
    """Return the time of microseconds since 1970."""
    return micros.cast(pl.Int64).cast(TIMESTAMP)


def gateway_of(start: pl.Expr) -> pl.Expr:
    """Return the gateway of a `start`; null if none is known."""
    code = start % GATEWAY_CODES
    index = pl.when(code != NO_GATEWAY).then(code).cast(pl.UInt32)
    return pl.lit(pl.Series(GATEWAYS)).gather(index)


def _as_datetime(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None

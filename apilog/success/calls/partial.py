"""From the calls of a chunk to what they tell of each account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from apilog.aggregate import partial as partial_report
from apilog.aggregate.histogram import bucket_code, cleaned
from apilog.metrics import is_client_error, is_server_error
from apilog.schema import GATEWAYS
from apilog.success.calls.cells import cell
from apilog.success.calls.periods import marked, period
from apilog.success.calls.state import MINUTE_US, CallPlan, Calls

GATEWAY_CODES = 32
"""A first call is its time in microseconds, times this, plus the code of its gateway."""
NO_GATEWAY = GATEWAY_CODES - 1
SUCCESS_BELOW = 400

assert len(GATEWAYS) < NO_GATEWAY

ACCOUNT_VALUES: Mapping[str, tuple[pl.Expr, str]] = {
    "requests": (pl.len().cast(pl.Int64), "sum"),
    "errors": (pl.col("is_error").sum().cast(pl.Int64), "sum"),
    "successes": (pl.col("is_success").sum().cast(pl.Int64), "sum"),
    "recent_requests": (pl.col("is_recent").sum().cast(pl.Int64), "sum"),
    "first_call": (pl.col("start").min(), "min"),
    "first_success": (pl.col("at").filter("is_success").min(), "min"),
    "latency_min_us": (pl.col("us").min(), "min"),
    "latency_max_us": (pl.col("us").max(), "max"),
    "trial_requests": (pl.col("in_trial").sum().cast(pl.Int64), "sum"),
    "trial_errors": ((pl.col("in_trial") & pl.col("is_error")).sum().cast(pl.Int64), "sum"),
    "trial_latency_min_us": (pl.col("us").filter("in_trial").min(), "min"),
    "trial_latency_max_us": (pl.col("us").filter("in_trial").max(), "max"),
}
"""What is kept of each account, over its calls, and how two become one."""


def partial(plan: CallPlan, records: pl.DataFrame) -> Calls:
    """The state of one chunk of records. Takes the plan's `columns`, text also as Categorical."""
    happened, late = _happened(plan, records)
    known = _matched(plan, happened)
    calls = _calls(plan, known.drop_nulls("id"))
    strangers = known.filter(pl.col("id").is_null()).select(sorted(plan.unmatched.columns))
    return Calls(
        first=_time(happened["timestamp"].min()),
        last=_time(happened["timestamp"].max()),
        late=late,
        accounts=_accounts(calls),
        successes=earliest(calls.filter("is_success").select("id", "at"), plan.activation_calls),
        active=marked(calls.select("id", period(pl.col("timestamp"), plan.cohort))),
        lasts=latest(calls.select("id", "rank", pl.col("route").cast(pl.String), "status")),
        latencies=_latencies(calls),
        minutes=_minutes(plan, happened),
        unmatched=partial_report(plan.unmatched, strangers),
    )


def earliest(successes: pl.DataFrame, most: int) -> pl.DataFrame:
    """Of each account the `most` earliest."""
    ordered = successes.sort("id", "at")
    return ordered.filter(pl.col("id").ne_missing(pl.col("id").shift(most)))


def latest(lasts: pl.DataFrame) -> pl.DataFrame:
    """Of each account the row of the highest rank; of several the last by route and status."""
    highest = lasts.group_by("id").agg(pl.col("rank").max())
    return (
        lasts.join(highest, on=["id", "rank"], how="semi")
        .sort("id", "route", "status")
        .unique("id", keep="last", maintain_order=True)
    )


def _happened(plan: CallPlan, records: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The calls within the limits and before as-of, and how many only as-of leaves out."""
    at = pl.col("timestamp")
    within = pl.lit(value=True)
    if plan.since:
        within &= at >= plan.since
    if plan.until:
        within &= at < plan.until
    limited = records.filter(within) if plan.since or plan.until else records
    happened = limited.filter(at < plan.as_of)
    return happened, limited.height - happened.height


def _matched(plan: CallPlan, records: pl.DataFrame) -> pl.DataFrame:
    """The records with the `id` of the account that claims the consumer."""
    consumers = records["consumer"]
    distinct = consumers.unique().cast(pl.String).drop_nulls()
    claimed = plan.claims["consumer"]
    if not len(distinct) or not len(claimed):
        return records.with_columns(id=pl.lit(None, pl.UInt32))
    places = claimed.search_sorted(distinct).clip(upper_bound=len(claimed) - 1)
    found = pl.DataFrame(
        {
            "consumer": distinct,
            "claimed": claimed.gather(places),
            "id": plan.claims["id"].gather(places),
        }
    ).filter(pl.col("consumer") == pl.col("claimed"))
    found = found.select(pl.col("consumer").cast(consumers.dtype), "id")
    return records.join(found, on="consumer", how="left", maintain_order="left")


def _calls(plan: CallPlan, known: pl.DataFrame) -> pl.DataFrame:
    """The calls of accounts, with everything that is asked of each."""
    at, gateway = pl.col("timestamp").dt.epoch("us"), pl.col("gateway").to_physical()
    trial = plan.trials[known["id"].cast(pl.Int64)] if known.height else plan.trials.head(0)
    duration = cleaned("duration_ms")
    in_trial = (pl.col("timestamp") >= pl.col("trial_started_at")).fill_null(value=False) & (
        pl.col("timestamp") < pl.col("trial_ends_at")
    ).fill_null(value=True)
    is_error = (is_client_error() | is_server_error()).fill_null(value=False)
    return (
        known.hstack(trial.get_columns())
        .with_columns(
            duration_ms=duration,
            at=at,
            start=at * GATEWAY_CODES + gateway.cast(pl.Int64).fill_null(NO_GATEWAY),
            in_trial=in_trial,
            is_recent=pl.col("timestamp") >= plan.recent_from,
            is_error=is_error,
            is_success=(pl.col("status") < SUCCESS_BELOW).fill_null(value=False),
        )
        .with_columns(
            us=(pl.col("duration_ms") * 1000).round().cast(pl.Int64),
            # Any error comes after all that is none.
            rank=pl.when("is_error").then(pl.col("at") + (1 << 62)).otherwise("at"),
        )
    )


def _accounts(calls: pl.DataFrame) -> pl.DataFrame:
    values = (value.alias(name) for name, (value, _) in ACCOUNT_VALUES.items())
    return calls.group_by("id").agg(*values).sort("id")


def _latencies(calls: pl.DataFrame) -> pl.DataFrame:
    timed = calls.filter(pl.col("is_detailed") & pl.col("duration_ms").is_not_null())
    cells = timed.select(cell(pl.col("id"), pl.col("in_trial"), bucket_code("duration_ms")))
    return cells.group_by("cell").agg(n=pl.len().cast(pl.UInt32)).sort("cell")


def _minutes(plan: CallPlan, happened: pl.DataFrame) -> pl.DataFrame:
    """Of the minutes in which there are trials; of them all calls, whosever they are."""
    span = plan.trial_minutes
    minute = (pl.col("timestamp").dt.epoch("us") // MINUTE_US).cast(pl.Int32).alias("minute")
    calls = happened.select(minute, is_server_error().alias("is_error"))
    return (
        calls.filter((pl.col("minute") >= span.start) & (pl.col("minute") < span.stop))
        .group_by("minute")
        .agg(
            requests=pl.len().cast(pl.Int64),
            server_errors=pl.col("is_error").sum().cast(pl.Int64),
        )
        .sort("minute")
    )


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None

"""What the calls tell of each account, summarised chunk by chunk and merged.

A summary is bounded by the number of accounts and by time, not by the number of calls, and is the
same whatever the order of the chunks: counts are added, extremes compared, sets united.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import polars as pl

from apilog.aggregate import merge as merge_reports
from apilog.aggregate import partial as partial_report
from apilog.aggregate.ddsketch import bucket_code, clean_duration
from apilog.developer_success.call_plan import (
    CELLS_PER_ACCOUNT,
    MINUTE_US,
    CallPlan,
    CallSummary,
    latency_cell,
    mark_periods,
    period_number,
    unite_periods,
)
from apilog.metrics import is_client_error, is_server_error
from apilog.schema import GATEWAYS, SCHEMA, is_within

_SHARD_ACCOUNTS = 1 << 16
"""How many accounts one shard holds."""

FrameFunction = Callable[[pl.DataFrame], pl.DataFrame]


def map_shards(
    frames: Sequence[pl.DataFrame], accounts: int, work: FrameFunction, per_account: int = 1
) -> pl.DataFrame:
    """Apply a function to all frames together, shard by shard, so that it takes little memory.

    The frames are sorted by their first column, which is the account's id times `per_account`,
    plus something less than that.
    """
    # Grouping all frames at once would need a hash table of all accounts.
    if accounts <= _SHARD_ACCOUNTS:
        return work(pl.concat(frames))
    edges = [n * per_account for n in (*range(0, accounts, _SHARD_ACCOUNTS), accounts)]
    sliced = []
    for frame in frames:
        key = frame.get_column(frame.columns[0])
        places = key.search_sorted(pl.Series(edges, dtype=key.dtype)).to_list()
        sliced.append([frame.slice(start, end - start) for start, end in pairwise(places)])
    return pl.concat([work(pl.concat(shard)) for shard in zip(*sliced, strict=True)])


GATEWAY_CODES = 512
"""A first call is packed as its time in microseconds, times this, plus its gateway's code.

The minimum of the packed integers then is the earliest call with its gateway.
"""
NO_GATEWAY = GATEWAY_CODES - 1
SUCCESS_BELOW = 400

assert len(GATEWAYS) < NO_GATEWAY

ACCOUNT_VALUES: Mapping[str, tuple[pl.Expr, str]] = {
    "requests": (pl.col("is_counted").sum().cast(pl.Int64), "sum"),
    "errors": ((pl.col("is_counted") & pl.col("is_error")).sum().cast(pl.Int64), "sum"),
    "recent_requests": (pl.col("is_recent").sum().cast(pl.Int64), "sum"),
    "first_call": (pl.col("start").min(), "min"),
    "first_success": (pl.col("at").filter("is_success").min(), "min"),
    "latency_min_us": (pl.col("us").filter("is_counted").min(), "min"),
    "latency_max_us": (pl.col("us").filter("is_counted").max(), "max"),
    "trial_requests": (pl.col("in_trial").sum().cast(pl.Int64), "sum"),
    "trial_errors": ((pl.col("in_trial") & pl.col("is_error")).sum().cast(pl.Int64), "sum"),
    "trial_latency_min_us": (pl.col("us").filter("in_trial").min(), "min"),
    "trial_latency_max_us": (pl.col("us").filter("in_trial").max(), "max"),
}
"""The values kept for each account: how to compute one from calls, and how to merge two."""


def partial_calls(plan: CallPlan, records: pl.DataFrame) -> CallSummary:
    """Summarise one chunk of records with the plan's `columns`; text may be Categorical."""
    has_happened = (pl.col("timestamp") < plan.as_of).fill_null(value=False)
    happened = records.filter(has_happened)
    later = records.filter(~has_happened)
    matched = _match_accounts(plan, happened)
    calls = _with_call_facts(plan, matched.drop_nulls("id"))
    values = (value.alias(name) for name, (value, _) in ACCOUNT_VALUES.items())
    successes = calls.filter("is_success").select("id", "at")
    timed = calls.filter(pl.col("is_detailed") & pl.col("duration_ms").is_not_null())
    cell = latency_cell(
        pl.col("id"), pl.col("in_trial"), pl.col("is_counted"), bucket_code("duration_ms")
    )
    unmatched = matched.filter(pl.col("id").is_null() & is_within(plan.window)).select(
        sorted(plan.unmatched.columns)
    )
    # Bursts of errors are looked for in the calls of all consumers, while there are trials.
    span = plan.trial_minutes
    minute = (pl.col("timestamp").dt.epoch("us") // MINUTE_US).cast(pl.Int32).alias("minute")
    minutes = (
        happened.select(minute, is_server_error().alias("is_error"))
        .filter((pl.col("minute") >= span.start) & (pl.col("minute") < span.stop))
        .group_by("minute")
    )
    return CallSummary(
        first=_as_datetime(happened["timestamp"].min()),
        last=_as_datetime(happened["timestamp"].max()),
        late=later.filter(is_within(plan.window)).height,
        later=_match_accounts(plan, later.drop_nulls("timestamp"))
        .select("id")
        .drop_nulls()
        .unique()
        .sort("id"),
        periods=happened.select(period_number(pl.col("timestamp"), plan.cohort))
        .unique()
        .sort("period"),
        accounts=calls.group_by("id").agg(*values).sort("id"),
        successes=earliest_successes(successes, plan.activation_calls),
        active=mark_periods(calls.select("id", period_number(pl.col("timestamp"), plan.cohort))),
        lasts=latest_calls(calls.select("id", "rank", pl.col("route").cast(pl.String), "status")),
        latencies=timed.group_by(cell).agg(n=pl.len().cast(pl.UInt32)).sort("cell"),
        minutes=minutes.agg(
            requests=pl.len().cast(pl.Int64), server_errors=pl.col("is_error").sum().cast(pl.Int64)
        ).sort("minute"),
        unmatched=partial_report(plan.unmatched, unmatched),
    )


def earliest_successes(successes: pl.DataFrame, most: int) -> pl.DataFrame:
    """Keep the `most` earliest calls of each account."""
    # A row is among the first `most` if the row that many places before is another account's.
    ordered = successes.sort("id", "at")
    return ordered.filter(pl.col("id").ne_missing(pl.col("id").shift(most)))


def latest_calls(lasts: pl.DataFrame) -> pl.DataFrame:
    """Keep the row of the highest rank of each account, of equal ones the last by its content.

    Without that second order the result would depend on the order of the chunks.
    """
    highest = lasts.group_by("id").agg(pl.col("rank").max())
    return (
        lasts.join(highest, on=["id", "rank"], how="semi")
        .sort("id", "route", "status")
        .unique("id", keep="last", maintain_order=True)
    )


def _match_accounts(plan: CallPlan, records: pl.DataFrame) -> pl.DataFrame:
    """Add the `id` of the account that claims the consumer.

    The distinct consumers are searched in the sorted claims, so that a chunk does not pay for
    building a hash table of all claims.
    """
    consumers = records["consumer"]
    distinct = consumers.unique().cast(pl.String).drop_nulls()
    claimed = plan.claims["consumer"]
    if not len(distinct) or not len(claimed):
        return records.with_columns(id=pl.lit(None, pl.UInt32))
    places = claimed.search_sorted(distinct).clip(upper_bound=len(claimed) - 1)
    candidates = pl.DataFrame(
        {
            "consumer": distinct,
            "claimed": claimed.gather(places),
            "id": plan.claims["id"].gather(places),
        }
    ).filter(pl.col("consumer") == pl.col("claimed"))
    matches = candidates.select(pl.col("consumer").cast(consumers.dtype), "id")
    return records.join(matches, on="consumer", how="left", maintain_order="left")


def _with_call_facts(plan: CallPlan, matched: pl.DataFrame) -> pl.DataFrame:
    """Add to the calls of accounts what the values of accounts are computed from."""
    at, gateway = (
        pl.col("timestamp").dt.epoch("us"),
        pl.col("gateway").cast(pl.Enum(GATEWAYS), strict=False).to_physical(),
    )
    ids = matched["id"].cast(pl.Int64)
    # Position is id: gathering the trials' rows is cheaper than joining them.
    trial = plan.trials[ids] if matched.height else plan.trials.head(0)
    # A trial without an end goes on; an account without a trial has no calls in it.
    in_trial = (pl.col("timestamp") >= pl.col("trial_started_at")).fill_null(value=False) & (
        pl.col("timestamp") < pl.col("trial_ends_at")
    ).fill_null(value=True)
    is_error = (is_client_error() | is_server_error()).fill_null(value=False)
    return (
        matched.hstack(trial.get_columns())
        .with_columns(
            duration_ms=clean_duration("duration_ms"),
            at=at,
            start=at * GATEWAY_CODES + gateway.cast(pl.Int64).fill_null(NO_GATEWAY),
            in_trial=in_trial,
            is_recent=pl.col("timestamp") >= plan.recent_from,
            is_counted=is_within(plan.window),
            is_error=is_error,
            is_success=(pl.col("status") < SUCCESS_BELOW).fill_null(value=False),
        )
        .with_columns(
            us=(pl.col("duration_ms") * 1000).round().cast(pl.Int64),
            # Every error ranks after every call without one.
            rank=pl.when("is_error").then(pl.col("at") + (1 << 62)).otherwise("at"),
        )
    )


def _as_datetime(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


_MERGE_ROWS = 1_000_000
"""Pending summaries are merged at this many rows, unless the merged one is much larger."""


class CallAccumulator:
    """Merges summaries as they come, many at a time."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._merged: list[CallSummary] = []
        self._pending: list[CallSummary] = []
        self._pending_rows = 0

    def add(self, calls: CallSummary) -> None:
        """Add a summary, and merge the pending ones if they have grown large."""
        self._pending.append(calls)
        self._pending_rows += calls.size
        merged_rows = sum(summary.size for summary in self._merged)
        # In steps that grow with the result, merging costs each row a few times at most.
        if self._pending_rows > max(_MERGE_ROWS, merged_rows // 2):
            self._merged = [self.merged_summary()]
            self._pending, self._pending_rows = [], 0

    def merged_summary(self) -> CallSummary:
        """Return the merge of all summaries so far."""
        return merge_calls(self._plan, [*self._merged, *self._pending])


def merge_calls(plan: CallPlan, states: Sequence[CallSummary]) -> CallSummary:
    """Merge summaries in any order; without any, return the summary of no calls."""
    if not states:
        return partial_calls(plan, pl.DataFrame(schema={c: SCHEMA[c] for c in plan.columns}))
    merges = {"sum": pl.Expr.sum, "min": pl.Expr.min, "max": pl.Expr.max}
    values = [merges[how](pl.col(name)) for name, (_, how) in ACCOUNT_VALUES.items()]

    def by_account(name: str, work: FrameFunction, per_account: int = 1) -> pl.DataFrame:
        frames = [getattr(state, name) for state in states]
        return map_shards(frames, plan.trials.height, work, per_account)

    return CallSummary(
        first=min((s.first for s in states if s.first), default=None),
        last=max((s.last for s in states if s.last), default=None),
        late=sum(s.late for s in states),
        later=by_account("later", lambda frame: frame.unique().sort("id")),
        periods=pl.concat([s.periods for s in states]).unique().sort("period"),
        accounts=by_account("accounts", lambda frame: frame.group_by("id").agg(*values).sort("id")),
        successes=by_account(
            "successes", lambda frame: earliest_successes(frame, plan.activation_calls)
        ),
        active=by_account("active", unite_periods),
        lasts=by_account("lasts", latest_calls),
        latencies=by_account("latencies", lambda frame: _sum_by(frame, "cell"), CELLS_PER_ACCOUNT),
        minutes=_sum_by(pl.concat([s.minutes for s in states]), "minute"),
        unmatched=merge_reports(plan.unmatched, [s.unmatched for s in states]),
    )


def _sum_by(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    return frame.group_by(key).agg(pl.exclude(key).sum()).sort(key)

"""What the calls tell of each account, summarized chunk by chunk and merged.

A summary is bounded by the number of accounts and by time, not by the number of calls, and is the
same whatever the order of the chunks: counts are added, extremes compared, sets united.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from apilog.schema import GATEWAYS, SCHEMA

__all__ = ["CallAccumulator", "CallPlan", "CallSummary", "merge_calls", "partial_calls"]


_ACCOUNTS = 1 << 16

FrameFunction = Callable[[pl.DataFrame], pl.DataFrame]


def map_shards(
    frames: Sequence[pl.DataFrame], accounts: int, work: FrameFunction, per_account: int = 1
) -> pl.DataFrame:
    """What the work makes of all frames together, done for some accounts at a time.

    The frames are sorted by their first column, which is the account's id times `per_account`,
    plus something less than that.
    """
    if accounts <= _ACCOUNTS:
        return work(pl.concat(frames))
    edges = [n * per_account for n in (*range(0, accounts, _ACCOUNTS), accounts)]
    cut = [[*_cut_at_edges(frame, edges)] for frame in frames]
    return pl.concat([work(pl.concat(parts)) for parts in zip(*cut, strict=True)])


def _cut_at_edges(frame: pl.DataFrame, edges: Sequence[int]) -> Iterator[pl.DataFrame]:
    key = frame.get_column(frame.columns[0])
    places = key.search_sorted(pl.Series(edges, dtype=key.dtype)).to_list()
    for start, end in pairwise(places):
        yield frame.slice(start, end - start)


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


def partial_calls(plan: CallPlan, records: pl.DataFrame) -> CallSummary:
    """The state of one chunk of records. Takes the plan's `columns`, text also as Categorical."""
    happened, late = _calls_before_as_of(plan, records)
    known = _match_accounts(plan, happened)
    calls = _with_call_facts(plan, known.drop_nulls("id"))
    strangers = known.filter(pl.col("id").is_null()).select(sorted(plan.unmatched.columns))
    return CallSummary(
        first=_as_datetime(happened["timestamp"].min()),
        last=_as_datetime(happened["timestamp"].max()),
        late=late,
        accounts=_account_values(calls),
        successes=earliest_successes(
            calls.filter("is_success").select("id", "at"), plan.activation_calls
        ),
        active=mark_periods(calls.select("id", period_number(pl.col("timestamp"), plan.cohort))),
        lasts=latest_calls(calls.select("id", "rank", pl.col("route").cast(pl.String), "status")),
        latencies=_latency_cells(calls),
        minutes=_minute_counts(plan, happened),
        unmatched=partial_report(plan.unmatched, strangers),
    )


def earliest_successes(successes: pl.DataFrame, most: int) -> pl.DataFrame:
    """Of each account the `most` earliest."""
    ordered = successes.sort("id", "at")
    return ordered.filter(pl.col("id").ne_missing(pl.col("id").shift(most)))


def latest_calls(lasts: pl.DataFrame) -> pl.DataFrame:
    """Of each account the row of the highest rank; of several the last by route and status."""
    highest = lasts.group_by("id").agg(pl.col("rank").max())
    return (
        lasts.join(highest, on=["id", "rank"], how="semi")
        .sort("id", "route", "status")
        .unique("id", keep="last", maintain_order=True)
    )


def _calls_before_as_of(plan: CallPlan, records: pl.DataFrame) -> tuple[pl.DataFrame, int]:
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


def _match_accounts(plan: CallPlan, records: pl.DataFrame) -> pl.DataFrame:
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


def _with_call_facts(plan: CallPlan, known: pl.DataFrame) -> pl.DataFrame:
    """The calls of accounts, with everything that is asked of each."""
    at, gateway = pl.col("timestamp").dt.epoch("us"), pl.col("gateway").to_physical()
    trial = plan.trials[known["id"].cast(pl.Int64)] if known.height else plan.trials.head(0)
    duration = clean_duration("duration_ms")
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


def _account_values(calls: pl.DataFrame) -> pl.DataFrame:
    values = (value.alias(name) for name, (value, _) in ACCOUNT_VALUES.items())
    return calls.group_by("id").agg(*values).sort("id")


def _latency_cells(calls: pl.DataFrame) -> pl.DataFrame:
    timed = calls.filter(pl.col("is_detailed") & pl.col("duration_ms").is_not_null())
    cells = timed.select(latency_cell(pl.col("id"), pl.col("in_trial"), bucket_code("duration_ms")))
    return cells.group_by("cell").agg(n=pl.len().cast(pl.UInt32)).sort("cell")


def _minute_counts(plan: CallPlan, happened: pl.DataFrame) -> pl.DataFrame:
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


def _as_datetime(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


_FOLD_FROM = 1_000_000
"""Rows from which waiting states are merged, unless the merged one is much larger."""


class CallAccumulator:
    """States merged as they come; they wait until that is worth while."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._merged: list[CallSummary] = []
        self._waiting: list[CallSummary] = []
        self._rows = 0

    def add(self, calls: CallSummary) -> None:
        """Take one more."""
        self._waiting.append(calls)
        self._rows += calls.size
        merged = sum(state.size for state in self._merged)
        # In steps that grow with the result, merging costs each row a few times at most.
        if self._rows > max(_FOLD_FROM, merged // 2):
            self._merged = [merge_calls(self._plan, [*self._merged, *self._waiting])]
            self._waiting, self._rows = [], 0

    def merged_summary(self) -> CallSummary:
        """All of them as one."""
        return merge_calls(self._plan, [*self._merged, *self._waiting])


def merge_calls(plan: CallPlan, states: Sequence[CallSummary]) -> CallSummary:
    """One state for several; that of no calls for none."""
    if not states:
        return partial_calls(plan, pl.DataFrame(schema={c: SCHEMA[c] for c in plan.columns}))
    count = plan.trials.height

    def by_account(name: str, merged: FrameFunction, per_account: int = 1) -> pl.DataFrame:
        frames = [getattr(state, name) for state in states]
        return map_shards(frames, count, merged, per_account)

    return CallSummary(
        first=min((s.first for s in states if s.first), default=None),
        last=max((s.last for s in states if s.last), default=None),
        late=sum(s.late for s in states),
        accounts=by_account("accounts", _merge_accounts),
        successes=by_account(
            "successes", lambda frame: earliest_successes(frame, plan.activation_calls)
        ),
        active=by_account("active", unite_periods),
        lasts=by_account("lasts", latest_calls),
        latencies=by_account("latencies", _merge_latencies, CELLS_PER_ACCOUNT),
        minutes=_sum_by(pl.concat([s.minutes for s in states]), "minute"),
        unmatched=merge_reports(plan.unmatched, [s.unmatched for s in states]),
    )


def _merge_accounts(frame: pl.DataFrame) -> pl.DataFrame:
    merges = {"sum": pl.Expr.sum, "min": pl.Expr.min, "max": pl.Expr.max}
    values = (merges[how](pl.col(name)) for name, (_, how) in ACCOUNT_VALUES.items())
    return frame.group_by("id").agg(*values).sort("id")


def _merge_latencies(frame: pl.DataFrame) -> pl.DataFrame:
    return _sum_by(frame, "cell")


def _sum_by(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    return frame.group_by(key).agg(pl.exclude(key).sum()).sort(key)

"""What the calls tell of each account, summed up as chunks come.

A summary is bounded by the number of accounts and by time, not by the number of calls, and is the
same whatever the order of the chunks: counts are added, extremes compared, sets united. Calls
are gathered until there are several of most accounts, for adding up costs by the account.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from apilog.aggregate import merge as merge_reports
from apilog.developer_success.call_facts import CALL_COLUMNS, as_instant, partial_calls, time_of
from apilog.developer_success.call_plan import (
    CallFacts,
    CallPlan,
    CallSummary,
    CohortPeriod,
    period_mask,
    period_number,
    period_word,
    unite_periods,
)
from apilog.developer_success.latency_cells import (
    SHARD_ACCOUNTS,
    LatencyCells,
    has_latency,
    is_in_trial,
    is_in_window,
)
from apilog.schema import SCHEMA

ACCOUNT_VALUES: Mapping[str, str] = {
    "requests": "sum",
    "errors": "sum",
    "recent_requests": "sum",
    "first_call": "min",
    "first_success": "min",
    "latency_min_us": "min",
    "latency_max_us": "max",
    "trial_requests": "sum",
    "trial_errors": "sum",
    "trial_latency_min_us": "min",
    "trial_latency_max_us": "max",
}
"""The values kept for each account, all Int64, and how two of one account are merged."""
_RANK = "rank"
"""Beside them while calls come in: the highest rank of a call. All errors rank after the rest."""
_MERGES = {**ACCOUNT_VALUES, _RANK: "max"}
_ERROR_RANK = 1 << 62

_FEWEST_PENDING, _MOST_PENDING = 500_000, 2_000_000
_PENDING_PER_ACCOUNT = 4
"""Calls are added up when so many have been gathered: more of many accounts, up to a limit."""


@dataclass(slots=True)
class _AccountShard:
    """The sums of some neighbouring accounts."""

    first: int
    """The id of its first account."""
    values: pl.DataFrame
    """A row for each account in order: `_MERGES`; nulls for one without calls."""
    cutoffs: pl.Series
    """The last of the earliest successes of each account that has as many as are kept."""
    latencies: LatencyCells
    successes: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"id": pl.UInt32, "at": pl.Int64})
    )
    active: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"id": pl.UInt32, "word": pl.Int32, "mask": pl.UInt64}
        )
    )
    lasts: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"id": pl.UInt32, _RANK: pl.Int64, "route": pl.String, "status": pl.Int16}
        )
    )

    @classmethod
    def of(cls, first: int, accounts: int) -> _AccountShard:
        """Return a shard of so many accounts without calls."""
        nulls = pl.Series([None], dtype=pl.Int64).new_from_index(0, accounts)
        values = pl.DataFrame(dict.fromkeys(_MERGES, nulls))
        return cls(first, values, nulls, LatencyCells(first))

    def add(self, plan: CallPlan, calls: pl.DataFrame) -> None:
        """Add calls with `CALL_COLUMNS` of these accounts."""
        # Stable, so that the calls of an account stay in order of time, as most logs have them.
        calls = calls.sort("id", maintain_order=True)
        at = time_of(pl.col("start"))
        rank = pl.when("is_error").then(at + _ERROR_RANK).otherwise(at)
        calls = calls.with_columns(
            at=at,
            rank=rank,
            place=pl.col("id") - self.first,
            in_trial=is_in_trial(pl.col("cell")),
            is_counted=is_in_window(pl.col("cell")),
        )
        self._add_values(calls)
        self._add_successes(calls, plan.activation_calls)
        self._add_periods(calls, plan.cohort)
        self._add_lasts(calls)
        self.latencies.add(calls.filter(has_latency(pl.col("cell")))["cell"])

    def _add_values(self, calls: pl.DataFrame) -> None:
        new = sum_by_account(calls)
        rows = pl.Series([None], dtype=pl.UInt32).new_from_index(0, self.values.height)
        rows = rows.scatter(new["place"], pl.int_range(new.height, dtype=pl.UInt32, eager=True))
        both = self.values.hstack(
            new.select(pl.col(name).gather(rows).alias(f"new_{name}") for name in _MERGES)
        )
        horizontal = {"sum": pl.sum_horizontal, "min": pl.min_horizontal, "max": pl.max_horizontal}
        self.values = both.select(
            horizontal[how](name, f"new_{name}").alias(name) for name, how in _MERGES.items()
        )

    def _add_successes(self, calls: pl.DataFrame, most: int) -> None:
        """Keep the `most` earliest successes of each account."""
        cutoff = pl.lit(self.cutoffs).gather(pl.col("place"))
        is_early = (pl.col("at") < cutoff).fill_null(value=True)
        new = calls.filter(pl.col("is_success") & is_early).select("id", "at")
        if new.is_empty():
            return
        ordered = pl.concat([self.successes, new]).sort("id", maintain_order=True)
        is_late = (pl.col("id") == pl.col("id").shift()) & (pl.col("at") < pl.col("at").shift())
        if ordered.select(is_late.any()).item():
            # Two sorts by one column are faster than one by two.
            ordered = ordered.sort("at").sort("id", maintain_order=True)
        # A row is among the first `most` if the row that many places before is another account's.
        self.successes = ordered.filter(pl.col("id").ne_missing(pl.col("id").shift(most)))
        full = self.successes.filter(pl.col("id") == pl.col("id").shift(most - 1))
        self.cutoffs = self.cutoffs.scatter(full["id"] - self.first, full["at"])

    def _add_periods(self, calls: pl.DataFrame, cohort: CohortPeriod) -> None:
        """Mark the periods in which accounts called."""
        period = period_number(as_instant(pl.col("at")), cohort)
        is_new = (pl.col("id") != pl.col("id").shift()) | (
            pl.col("period") != pl.col("period").shift()
        )
        marked = calls.select("id", period).filter(is_new.fill_null(value=True))
        words = marked.select("id", period_word(pl.col("period")), period_mask(pl.col("period")))
        self.active = unite_periods(pl.concat([self.active, words]))

    def _add_lasts(self, calls: pl.DataFrame) -> None:
        """Keep the call of the highest rank of each account, of equal ones the last by content.

        Without that second order the result would depend on the order of the chunks.
        """
        highest = pl.lit(self.values[_RANK]).gather(pl.col("id") - self.first)
        rows = pl.concat([self.lasts, calls.select(self.lasts.columns)])
        rows = rows.filter(pl.col(_RANK) == highest).sort("id")
        is_tied = (pl.col("id") == pl.col("id").shift(1)).fill_null(value=False) | (
            pl.col("id") == pl.col("id").shift(-1)
        ).fill_null(value=False)
        tied = rows.filter(is_tied)
        if tied.height:
            chosen = tied.sort("id", "route", "status").unique(
                "id", keep="last", maintain_order=True
            )
            rows = pl.concat([rows.filter(~is_tied), chosen]).sort("id")
        self.lasts = rows


def sum_by_account(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the values of each account, and its `place`; `calls` are sorted by it.

    Sums are differences of running totals, for those cost by the call and not by the account.
    """
    flags = {
        "requests": pl.col("is_counted"),
        "errors": pl.col("is_counted") & pl.col("is_error"),
        "recent_requests": pl.col("is_recent"),
        "trial_requests": pl.col("in_trial"),
        "trial_errors": pl.col("in_trial") & pl.col("is_error"),
    }
    ends = calls["place"].rle().struct.field("len").cast(pl.Int64).cum_sum() - 1
    totals = calls.select(flag.cum_sum().cast(pl.Int64).alias(n) for n, flag in flags.items())
    counts = totals[ends].select(pl.all() - pl.all().shift(1, fill_value=0))
    counted, tried = (pl.when(flag).then("us") for flag in ("is_counted", "in_trial"))
    extremes = (
        calls.select(
            "place",
            _RANK,
            first_call="start",
            first_success=pl.when("is_success").then("at"),
            latency_min_us=counted,
            trial_latency_min_us=tried,
        )
        .with_columns(latency_max_us="latency_min_us", trial_latency_max_us="trial_latency_min_us")
        .group_by("place", maintain_order=True)
        .agg(getattr(pl.col(n), how)() for n, how in _MERGES.items() if how != "sum")
    )
    return extremes.hstack(counts)


class CallAccumulator:
    """Adds up the calls of chunks as they come."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        accounts = plan.trials.height
        self._shards = [
            _AccountShard.of(first, min(SHARD_ACCOUNTS, accounts - first))
            for first in range(0, accounts, SHARD_ACCOUNTS)
        ]
        none = pl.DataFrame(schema={name: SCHEMA[name] for name in plan.columns})
        self._rest = partial_calls(plan, none)
        self._pending: list[CallFacts] = []
        self._pending_calls = 0
        most = min(accounts * _PENDING_PER_ACCOUNT, _MOST_PENDING)
        self._most_pending = max(most, _FEWEST_PENDING)

    def add(self, facts: CallFacts) -> None:
        """Add the facts of a chunk."""
        self._pending.append(facts)
        self._pending_calls += facts.calls.height
        if self._pending_calls >= self._most_pending:
            self._add_up()

    def summary(self) -> CallSummary:
        """Return what all calls so far tell."""
        self._add_up()
        shards, rest = self._shards, self._rest
        empty = _AccountShard.of(0, 0)
        values = pl.concat([shard.values for shard in (empty, *shards)])
        return CallSummary(
            first=rest.first,
            last=rest.last,
            late=rest.late,
            later=rest.later,
            periods=rest.periods,
            accounts=values.with_row_index("id").drop_nulls("first_call").drop(_RANK),
            activations=pl.concat([shard.cutoffs.alias("at") for shard in (empty, *shards)])
            .to_frame()
            .with_row_index("id")
            .drop_nulls("at"),
            active=pl.concat([shard.active for shard in (empty, *shards)]),
            lasts=pl.concat([shard.lasts for shard in (empty, *shards)]),
            latencies=_map_shards(lambda shard: shard.latencies.shard(), shards),
            minutes=rest.minutes,
            unmatched=rest.unmatched,
        )

    def _add_up(self) -> None:
        pending, self._pending, self._pending_calls = self._pending, [], 0
        self._rest = _merge_rest(self._plan, [self._rest, *pending])
        edges = pl.Series([shard.first for shard in self._shards], dtype=pl.UInt32)
        frames = [facts.calls for facts in pending]
        places = [[*frame["id"].search_sorted(edges), frame.height] for frame in frames]

        def add_own(shard: _AccountShard) -> None:
            number = shard.first // SHARD_ACCOUNTS
            slices = [
                frame.slice(place[number], place[number + 1] - place[number])
                for frame, place in zip(frames, places, strict=True)
            ]
            calls = pl.concat([_NO_CALLS, *slices])
            if calls.height:
                shard.add(self._plan, calls)

        _map_shards(add_own, self._shards)


_NO_CALLS = pl.DataFrame(schema=CALL_COLUMNS)
_MOST_THREADS = 4
"""Each holds some calls of its shard more than once."""
R = TypeVar("R")


def _map_shards(
    work: Callable[[_AccountShard], R], shards: Sequence[_AccountShard]
) -> tuple[R, ...]:
    """Return what the work makes of each shard; it is done for several at a time."""
    if len(shards) < 2:
        return tuple(map(work, shards))
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="apilog_shards") as pool:
        return tuple(pool.map(work, shards))


def _merge_rest(plan: CallPlan, facts: list[CallFacts]) -> CallFacts:
    """Merge all but the calls."""
    return CallFacts(
        first=min((f.first for f in facts if f.first), default=None),
        last=max((f.last for f in facts if f.last), default=None),
        late=sum(f.late for f in facts),
        later=pl.concat([f.later for f in facts]).unique().sort("id"),
        periods=pl.concat([f.periods for f in facts]).unique().sort("period"),
        calls=_NO_CALLS,
        minutes=pl.concat([f.minutes for f in facts])
        .group_by("minute")
        .agg(pl.exclude("minute").sum())
        .sort("minute"),
        unmatched=merge_reports(plan.unmatched, [f.unmatched for f in facts]),
    )

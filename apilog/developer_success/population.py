"""The population: accounts joined with their calls, from which all tables are computed.

It shows the world at as-of: whatever came later has not happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from apilog.developer_success.accounts import Accounts
from apilog.developer_success.call_facts import as_instant, gateway_of, time_of
from apilog.developer_success.call_plan import CallSummary, CohortPeriod, period_start
from apilog.developer_success.call_summary import ACCOUNT_VALUES
from apilog.developer_success.log_coverage import LogCoverage
from apilog.options import PlanTerms
from apilog.schema import TIMESTAMP
from apilog.time import ALL_TIME, TimeWindow

STAGES = ("signed_up", "first_call", "first_success", "activated", "converted")
"""The stages that accounts pass through, in order."""
STAGE_TIMES = ("signed_up_at", "first_call", "first_success", "activated_at", "converted_at")
"""The columns with the times at which they are reached."""

_EVENTS = ("trial_started_at", "converted_at", "churned_at", "poc_started_at", "poc_completed_at")
_COUNTS = tuple(name for name, how in ACCOUNT_VALUES.items() if how == "sum")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessTerms:
    """The terms that the figures depend on beside the data."""

    as_of: datetime
    activation_calls: int = 10
    cohort: CohortPeriod = CohortPeriod.WEEK
    control: str | None = None
    """The variant that the others are compared with; None where there is no variant."""
    split: Mapping[str, float] = field(default_factory=dict)
    """How large each variant was planned to be, relative to the others; empty: all the same."""
    min_accounts: int = 100
    """A variant with fewer accounts gets no verdict."""
    attribution: timedelta = timedelta(days=30)
    """How long after its end a trial may convert."""
    plans: Mapping[str, PlanTerms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The accounts that a figure is about, joined with what their calls tell."""

    frame: pl.DataFrame
    """One row per account: its columns, with times after as-of as nulls; `id`; the counts of
    `ACCOUNT_VALUES`; `first_call`, `first_success` and `activated_at` as times; `gateway` of the
    first call; `stage`, the position of the last stage reached; `is_timed`, whether the log covers
    its sign-up, so that its first call in the log is its first one; `is_followed`, whether that is
    so or it has no sign-up and counts from its first call."""
    calls: CallSummary
    coverage: LogCoverage
    terms: SuccessTerms
    extremes: pl.DataFrame
    """The shortest and longest durations of each account, its position being its id."""

    def restricted_to(self, accounts: pl.DataFrame) -> Population:
        """Return the population of some of its accounts."""
        return replace(self, frame=accounts)


def build_population(
    accounts: Accounts, calls: CallSummary, terms: SuccessTerms, window: TimeWindow = ALL_TIME
) -> Population:
    """Join the accounts that have signed up by as-of with their calls.

    An account without a sign-up is there from its first call or any other event. One of which
    only calls after as-of are known is not there yet.
    """
    first = _first_call(calls, terms.cohort)
    coverage = LogCoverage(first=first, last=calls.last, as_of=terms.as_of, window=window)
    activations = calls.activations.select("id", activated_at=as_instant(pl.col("at")))
    frame = (
        accounts.frame.with_row_index("id")
        .join(calls.accounts, on="id", how="left", maintain_order="left")
        .join(activations, on="id", how="left", maintain_order="left")
    )
    joined = (
        frame.with_columns(
            *(pl.col(name).fill_null(0) for name in _COUNTS),
            # What comes after as-of must not show: else old reports would change with the table.
            *(pl.when(pl.col(name) <= terms.as_of).then(name) for name in _EVENTS),
            as_instant(time_of(pl.col("first_call"))).alias("first_call"),
            gateway_of(pl.col("first_call")).alias("gateway"),
            as_instant(pl.col("first_success")),
        )
        .with_columns(
            pl.coalesce("signed_up_at", "first_call"),
            is_timed=coverage.includes(pl.col("signed_up_at")),
            is_followed=coverage.includes(pl.col("signed_up_at"))
            | (pl.col("signed_up_at").is_null() & pl.lit(coverage.first is not None)),
        )
        .filter((pl.col("signed_up_at") <= terms.as_of).fill_null(value=True))
        .filter(
            pl.any_horizontal(pl.col("signed_up_at", *_EVENTS).is_not_null())
            | ~pl.col("id").is_in(calls.later["id"].implode())
        )
    )
    # A stage counts only if all stages before it were reached, so that funnels never widen.
    passed = pl.lit(value=True)
    reached = []
    for time in STAGE_TIMES[1:]:
        passed &= pl.col(time).is_not_null()
        reached.append(passed.cast(pl.Int8))
    return Population(
        frame=joined.with_columns(pl.sum_horizontal(reached).cast(pl.Int8).alias("stage")),
        calls=calls,
        coverage=coverage,
        terms=terms,
        # Also of accounts that are left out, because an account's position is its id.
        extremes=frame.select(name for name in ACCOUNT_VALUES if name.endswith("_us")),
    )


_LONGEST_SILENCE = {CohortPeriod.WEEK: 13, CohortPeriod.MONTH: 3}
"""A log that has no call of anybody for longer, in weeks or months, begins after that."""


def _first_call(calls: CallSummary, cohort: CohortPeriod) -> datetime | None:
    """Return when the log begins: with the first call, or the week or month after a long silence.

    A stray line with a wrong date, such as 1970, must not make it look as if nobody called since.
    """
    follows_silence = (calls.periods["period"].diff() > _LONGEST_SILENCE[cohort]).fill_null(False)
    if calls.first is None or not follows_silence.any():
        return calls.first
    begin = calls.periods.filter(follows_silence).tail(1)
    start = begin.select(period_start(pl.col("period"), cohort).cast(TIMESTAMP)).item()
    return start if isinstance(start, datetime) else None

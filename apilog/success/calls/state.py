"""What is asked of the calls, and what is known of some of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from apilog.aggregate import Partial, Plan, TableSpec

UNMATCHED = TableSpec(
    name="unmatched",
    keys=("consumer",),
    metrics=("requests", "errors", "error_rate", "last_seen"),
)
"""The calls of consumers that no account claims."""


MINUTE_US = 60_000_000


class Cohort(StrEnum):
    """What accounts that signed up together have in common, and what a step of their age is."""

    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallPlan:
    """What is asked of the calls."""

    claims: pl.DataFrame
    """`consumer` (ascending, unique) and the `id` (UInt32) of its account."""
    trials: pl.DataFrame
    """Of each account, its position being its id: `trial_started_at`, `trial_ends_at`, and
    whether its latencies are wanted as `is_detailed`."""
    as_of: datetime
    """Calls from it on have not happened."""
    recent_from: datetime
    """Start of the time whose calls count for a plan's quota."""
    activation_calls: int = 10
    """So many successful calls make an account an active one."""
    cohort: Cohort = Cohort.WEEK
    since: datetime | None = None
    until: datetime | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the schema it reads."""
        own = {"timestamp", "consumer", "status", "duration_ms", "route", "gateway"}
        return self.unmatched.columns | own

    @property
    def unmatched(self) -> Plan:
        """The report on calls that belong to no account."""
        return Plan(tables=(UNMATCHED,))

    @property
    def trial_minutes(self) -> range:
        """The minutes since 1970 from the first trial's start to the last one's end."""
        at = self.trials.drop_nulls("trial_started_at").select(
            start=pl.col("trial_started_at"),
            end=pl.min_horizontal(
                pl.col("trial_ends_at").fill_null(self.as_of), pl.lit(self.as_of)
            ),
        )
        start, end = (at[name].dt.epoch("us") for name in ("start", "end"))
        first, last = start.min(), end.max()
        if not isinstance(first, int) or not isinstance(last, int):
            return range(0)
        return range(first // MINUTE_US, -(-last // MINUTE_US))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What is known of some calls. Every frame is sorted by its first column."""

    first: datetime | None
    """Time of the oldest call."""
    last: datetime | None
    """Time of the newest call."""
    late: int
    """Calls that had not happened at as-of, or have no time; they are left out."""
    accounts: pl.DataFrame
    """Of `id`: counts, extremes and first times; see `partial.ACCOUNT_VALUES`."""
    successes: pl.DataFrame
    """`id`, `at` (microseconds since 1970): the earliest successful calls of each account."""
    active: pl.DataFrame
    """`id`, `word`, `mask`: of 64 weeks or months a word, those in which the account called."""
    lasts: pl.DataFrame
    """`id`, `rank`, `route`, `status`: the last error of each account, else its last call."""
    latencies: pl.DataFrame
    """`cell`, `n`: calls by account, whether in its trial, and latency bucket; see `cells`."""
    minutes: pl.DataFrame
    """`minute` (since 1970), `requests`, `server_errors`: of all calls, while there are trials."""
    unmatched: Partial
    """Of calls that belong to no account."""

    @property
    def size(self) -> int:
        """Rows of all frames."""
        frames = (self.accounts, self.successes, self.active, self.lasts, self.latencies)
        return sum(frame.height for frame in (*frames, self.minutes))

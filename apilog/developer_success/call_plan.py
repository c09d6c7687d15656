"""What to summarise of the calls, and how a summary of them encodes latencies and active periods.

Periods are weeks (from Monday) or months, in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from apilog.aggregate import PartialState, ReportPlan, TableSpec
from apilog.developer_success.consumer_lookup import ConsumerLookup
from apilog.developer_success.latency_cells import LatencyShard
from apilog.time import ALL_TIME, TimeWindow

UNMATCHED_TABLE = TableSpec(
    name="unmatched",
    keys=("consumer",),
    metrics=("requests", "errors", "error_rate", "last_seen"),
)
"""The calls of consumers that no account claims."""
MINUTE_US = 60_000_000


class CohortPeriod(StrEnum):
    """The length of the period of sign-up that makes a cohort, and the step of a cohort's age."""

    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallPlan:
    """What to summarise of the calls, and which accounts they belong to."""

    consumers: ConsumerLookup
    """Which account claims a consumer."""
    trials: pl.DataFrame
    """One row per account, its position being its id: `trial_started_at`, `trial_ends_at` (or the
    conversion, if that is earlier), and `is_detailed`, whether its latencies are kept."""
    as_of: datetime
    """The moment of the report: calls at or after it have not happened."""
    recent_from: datetime
    """Calls from here on count for a plan's quota."""
    activation_calls: int = 10
    """How many successful calls activate an account."""
    cohort: CohortPeriod = CohortPeriod.WEEK
    window: TimeWindow = ALL_TIME
    """The calls that are counted. What is known of an account, as its first call, its trial or
    the weeks in which it called, is taken from all calls."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the schema that are read."""
        columns = {"timestamp", "consumer", "status", "duration_ms", "route", "gateway"}
        return self.unmatched.columns | columns

    @property
    def unmatched(self) -> ReportPlan:
        """The report on calls that belong to no account."""
        return ReportPlan(tables=(UNMATCHED_TABLE,))

    @property
    def trial_minutes(self) -> range:
        """The minutes since 1970 from the start of the first trial to the end of the last one."""
        end = pl.min_horizontal(pl.col("trial_ends_at").fill_null(self.as_of), pl.lit(self.as_of))
        first, last = (
            self.trials.drop_nulls("trial_started_at")
            .select(pl.col("trial_started_at").dt.epoch("us").min(), end.dt.epoch("us").max())
            .row(0)
        )
        if not isinstance(first, int) or not isinstance(last, int):
            return range(0)
        # Rounded outwards, so that the minutes of every trial are among them.
        return range(first // MINUTE_US, -(-last // MINUTE_US))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What some calls tell: of each call of an account a row, of all others their sums."""

    first: datetime | None
    last: datetime | None
    late: int
    """How many calls of the window are at or after as-of, or have no time; they are left out."""
    later: pl.DataFrame
    """`id` of the accounts that call at or after as-of, ascending."""
    periods: pl.DataFrame
    """`period`, ascending: the weeks or months with any call of anybody before as-of."""
    calls: pl.DataFrame
    """The calls of accounts by `id`: see `partial_calls`."""
    minutes: pl.DataFrame
    """`minute` (since 1970, ascending), `requests`, `server_errors` of all calls, while there are
    trials."""
    unmatched: PartialState
    """The partial state of the table of calls that belong to no account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """What all calls tell of each account. Every frame is sorted by its first column."""

    first: datetime | None
    last: datetime | None
    late: int
    """As those of `CallFacts`, like all that is described there."""
    later: pl.DataFrame
    periods: pl.DataFrame
    accounts: pl.DataFrame
    """`id`, and the counts, extremes and first times of `ACCOUNT_VALUES`."""
    activations: pl.DataFrame
    """`id`, `at` (microseconds since 1970): the successful call that activated each account."""
    active: pl.DataFrame
    """`id`, `word`, `mask`: the periods in which each account called, as bits of 64-bit words."""
    lasts: pl.DataFrame
    """`id`, `rank`, `route`, `status`: the last error of each account, else its last call."""
    latencies: tuple[LatencyShard, ...]
    """The latencies of each account by kind of call, some accounts at a time."""
    minutes: pl.DataFrame
    unmatched: PartialState


PERIODS_PER_WORD = 64
"""How many periods one word of a bit set holds."""


def period_number(at: pl.Expr, cohort: CohortPeriod) -> pl.Expr:
    """Return the number (Int32) of the week or month that contains the instant."""
    if cohort is CohortPeriod.MONTH:
        months = at.dt.year().cast(pl.Int32) * 12 + at.dt.month().cast(pl.Int32) - 1
        return months.alias("period")
    # Day 0 of the epoch, 1970-01-01, was a Thursday; weeks begin on Monday.
    return ((at.dt.epoch("d").cast(pl.Int32) + 3) // 7).alias("period")


def period_start(period: pl.Expr, cohort: CohortPeriod) -> pl.Expr:
    """Return the date on which a week or month begins."""
    if cohort is CohortPeriod.MONTH:
        return pl.date(period // 12, period % 12 + 1, 1)
    return (period * 7 - 3).cast(pl.Date)


def period_word(period: pl.Expr) -> pl.Expr:
    """Return the number of the word of a bit set that holds a period."""
    return (period // PERIODS_PER_WORD).alias("word")


def period_mask(period: pl.Expr) -> pl.Expr:
    """Return the word in which the bit of one period is set."""
    bits = pl.Series([1 << bit for bit in range(PERIODS_PER_WORD)], dtype=pl.UInt64)
    return pl.lit(bits).gather(period % PERIODS_PER_WORD).alias("mask")


def unite_periods(marked: pl.DataFrame) -> pl.DataFrame:
    """Unite the bit sets of each account."""
    # One number to group and to sort by; words before 1970 are negative.
    key = pl.col("id").cast(pl.Int64) * (1 << 32) + pl.col("word").cast(pl.Int64) + (1 << 31)
    return (
        marked.group_by(key=key)
        .agg(pl.col("mask").bitwise_or())
        .sort("key")
        .select(
            (pl.col("key") // (1 << 32)).cast(pl.UInt32).alias("id"),
            (pl.col("key") % (1 << 32) - (1 << 31)).cast(pl.Int32).alias("word"),
            "mask",
        )
    )


def count_periods(active: pl.DataFrame, group: str) -> pl.DataFrame:
    """Count the bit sets of each group that contain each period: `group`, `period`, `count`."""
    # One sum per bit in a single pass: exploding the sets would make a row per account and period.
    bits = [
        ((pl.col("mask") & pl.lit(2**bit, pl.UInt64)) != 0).sum().cast(pl.Int64).alias(str(bit))
        for bit in range(PERIODS_PER_WORD)
    ]
    wide = active.group_by(group, "word").agg(bits)
    counts = wide.unpivot(index=[group, "word"], variable_name="bit", value_name="count")
    return counts.filter(pl.col("count") > 0).select(
        group,
        period=pl.col("word") * PERIODS_PER_WORD + pl.col("bit").cast(pl.Int32),
        count="count",
    )

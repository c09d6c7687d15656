"""What is asked of the calls, and how a summary of them encodes latencies and active periods.

Periods are weeks (from Monday) or months, in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from apilog.aggregate import PartialState, ReportPlan, TableSpec
from apilog.aggregate.ddsketch import BUCKET_CODES

UNMATCHED_TABLE = TableSpec(
    name="unmatched",
    keys=("consumer",),
    metrics=("requests", "errors", "error_rate", "last_seen"),
)
"""The calls of consumers that no account claims."""


MINUTE_US = 60_000_000


class CohortPeriod(StrEnum):
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
    cohort: CohortPeriod = CohortPeriod.WEEK
    since: datetime | None = None
    until: datetime | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the schema it reads."""
        own = {"timestamp", "consumer", "status", "duration_ms", "route", "gateway"}
        return self.unmatched.columns | own

    @property
    def unmatched(self) -> ReportPlan:
        """The report on calls that belong to no account."""
        return ReportPlan(tables=(UNMATCHED_TABLE,))

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
class CallSummary:
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
    unmatched: PartialState
    """Of calls that belong to no account."""

    @property
    def size(self) -> int:
        """Rows of all frames."""
        frames = (self.accounts, self.successes, self.active, self.lasts, self.latencies)
        return sum(frame.height for frame in (*frames, self.minutes))


_CELLS_PER_HISTOGRAM = 2048
CELLS_PER_ACCOUNT = 2 * _CELLS_PER_HISTOGRAM
"""Cells of one account: those out of its trial, then those in it."""

assert BUCKET_CODES <= _CELLS_PER_HISTOGRAM


def latency_cell(account: pl.Expr, in_trial: pl.Expr, bucket: pl.Expr) -> pl.Expr:
    """The cell (UInt64) of a call's latency."""
    return (
        account.cast(pl.UInt64) * CELLS_PER_ACCOUNT
        + in_trial.cast(pl.UInt64) * _CELLS_PER_HISTOGRAM
        + bucket
    ).alias("cell")


def cell_account(cell: pl.Expr) -> pl.Expr:
    """The `id` (UInt32) of a cell's account."""
    return (cell // CELLS_PER_ACCOUNT).cast(pl.UInt32).alias("id")


def is_trial_cell(cell: pl.Expr) -> pl.Expr:
    """Whether a cell is of calls within the account's trial."""
    return cell % CELLS_PER_ACCOUNT >= _CELLS_PER_HISTOGRAM


def cell_bucket_code(cell: pl.Expr) -> pl.Expr:
    """The code of a cell's bucket."""
    return cell % _CELLS_PER_HISTOGRAM


PERIODS_PER_WORD = 64
"""Periods in a word."""


def period_number(at: pl.Expr, cohort: CohortPeriod) -> pl.Expr:
    """The number (Int32) of the week or month that holds the instant."""
    if cohort is CohortPeriod.MONTH:
        months = at.dt.year().cast(pl.Int32) * 12 + at.dt.month().cast(pl.Int32) - 1
        return months.alias("period")
    # 1970 began on a Thursday.
    return ((at.dt.epoch("d").cast(pl.Int32) + 3) // 7).alias("period")


def period_start(period: pl.Expr, cohort: CohortPeriod) -> pl.Expr:
    """The date on which a week or month begins."""
    if cohort is CohortPeriod.MONTH:
        return pl.date(period // 12, period % 12 + 1, 1)
    return (period * 7 - 3).cast(pl.Date)


def mark_periods(periods: pl.DataFrame) -> pl.DataFrame:
    """Of `id` and `period` the set of each account: `id`, `word`, and a `mask` of its bits."""
    bit = pl.lit(2, pl.UInt64).pow(pl.col("period") % PERIODS_PER_WORD)
    return (
        periods.unique()
        .group_by("id", word=pl.col("period") // PERIODS_PER_WORD)
        .agg(mask=bit.sum())
        .sort("id", "word")
    )


def unite_periods(marked: pl.DataFrame) -> pl.DataFrame:
    """The union of several such sets."""
    return marked.group_by("id", "word").agg(pl.col("mask").bitwise_or()).sort("id", "word")


def count_periods(active: pl.DataFrame, group: str) -> pl.DataFrame:
    """How many sets of each group hold each period: `group`, `period`, `count`, without zeros."""
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

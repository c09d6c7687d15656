"""The population: accounts joined with their calls, from which all tables are computed.

It shows the world at as-of: whatever came later has not happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from apilog.developer_success.accounts import Accounts
from apilog.developer_success.call_plan import CohortPeriod
from apilog.developer_success.call_summary import (
    ACCOUNT_VALUES,
    GATEWAY_CODES,
    NO_GATEWAY,
    CallSummary,
)
from apilog.schema import GATEWAY, GATEWAYS, TIMESTAMP

STAGES = ("signed_up", "first_call", "first_success", "activated", "converted")
"""What accounts go through, in order."""
STAGE_TIMES = ("signed_up_at", "first_call", "first_success", "activated_at", "converted_at")
"""The columns of the times at which they do."""

_EVENTS = (
    "trial_started_at",
    "converted_at",
    "churned_at",
    "poc_started_at",
    "poc_completed_at",
)
_COUNTS = tuple(name for name, (_, how) in ACCOUNT_VALUES.items() if how == "sum")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """What a plan allows and costs."""

    quota: int | None = None
    """Calls a month."""
    price: float | None = None
    """A month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessTerms:
    """What the figures depend on beside the data."""

    as_of: datetime
    activation_calls: int = 10
    cohort: CohortPeriod = CohortPeriod.WEEK
    control: str | None = None
    """The variant that the others are compared with; None: the first by name."""
    min_accounts: int = 100
    """A variant with fewer accounts is not judged."""
    plans: Mapping[str, PlanTerms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Accounts, a row each, and the state of all calls."""

    frame: pl.DataFrame
    """The account's columns, its times null where they are after as-of; `id`; the counts of
    `ACCOUNT_VALUES`; `first_call`, `first_success` and `activated_at` as times; `gateway` of the
    first call; `stage`, the position of the last one reached."""
    calls: CallSummary
    terms: SuccessTerms
    extremes: pl.DataFrame
    """Shortest and longest durations of each account, its position being its id."""

    def restricted_to(self, accounts: pl.DataFrame) -> Population:
        """Some of its accounts."""
        return replace(self, frame=accounts)


def build_population(accounts: Accounts, calls: CallSummary, terms: SuccessTerms) -> Population:
    """The accounts that have signed up, with their calls."""
    frame = (
        accounts.frame.with_row_index("id")
        .join(calls.accounts, on="id", how="left", maintain_order="left")
        .join(_activation_times(calls, terms), on="id", how="left", maintain_order="left")
    )
    extremes = frame.select(name for name in ACCOUNT_VALUES if name.endswith("_us"))
    seen = (
        frame.with_columns(
            *(pl.col(name).fill_null(0) for name in _COUNTS),
            *(pl.when(pl.col(name) <= terms.as_of).then(name) for name in _EVENTS),
            _as_instant(pl.col("first_call") // GATEWAY_CODES).alias("first_call"),
            _decode_gateway(pl.col("first_call") % GATEWAY_CODES),
            _as_instant(pl.col("first_success")),
        )
        .with_columns(pl.coalesce("signed_up_at", "first_call"))
        .filter((pl.col("signed_up_at") <= terms.as_of).fill_null(value=True))
    )
    return Population(
        frame=seen.with_columns(_last_stage()), calls=calls, terms=terms, extremes=extremes
    )


def _activation_times(calls: CallSummary, terms: SuccessTerms) -> pl.DataFrame:
    """The time of the call that makes an account an active one, of those that have it."""
    return (
        calls.successes.group_by("id")
        .agg(pl.len(), activated_at=_as_instant(pl.col("at").max()))
        .filter(pl.col("len") >= terms.activation_calls)
        .drop("len")
    )


def _as_instant(micros: pl.Expr) -> pl.Expr:
    return micros.cast(pl.Int64).cast(TIMESTAMP)


def _decode_gateway(code: pl.Expr) -> pl.Expr:
    names = pl.lit(pl.Series(GATEWAYS, dtype=GATEWAY))
    known = pl.when(code != NO_GATEWAY).then(code)
    return names.gather(known.cast(pl.UInt32)).cast(pl.String).alias("gateway")


def _last_stage() -> pl.Expr:
    """How many stages after the first were reached without leaving one out."""
    passed = pl.lit(value=True)
    reached = []
    for time in STAGE_TIMES[1:]:
        passed &= pl.col(time).is_not_null()
        reached.append(passed.cast(pl.Int8))
    return pl.sum_horizontal(reached).cast(pl.Int8).alias("stage")

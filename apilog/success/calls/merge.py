"""From several states to one, account by account.

Counts are added, extremes compared, sets united: the order of the states doesn't matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.aggregate import merge as merge_reports
from apilog.schema import SCHEMA
from apilog.success.calls.cells import PER_ACCOUNT
from apilog.success.calls.partial import ACCOUNT_VALUES, earliest, latest, partial
from apilog.success.calls.periods import united
from apilog.success.calls.shards import Merge, sharded
from apilog.success.calls.state import CallPlan, Calls

_FOLD_FROM = 1_000_000
"""Rows from which waiting states are merged, unless the merged one is much larger."""


class Folded:
    """States merged as they come; they wait until that is worth while."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._merged: list[Calls] = []
        self._waiting: list[Calls] = []
        self._rows = 0

    def add(self, calls: Calls) -> None:
        """Take one more."""
        self._waiting.append(calls)
        self._rows += calls.size
        merged = sum(state.size for state in self._merged)
        # In steps that grow with the result, merging costs each row a few times at most.
        if self._rows > max(_FOLD_FROM, merged // 2):
            self._merged = [merge(self._plan, [*self._merged, *self._waiting])]
            self._waiting, self._rows = [], 0

    def result(self) -> Calls:
        """All of them as one."""
        return merge(self._plan, [*self._merged, *self._waiting])


def merge(plan: CallPlan, states: Sequence[Calls]) -> Calls:
    """One state for several; that of no calls for none."""
    if not states:
        return partial(plan, pl.DataFrame(schema={c: SCHEMA[c] for c in plan.columns}))
    count = plan.trials.height

    def by_account(name: str, merged: Merge, per_account: int = 1) -> pl.DataFrame:
        frames = [getattr(state, name) for state in states]
        return sharded(frames, count, merged, per_account)

    return Calls(
        first=min((s.first for s in states if s.first), default=None),
        last=max((s.last for s in states if s.last), default=None),
        late=sum(s.late for s in states),
        accounts=by_account("accounts", _accounts),
        successes=by_account("successes", lambda frame: earliest(frame, plan.activation_calls)),
        active=by_account("active", united),
        lasts=by_account("lasts", latest),
        latencies=by_account("latencies", _latencies, PER_ACCOUNT),
        minutes=_summed(pl.concat([s.minutes for s in states]), "minute"),
        unmatched=merge_reports(plan.unmatched, [s.unmatched for s in states]),
    )


def _accounts(frame: pl.DataFrame) -> pl.DataFrame:
    merges = {"sum": pl.Expr.sum, "min": pl.Expr.min, "max": pl.Expr.max}
    values = (merges[how](pl.col(name)) for name, (_, how) in ACCOUNT_VALUES.items())
    return frame.group_by("id").agg(*values).sort("id")


def _latencies(frame: pl.DataFrame) -> pl.DataFrame:
    return _summed(frame, "cell")


def _summed(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    return frame.group_by(key).agg(pl.exclude(key).sum()).sort(key)

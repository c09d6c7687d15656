"""How long it takes until an event, where some are still waiting for it.

Kaplan and Meier (1958), https://doi.org/10.1080/01621459.1958.10501452: who waits no longer than
the log goes leaves the risk set at that time, and is neither a success nor a failure. That holds
if those who came lately do as those before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_ROUNDING = 1e-9
"""What the share that waits may be off by, having been multiplied together."""


@dataclass(frozen=True, slots=True)
class EventCurve:
    """The share that still waits, by the time that has passed."""

    steps: pl.DataFrame
    """A row per time at which events happened: `time`, `waiting` (the share that waits after it),
    and `spread` (Greenwood's sum, the variance of the logarithm of that share)."""
    at_risk: int
    """How many are waiting in the beginning."""
    events: int

    @property
    def censored(self) -> int:
        """How many are not known to have had the event."""
        return self.at_risk - self.events

    @classmethod
    def from_times(cls, times: pl.Series, has_event: pl.Series) -> EventCurve:
        """Return the curve of the times of events, or until which there was none.

        An infinite time without an event is of one that will never have it. Those without a time
        are left out.
        """
        frame = pl.DataFrame({"time": times.cast(pl.Float64), "event": has_event}).drop_nulls()
        # At equal times events come first: whoever leaves then was at risk.
        d, n = pl.col("events"), pl.col("at_risk")
        steps = (
            frame.group_by("time")
            .agg(events=pl.col("event").sum().cast(pl.Int64), all=pl.len().cast(pl.Int64))
            .sort("time")
            .with_columns(at_risk=frame.height - pl.col("all").cum_sum() + pl.col("all"))
            .filter(d > 0)
            .select(
                "time",
                waiting=(1 - d / n).cum_prod(),
                # Greenwood (1926); infinite where nobody waits any more.
                spread=(d / (n * (n - d))).cum_sum(),
            )
        )
        return cls(steps, frame.height, int(frame["event"].sum()))

    def quantile(self, q: float) -> float | None:
        """Return the time by which the share `q` has had the event; None if it never had.

        Between two times at which exactly that share has, it is the middle, as of a median.
        """
        # Rows are in order of time, so `waiting` falls.
        reached = self.steps.filter(pl.col("waiting") <= 1 - q + _ROUNDING).head(2)
        if not reached.height or not self.at_risk:
            return None
        time: float = reached["time"][0]
        if reached.height == 2 and abs(reached["waiting"][0] - (1 - q)) <= _ROUNDING:
            time = (time + reached["time"][1]) / 2
        return time

    @property
    def share(self) -> float | None:
        """The share that has had the event in the end; None of nobody."""
        if not self.at_risk:
            return None
        if not self.steps.height:
            return 0.0
        if not self.censored:
            return 1.0
        return 1.0 - float(self.steps["waiting"][-1])

    def effective_size(self, followed: int) -> float:
        """Return how many whose outcome is known would tell the share as surely.

        That is p · (1 − p) / variance, or the number of those who were `followed` to the end
        where all or none had the event. Without any who still wait it is their number.
        """
        share = self.share
        if not share or share > 1 - _ROUNDING:
            return followed
        # The variance is (1 − p)² · spread.
        return share / ((1 - share) * float(self.steps["spread"][-1]))

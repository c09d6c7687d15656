"""What an archive's index knows of a period: sums that add up to months and years.

A percentile of a month is read off the latency buckets of its days, which add up; percentiles
themselves do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from apilog.aggregate.ddsketch import bucket_of, estimate_quantiles

SUMMED_TABLES = ("overview", "traffic", "histogram")
"""The tables of a report that its sums are read off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSums:
    """The sums of one period."""

    errors: int
    server_errors: int
    low_us: int | None
    """The shortest and the longest duration in microseconds; None where none is known."""
    high_us: int | None
    p95_ms: float | None
    """As its report says it."""
    latency: Mapping[int, int]
    """Bucket of the sketch to how many durations lie in it."""
    steps: tuple[int, ...]
    """The requests in each step of the period's report."""

    @classmethod
    def of_tables(cls, tables: Mapping[str, pl.DataFrame]) -> Self:
        """Return the sums of a report's `SUMMED_TABLES`."""
        row = tables["overview"].row(0, named=True)
        extremes = (row["latency_min_ms"], row["latency_max_ms"])
        low, high = (None if ms is None else round(1000 * ms) for ms in extremes)
        traffic = tables["traffic"].drop_nulls("timestamp")
        buckets = tables["histogram"].select("to_ms", "requests").iter_rows()
        return cls(
            errors=row["errors"],
            server_errors=row["server_errors"],
            low_us=low,
            high_us=high,
            p95_ms=row["latency_p95_ms"],
            latency={bucket_of(to_ms): count for to_ms, count in buckets},
            steps=tuple(traffic["requests"].to_list()),
        )

    def to_fields(self) -> dict[str, object]:
        """Return the sums as JSON holds them; numbers in a text, as there are many."""
        return {
            "errors": self.errors,
            "server_errors": self.server_errors,
            "latency_us": [self.low_us, self.high_us],
            "p95_ms": self.p95_ms,
            "latency": " ".join(f"{bucket}:{n}" for bucket, n in self.latency.items()),
            "steps": " ".join(map(str, self.steps)),
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the sums of these fields; raises KeyError, TypeError, ValueError for others."""
        low, high = fields["latency_us"]
        p95, numbers = fields["p95_ms"], fields["latency"].replace(":", " ").split()
        return cls(
            errors=int(fields["errors"]),
            server_errors=int(fields["server_errors"]),
            low_us=None if low is None else int(low),
            high_us=None if high is None else int(high),
            p95_ms=None if p95 is None else float(p95),
            latency=dict(zip(map(int, numbers[::2]), map(int, numbers[1::2]), strict=True)),
            steps=tuple(map(int, fields["steps"].split())),
        )


def p95_of(groups: Sequence[Sequence[PeriodSums]]) -> list[float | None]:
    """Return the p95 of each group of periods in milliseconds; None where no duration is known.

    Of one period it is what its report says, of several it is read off all their buckets.
    """
    columns: dict[str, list[int]] = {"row": [], "bucket": [], "n": []}
    for row, group in enumerate(groups):
        for one in group if len(group) > 1 else ():
            columns["row"] += [row] * len(one.latency)
            columns["bucket"] += one.latency.keys()
            columns["n"] += one.latency.values()
    schema = {"row": pl.UInt32(), "bucket": pl.Int16(), "n": pl.Int64()}
    counts = pl.DataFrame(columns, schema=schema).group_by("row", "bucket").agg(pl.col("n").sum())
    lows = [[one.low_us for one in group if one.low_us is not None] for group in groups]
    highs = [[one.high_us for one in group if one.high_us is not None] for group in groups]
    low = pl.Series([min(known, default=None) for known in lows], dtype=pl.Int64)
    high = pl.Series([max(known, default=None) for known in highs], dtype=pl.Int64)
    found = estimate_quantiles(counts, {"p95": 0.95}, low, high)
    by_row = dict(found.select("row", "p95").iter_rows())
    return [
        group[0].p95_ms if len(group) == 1 else by_row.get(row) for row, group in enumerate(groups)
    ]

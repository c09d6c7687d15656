"""What explains an event: the few routes, statuses or consumers that most of it comes from.

The difference of each is what was counted less what its share of the other hours would give. Names
are given if a few have more than half of the difference, and clearly more of it than their usual
part: where all routes rose alike, none explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.aggregate.anomalies.scan import Event

_EXPLAINS = 0.5
_MORE_THAN_USUAL = 0.25
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EventComparison:
    """An event, and how much of it would be usual."""

    event: Event
    column: str
    """The count that the event is of: `requests`, `errors` or `server_errors`."""
    scale: float
    """What is usual in the hours of the event, in units of the other hours."""

    @property
    def usual_hours(self) -> pl.Expr:
        """The condition for the hours that tell what is usual: of a shift those before it."""
        before = pl.col("timestamp") < self.event.start
        return before if self.event.is_shift else ~is_within(self.event)


def is_within(event: Event) -> pl.Expr:
    """Return the condition for the hours of an event."""
    return pl.col("timestamp").is_between(event.start, event.end, closed="left")


def name_causes(counts: pl.DataFrame, name: pl.Expr, comparison: EventComparison) -> str | None:
    """Return the few names of which most of the difference comes, with their shares of it.

    Takes `timestamp` and counts for each of the names. None where it comes from many.
    """
    event, column = comparison.event, pl.col(comparison.column)
    usual, during = comparison.usual_hours, is_within(event)
    columns = dict.fromkeys(("timestamp", "requests", comparison.column))
    own = counts.select(name.alias("name"), *columns)
    sums = own.group_by("name").agg(
        difference=column.filter(during).sum() - comparison.scale * column.filter(usual).sum(),
        usual=pl.col("requests").filter(usual).sum(),
    )
    total, all_usual = event.count - event.mean, float(sums["usual"].sum()) or 1.0
    sign = 1.0 if total > 0 else -1.0
    ranked = sums.drop_nulls("name").filter(sign * pl.col("difference") > 0)
    ranked = ranked.sort(sign * pl.col("difference"), "name", descending=[True, False])
    return _listed(
        [
            (str(label), abs(difference / total), part / all_usual)
            for label, difference, part in ranked.head(_MOST_NAMED).iter_rows()
        ]
    )


def _listed(causes: list[tuple[str, float, float]]) -> str | None:
    """Return the first names that explain enough, of names with their share and usual part."""
    share = usual = 0.0
    for i, (_, own, part) in enumerate(causes):
        share, usual = share + own, usual + part
        if share >= _EXPLAINS:
            if share - usual < _MORE_THAN_USUAL:
                return None
            return ", ".join(f"{name} ({min(own, 1):.0%})" for name, own, _ in causes[: i + 1])
    return None

"""Times without a year, as RFC 3164 has them: `Oct 10 13:55:36`.

Invariant: such a time lies in the past, and as little as it can.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.formats.times import times
from apilog.schema import TIMESTAMP

_YEARS = 9
"""A 29 February may be eight years ago."""
_AHEAD = timedelta(days=1)
"""Clocks and zones differ: that much later than now is not the future yet."""
_SHAPE = r"^([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9:.]+)$"


def yearless_times(texts: pl.Series, now: datetime | None = None) -> pl.Series:
    """The latest time not after `now` that each text can mean; it is taken as UTC.

    A text with a year, or any other time, is what it says; what is no time is null.
    """
    limit = (now or datetime.now(UTC)) + _AHEAD
    bare = texts.str.contains(_SHAPE).fill_null(value=False)
    found = times(texts.set(bare, None))
    for year in range(limit.year, limit.year - _YEARS, -1):
        left = (bare & found.is_null()).arg_true()
        if not len(left):
            break
        dated = texts.gather(left).str.replace(_SHAPE, f"$1 $2 {year} $3")
        then = times(dated)
        found = found.scatter(left, then.set(then > limit, None).cast(TIMESTAMP))
    return found

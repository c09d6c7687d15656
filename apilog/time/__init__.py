"""Time limits, buckets and periods: which instants a report covers, and how it cuts them up.

Instants are aware datetimes in UTC; the zone only decides what a day is, and where a
bucket starts.
"""

from __future__ import annotations

from apilog.time.instants import parse_instant, parse_zone
from apilog.time.periods import (
    STEPS,
    Period,
    PeriodLength,
    bucket_start,
    choose_step,
    iter_buckets,
    parse_step,
    period_at,
)
from apilog.time.window import ALL_TIME, TimeLimit, TimeWindow, parse_span, parse_window

__all__ = [
    "ALL_TIME",
    "STEPS",
    "Period",
    "PeriodLength",
    "TimeLimit",
    "TimeWindow",
    "bucket_start",
    "choose_step",
    "iter_buckets",
    "parse_instant",
    "parse_span",
    "parse_step",
    "parse_window",
    "parse_zone",
    "period_at",
]

"""Time limits, buckets and periods: which instants a report covers, and how it cuts them up.

Instants are aware datetimes in UTC; the zone only decides what a day is, and where a
bucket starts.
"""

from __future__ import annotations

from apilog.window.instants import parse_instant, zone
from apilog.window.periods import Every, Period, period_at
from apilog.window.steps import STEPS, bucket_start, buckets, parse_step, step_for

__all__ = [
    "STEPS",
    "Every",
    "Period",
    "bucket_start",
    "buckets",
    "parse_instant",
    "parse_step",
    "period_at",
    "step_for",
    "zone",
]

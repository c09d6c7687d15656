"""Time limits and buckets: which instants a report covers, and how it cuts them up.

Instants are aware datetimes in UTC; the zone only decides what a day is, and where a
bucket starts.
"""

from __future__ import annotations

from apilog.window.instants import parse_instant, zone
from apilog.window.steps import STEPS, bucket_start, buckets, parse_step, step_for

__all__ = ["STEPS", "bucket_start", "buckets", "parse_instant", "parse_step", "step_for", "zone"]

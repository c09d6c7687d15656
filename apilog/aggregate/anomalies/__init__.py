"""Anomalies: hours, and spans of hours, that are unlike what is usual at their time of the week.

Reports see what came before and after and find events; alerts see only the past and judge the
last whole hour. Both know what is usual by one model: a level that moves, times the share of the
kind of day and hour of the day, with chance and moods measured.
"""

from __future__ import annotations

from apilog.aggregate.anomalies.counts import SHORT, HourCounts, collect_counts
from apilog.aggregate.anomalies.find import (
    find_anomalies,
    find_anomalies_by_clock,
    find_short_anomalies,
    parts_with_far_counts,
)
from apilog.aggregate.anomalies.last_hour import score_last_hour
from apilog.aggregate.anomalies.latencies import HourLatencies
from apilog.aggregate.anomalies.table import REPORTED_SCORE

__all__ = [
    "REPORTED_SCORE",
    "SHORT",
    "HourCounts",
    "HourLatencies",
    "collect_counts",
    "find_anomalies",
    "find_anomalies_by_clock",
    "find_short_anomalies",
    "parts_with_far_counts",
    "score_last_hour",
]

"""Reports: what is asked for, and how it is built from sources."""

from __future__ import annotations

from apilog.reports.build import build_report, read_nothing
from apilog.reports.options import ReportOptions
from apilog.reports.periods import PeriodReports
from apilog.reports.source_pass import RejectSink

__all__ = [
    "PeriodReports",
    "RejectSink",
    "ReportOptions",
    "build_report",
    "read_nothing",
]

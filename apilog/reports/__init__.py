"""Reports: what is asked for, and how it is built from sources."""

from __future__ import annotations

from apilog.reports.build import build, nothing_read
from apilog.reports.options import ReportOptions
from apilog.reports.passes import RejectSink
from apilog.reports.periods import PeriodReports, covers

__all__ = ["PeriodReports", "RejectSink", "ReportOptions", "build", "covers", "nothing_read"]

"""Reports: what is asked for, and how it is built from sources."""

from __future__ import annotations

from apilog.reports.build import build, nothing_read
from apilog.reports.options import ReportOptions

__all__ = ["ReportOptions", "build", "nothing_read"]

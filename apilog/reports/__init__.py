"""Reports: what is asked for, and how it is built from sources."""

from apilog.reports.build import build
from apilog.reports.options import ReportOptions

__all__ = ["ReportOptions", "build"]

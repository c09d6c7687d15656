"""Reports: tables of what the sources hold, for all of their time or period by period."""

from __future__ import annotations

from apilog.reports.build import build_report, make_plan
from apilog.reports.own_report import build_own_report, check_sources, plan_own_report

__all__ = [
    "build_own_report",
    "build_report",
    "check_sources",
    "make_plan",
    "plan_own_report",
]

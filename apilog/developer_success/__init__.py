"""Developer success: the accounts of an API joined with their calls."""

from __future__ import annotations

from apilog.developer_success.accounts import AccountColumns
from apilog.developer_success.options import SuccessOptions
from apilog.developer_success.population import PlanTerms
from apilog.developer_success.report_builder import build_success_report
from apilog.developer_success.tables import table_names

__all__ = ["AccountColumns", "PlanTerms", "SuccessOptions", "build_success_report", "table_names"]

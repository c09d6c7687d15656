"""Developer success: the accounts of an API joined with their calls."""

from __future__ import annotations

from apilog.developer_success.accounts import AccountColumns
from apilog.developer_success.report_builder import build_success_report
from apilog.developer_success.tables import table_names

__all__ = ["AccountColumns", "build_success_report", "table_names"]

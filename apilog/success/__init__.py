"""Developer success: the accounts of an API joined with their calls."""

from __future__ import annotations

from apilog.success.accounts import AccountColumns
from apilog.success.build import build
from apilog.success.options import SuccessOptions
from apilog.success.population import PlanTerms
from apilog.success.tables import table_names

__all__ = ["AccountColumns", "PlanTerms", "SuccessOptions", "build", "table_names"]

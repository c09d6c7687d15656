"""The accounts that calls are joined with: read, checked, typed."""

from __future__ import annotations

from apilog.success.accounts.columns import COLUMNS, AccountColumns
from apilog.success.accounts.model import Accounts
from apilog.success.accounts.read import read_accounts

__all__ = ["COLUMNS", "AccountColumns", "Accounts", "read_accounts"]

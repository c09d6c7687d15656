"""The accounts that calls are joined with: read, checked, typed."""

from __future__ import annotations

from apilog.developer_success.accounts.account_columns import ACCOUNT_COLUMNS, AccountColumns
from apilog.developer_success.accounts.account_reader import read_accounts
from apilog.developer_success.accounts.raw_tables import Accounts

__all__ = ["ACCOUNT_COLUMNS", "AccountColumns", "Accounts", "read_accounts"]

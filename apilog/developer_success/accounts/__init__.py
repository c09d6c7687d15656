"""Account tables: read, checked, typed, and each consumer claimed by one account."""

from __future__ import annotations

from apilog.developer_success.accounts.account_columns import ACCOUNT_COLUMNS, AccountColumns
from apilog.developer_success.accounts.account_reader import Accounts, read_accounts

__all__ = ["ACCOUNT_COLUMNS", "AccountColumns", "Accounts", "read_accounts"]

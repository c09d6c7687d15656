"""What commands share that join calls with accounts: options first, then the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.success import SuccessOptions


def joined(accounts: str | None, query: str | None, config: Path | None) -> SuccessOptions:
    """The accounts that are meant, and what the configuration says of them.

    Raises UsageError if neither names any.
    """
    from apilog.config import load
    from apilog.success import SuccessOptions

    settings = load(config)
    source = accounts or settings.accounts.source
    if source is None:
        raise UsageError(
            "there are no accounts to join",
            "give --accounts FILE, or `source` in [accounts] of apilog.toml",
        )
    return SuccessOptions(
        accounts=source,
        accounts_query=query or (None if accounts else settings.accounts.query),
        columns=settings.accounts.columns,
        plans=settings.plans,
        goals=settings.goals,
    )

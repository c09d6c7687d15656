"""The columns of an account table that have a meaning: their names and kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from apilog.errors import UsageError
from apilog.text import did_you_mean


class AccountColumnKind(Enum):
    """The kind of value that a column of the account table holds."""

    TEXT = "text"
    INSTANT = "time"
    MONEY = "number"


ACCOUNT_COLUMNS: Mapping[str, AccountColumnKind] = {
    "account": AccountColumnKind.TEXT,
    "consumers": AccountColumnKind.TEXT,
    "signed_up_at": AccountColumnKind.INSTANT,
    "plan": AccountColumnKind.TEXT,
    "trial_kind": AccountColumnKind.TEXT,
    "trial_started_at": AccountColumnKind.INSTANT,
    "trial_ends_at": AccountColumnKind.INSTANT,
    "converted_at": AccountColumnKind.INSTANT,
    "churned_at": AccountColumnKind.INSTANT,
    "mrr": AccountColumnKind.MONEY,
    "mrr_before": AccountColumnKind.MONEY,
    "poc_started_at": AccountColumnKind.INSTANT,
    "poc_completed_at": AccountColumnKind.INSTANT,
    "variant": AccountColumnKind.TEXT,
}
"""All columns that have a meaning; only `account` is required."""


@dataclass(frozen=True, slots=True)
class AccountColumns:
    """The names that the columns have in an account table."""

    names: Mapping[str, str] = field(default_factory=dict)
    """The table's own names by those of `ACCOUNT_COLUMNS`; a missing one is the same."""

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in ACCOUNT_COLUMNS:
                known = f"they have {', '.join(ACCOUNT_COLUMNS)}"
                raise UsageError(
                    f"[accounts.columns]: accounts have no column {name!r}",
                    did_you_mean(name, ACCOUNT_COLUMNS, known, at_most=1, quoted=True),
                )

    def own_name(self, name: str) -> str:
        """Return the name of the column in the table."""
        return self.names.get(name, name)

"""The columns of an account table: what they are called, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum

from apilog.errors import UsageError


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    INSTANT = "time"
    MONEY = "number"


COLUMNS: Mapping[str, Kind] = {
    "account": Kind.TEXT,
    "consumers": Kind.TEXT,
    "signed_up_at": Kind.INSTANT,
    "plan": Kind.TEXT,
    "trial_kind": Kind.TEXT,
    "trial_started_at": Kind.INSTANT,
    "trial_ends_at": Kind.INSTANT,
    "converted_at": Kind.INSTANT,
    "churned_at": Kind.INSTANT,
    "mrr": Kind.MONEY,
    "poc_started_at": Kind.INSTANT,
    "poc_completed_at": Kind.INSTANT,
    "variant": Kind.TEXT,
}
"""Every column that has a meaning; only `account` has to be there."""


@dataclass(frozen=True, slots=True)
class AccountColumns:
    """What the columns of an account table are called there."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Of `COLUMNS` to the table's own; one that is missing is called as here."""

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in COLUMNS:
                near = get_close_matches(name, COLUMNS, n=1)
                raise UsageError(
                    f"[accounts.columns]: accounts have no column {name!r}",
                    f"did you mean {near[0]!r}?" if near else f"they have {', '.join(COLUMNS)}",
                )

    def own(self, name: str) -> str:
        """What the table calls the column."""
        return self.names.get(name, name)

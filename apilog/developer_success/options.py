"""What a success report is asked for, checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apilog.developer_success.accounts import AccountColumns
from apilog.developer_success.call_plan import CohortPeriod
from apilog.developer_success.goals import Goal, parse_goals
from apilog.developer_success.population import PlanTerms, SuccessTerms
from apilog.developer_success.tables import check_group_columns
from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.where import parse_where
from apilog.errors import UsageError
from apilog.formats.file_plan import FormatChoice, choose_format
from apilog.routes import parse_rules
from apilog.time import TimeLimit, TimeWindow, parse_limit, parse_window

_MOST_CALLS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessOptions:
    """What to report on, and how; the defaults are the command's.

    Raises nothing by itself: `terms`, `window`, `goals_asked`, `choice` and `wanted` raise
    `UsageError` for what can't be understood.
    """

    accounts: str
    """A file, or the URL of a database."""
    accounts_query: str | None = None
    columns: AccountColumns = field(default_factory=AccountColumns)
    plans: Mapping[str, PlanTerms] = field(default_factory=dict)
    goals: Mapping[str, str | float] = field(default_factory=dict)
    as_of: TimeLimit = None
    """All is evaluated at it; None: now."""
    activation_calls: int = 10
    cohort: str = "week"
    control: str | None = None
    min_accounts: int = 100
    by: Sequence[str] = ()
    since: TimeLimit = None
    """Inclusive; of the calls."""
    until: TimeLimit = None
    """Exclusive; of the calls."""
    where: str | None = None
    tz: str = "UTC"
    log_format: str | None = None
    nginx_conf: str | os.PathLike[str] | None = None
    routes: Sequence[str] = ()
    hash_key: bytes | None = None
    """Of the hashes that stand for consumers and accounts; None: they are shown as they are."""

    strict: bool = False
    """Whether a bad row of the accounts is an error."""

    def terms(self, now: datetime | None = None) -> SuccessTerms:
        """What the figures depend on beside the data."""
        check_group_columns(self.by)
        if not 1 <= self.activation_calls <= _MOST_CALLS:
            raise UsageError(
                f"--activation-calls {self.activation_calls} is not between 1 and {_MOST_CALLS:,}"
            )
        if self.cohort not in [*CohortPeriod]:
            raise UsageError(f"--cohort {self.cohort!r} is neither week nor month")
        now = now or datetime.now(UTC)
        return SuccessTerms(
            as_of=parse_limit(self.as_of, self.tz, now) or now,
            activation_calls=self.activation_calls,
            cohort=CohortPeriod(self.cohort),
            control=self.control,
            min_accounts=self.min_accounts,
            plans=self.plans,
        )

    def window(self, now: datetime | None = None) -> TimeWindow:
        """The window that `--since` and `--until` mean."""
        return parse_window(self.since, self.until, self.tz, now)

    def parsed_goals(self) -> list[Goal]:
        """The goals, understood."""
        return parse_goals(self.goals)

    def choice(self) -> FormatChoice | None:
        """The format that the user chose, if any."""
        return choose_format(self.log_format, self.nginx_conf)

    def wanted(self, columns: frozenset[str]) -> ReadSpec:
        """What is to be made of every chunk for these columns."""
        condition = parse_where(self.where) if self.where is not None else None
        return ReadSpec(columns=columns, rules=parse_rules(self.routes), where=condition)

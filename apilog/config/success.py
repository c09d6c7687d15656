"""The sections `[accounts]`, `[plans.NAME]` and `[goals]`: what `apilog success` goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apilog.config.table import Table
from apilog.errors import UsageError
from apilog.success import AccountColumns, PlanTerms

Plans = Mapping[str, PlanTerms]
Goals = Mapping[str, str | float]
"""Of metrics, as they are written; not yet parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsConfig:
    """Where the accounts are, and what their columns are called."""

    source: str | None = None
    """A file, or the URL of a database."""
    query: str | None = None
    columns: AccountColumns = field(default_factory=AccountColumns)


def read_accounts(table: Table) -> AccountsConfig:
    """The section. A file is looked for from the folder of the configuration."""
    source = table.text("source")
    if source is not None and "://" not in source:
        source = str(table.file("source"))
    return AccountsConfig(
        source=source, query=table.text("query"), columns=_columns(table.table("columns"))
    )


def read_plans(table: Table) -> Plans:
    """The terms of each plan by its name."""
    names = table.keys()
    sections = {name: terms for name in names if (terms := table.table(name)) is not None}
    found = {name: _terms(terms) for name, terms in sections.items()}
    for section in sections.values():
        section.finish()
    return found


def read_goals(table: Table) -> Goals:
    """What each metric is to reach: a text such as "25%", or a number."""
    names = table.keys()
    return {name: goal for name in names if (goal := _goal(table, name)) is not None}


def _columns(table: Table | None) -> AccountColumns:
    names = table.keys() if table else ()
    return AccountColumns({n: own for n in names if table and (own := table.text(n))})


def _terms(table: Table) -> PlanTerms:
    return PlanTerms(quota=table.integer("quota", least=1), price=table.number("price"))


def _goal(table: Table, name: str) -> str | float | None:
    try:
        return table.number(name)
    except UsageError:
        return table.text(name)

"""The tables of developer success, each a function of a population, and `--by`.

With `--by` the same functions run over parts of the population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.developer_success.accounts import ACCOUNT_COLUMNS
from apilog.developer_success.population import Population
from apilog.developer_success.tables.experiments import experiments_table
from apilog.developer_success.tables.lifecycle import (
    bottlenecks_table,
    funnel_table,
    onboarding_histogram_table,
    onboarding_table,
    retention_table,
)
from apilog.developer_success.tables.revenue import candidates_table, plans_table, revenue_table
from apilog.developer_success.tables.trials import poc_table, trials_table
from apilog.errors import UsageError
from apilog.text import did_you_mean


@dataclass(frozen=True, slots=True)
class SuccessTable:
    """A table over accounts."""

    make: Callable[[Population], pl.DataFrame]
    meaning: str
    """What a row stands for."""
    key: str = ""
    """The column of the accounts that tells the rows apart anyway, if one does."""


SUCCESS_TABLES: Mapping[str, SuccessTable] = {
    "funnel": SuccessTable(funnel_table, "a stage: how many accounts reached it, and how soon"),
    "onboarding": SuccessTable(onboarding_table, "a first event: how long accounts took until it"),
    "onboarding_histogram": SuccessTable(
        onboarding_histogram_table, "a first event and a range of hours"
    ),
    "bottlenecks": SuccessTable(
        bottlenecks_table,
        "a stage, and the last error (or else call) of the accounts that stalled there",
    ),
    "trials": SuccessTable(
        trials_table,
        "a kind of trial: its outcomes, and what the calls within it met",
        "trial_kind",
    ),
    "revenue": SuccessTable(revenue_table, "a plan, then `(all)`: its revenue", "plan"),
    "plans": SuccessTable(plans_table, "a plan with terms: how much of its quota is used", "plan"),
    "candidates": SuccessTable(
        candidates_table, "an account near its limit, or hardly using its plan", "plan"
    ),
    "poc": SuccessTable(poc_table, "all proofs of concept"),
    "retention": SuccessTable(
        retention_table, "a cohort and its age: how many accounts still call"
    ),
    "experiments": SuccessTable(
        experiments_table, "a metric and variant, against the control", "variant"
    ),
}
"""All tables over accounts, in the order of the report."""

MORE_TABLES: Mapping[str, str] = {
    "unmatched": "a consumer that no account claims; null: calls without one",
    "goals": "a goal of the configuration, and whether it is reached; not with `--by`",
}
"""The tables that are not over accounts, and what a row of them stands for."""


def table_names(chosen: Sequence[str] = ()) -> list[str]:
    """Return the chosen names, or those of all tables; raises UsageError for an unknown one."""
    names = [*SUCCESS_TABLES, *MORE_TABLES]
    for name in chosen:
        if name not in names:
            hint = did_you_mean(name, names, f"it is one of {', '.join(names)}")
            raise UsageError(f"there is no table {name!r}", hint)
    return [*chosen] or names


GATEWAY_COLUMN = "gateway"
"""The gateway of an account's first call, the only group that is no column of the accounts."""
OTHER_GROUP = "(other)"
MOST_GROUPS = 50
"""How many groups are kept apart; the accounts of all others are one group."""

_GROUP_COLUMNS = ("plan", "trial_kind", "variant")
"""The columns of `ACCOUNT_COLUMNS` to group by; the others have too many values."""


def check_group_columns(by: Sequence[str]) -> None:
    """Raise UsageError for a column whose values are single accounts or moments."""
    for name in by:
        if name in ACCOUNT_COLUMNS and name not in _GROUP_COLUMNS:
            raise UsageError(
                f"--by {name}: accounts can't be grouped by it",
                f"take {', '.join(_GROUP_COLUMNS)}, gateway, or a further column of the accounts",
            )


def check_group_values(accounts: pl.DataFrame, by: Sequence[str]) -> None:
    """Raise UsageError for a column that holds e-mail addresses: they stay in the account table."""
    for name in by:
        if name in accounts.columns and accounts[name].str.contains("@", literal=True).any():
            raise UsageError(
                f"--by {name}: the column holds e-mail addresses",
                "they never leave the account table; group by another column",
            )


def tables_by_group(population: Population, by: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Compute all tables; with `by` its columns come first, and the largest group on top.

    A table whose rows are told apart by one of these columns anyway stays as it is.
    """
    groups: list[tuple[dict[str, str | None], Population]] = []
    if by:
        sizes = (
            population.frame.group_by(by)
            .agg(accounts=pl.len())
            .sort("accounts", *by, descending=[True, *[False] * len(by)], nulls_last=True)
            .with_row_index("group")
        )
        numbered = population.frame.join(
            sizes.select("group", *by), on=by, how="left", nulls_equal=True, maintain_order="left"
        )
        # The group number tells null values apart from a group; comparing the values would not.
        for number, row in enumerate(sizes.head(MOST_GROUPS).select(by).iter_rows(named=True)):
            members = numbered.filter(pl.col("group") == number).drop("group")
            groups.append((row, population.restricted_to(members)))
        rest = numbered.filter(pl.col("group") >= MOST_GROUPS).drop("group")
        if rest.height:
            groups.append((dict.fromkeys(by, OTHER_GROUP), population.restricted_to(rest)))
    tables = {}
    for name, table in SUCCESS_TABLES.items():
        if not by or table.key in by:
            tables[name] = table.make(population)
        elif groups:
            parts = [_with_group_columns(table.make(group), values) for values, group in groups]
            tables[name] = pl.concat(parts)
        else:
            empty = table.make(population).clear()
            tables[name] = _with_group_columns(empty, dict.fromkeys(by))
    return tables


def _with_group_columns(frame: pl.DataFrame, values: dict[str, str | None]) -> pl.DataFrame:
    for name in values:
        if name in frame.columns:
            raise UsageError(
                f"--by {name}: the report has a column of that name",
                "rename the column of the account table",
            )
    head = (pl.lit(value, pl.String).alias(name) for name, value in values.items())
    return frame.select(*head, pl.all())

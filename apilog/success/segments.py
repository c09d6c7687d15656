"""`--by`: every table once for each group of accounts, its columns in front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from apilog.errors import UsageError
from apilog.success.accounts import COLUMNS
from apilog.success.population import Population
from apilog.success.tables import TABLES, Table

GATEWAY = "gateway"
"""Of an account's first call; the one group that is no column of the accounts."""
OTHER = "(other)"
MOST = 50
"""Groups that are kept apart; the accounts of all others are one group."""

_DECLARED = ("plan", "trial_kind", "variant")
"""Columns with a meaning that accounts can be grouped by; of the others there are too many."""


def check_by(by: Sequence[str]) -> None:
    """Raise UsageError for a column that tells single accounts, or moments."""
    for name in by:
        if name in COLUMNS and name not in _DECLARED:
            raise UsageError(
                f"--by {name}: accounts can't be grouped by it",
                f"take {', '.join(_DECLARED)}, gateway, or a further column of the accounts",
            )


def check_values(accounts: pl.DataFrame, by: Sequence[str]) -> None:
    """Raise UsageError for a column that holds e-mail addresses: they stay in the account table."""
    for name in by:
        if name in accounts.columns and accounts[name].str.contains("@", literal=True).any():
            raise UsageError(
                f"--by {name}: the column holds e-mail addresses",
                "they never leave the account table; group by another column",
            )


def tables_by(population: Population, by: Sequence[str]) -> dict[str, pl.DataFrame]:
    """All tables; with `by` its columns stand in front, the largest group first.

    A table that is about one of these columns anyway stays as it is.
    """
    groups = [*_groups(population, by)] if by else []
    return {name: _made(table, population, groups, by) for name, table in TABLES.items()}


_Groups = list[tuple[dict[str, str | None], Population]]


def _made(table: Table, population: Population, groups: _Groups, by: Sequence[str]) -> pl.DataFrame:
    if not by or table.key in by:
        return table.make(population)
    made = [_headed(table.make(group), values) for values, group in groups]
    return pl.concat(made) if made else _headed(table.make(population).clear(), dict.fromkeys(by))


def _headed(frame: pl.DataFrame, values: dict[str, str | None]) -> pl.DataFrame:
    for name in values:
        if name in frame.columns:
            raise UsageError(
                f"--by {name}: the report has a column of that name",
                "rename the column of the account table",
            )
    head = (pl.lit(value, pl.String).alias(name) for name, value in values.items())
    return frame.select(*head, pl.all())


def _groups(
    population: Population, by: Sequence[str]
) -> Iterator[tuple[dict[str, str | None], Population]]:
    sizes = (
        population.frame.group_by(by)
        .agg(accounts=pl.len())
        .sort("accounts", *by, descending=[True, *[False] * len(by)], nulls_last=True)
        .with_row_index("group")
    )
    numbered = population.frame.join(
        sizes.select("group", *by), on=by, how="left", nulls_equal=True, maintain_order="left"
    )
    for number, row in enumerate(sizes.head(MOST).select(by).iter_rows(named=True)):
        yield row, population.of(numbered.filter(pl.col("group") == number).drop("group"))
    rest = numbered.filter(pl.col("group") >= MOST).drop("group")
    if rest.height:
        yield dict.fromkeys(by, OTHER), population.of(rest)

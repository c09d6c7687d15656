"""What a reader of the success report should know beside its figures, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from apilog.success.accounts import Accounts
from apilog.success.calls import Calls
from apilog.success.comparison import SIGNIFICANT
from apilog.success.population import Population, Terms
from apilog.success.tables.verdicts import UNEVEN

_MET = (
    ("requests_p_value", "calls"),
    ("error_rate_p_value", "error rates"),
    ("latency_p95_p_value", "latencies"),
)


def notes(
    accounts: Accounts, population: Population, tables: Mapping[str, pl.DataFrame]
) -> Iterator[str]:
    """All of them, those about the inputs first."""
    yield f"all as of {_spoken(population.terms)}"
    yield from accounts.notes
    yield from _left_out(accounts, population)
    yield from _strangers(population.calls, tables["unmatched"])
    yield from _trials(tables["trials"])
    yield from _experiments(tables["experiments"], population.terms)


def _left_out(accounts: Accounts, population: Population) -> Iterator[str]:
    later = accounts.frame.height - population.frame.height
    as_of = _spoken(population.terms)
    if later:
        yield f"{_counted(later, 'account')} signed up after {as_of}: left out"
    if late := population.calls.late:
        yield f"{_counted(late, 'call')} from {as_of} on, or without a time: left out"


def _strangers(calls: Calls, unmatched: pl.DataFrame) -> Iterator[str]:
    requests = int(unmatched["requests"].sum())
    if not requests:
        return
    nobody = unmatched.filter(pl.col("consumer").is_null())["requests"].sum()
    told = f"{_counted(requests, 'call')} of no account ({nobody:,} without a consumer)"
    yield f"{told}: see unmatched"
    if not calls.accounts.height:
        yield (
            "no call is of any account: compare `consumer` in `apilog report` with the column "
            "consumers of the accounts"
        )


def _trials(trials: pl.DataFrame) -> Iterator[str]:
    if trials.columns[0] != "trial_kind":
        return  # a sentence for each kind and group would be too many
    for row in trials.iter_rows(named=True):
        alike = [
            f"{what} (p = {row[name]:.2f})"
            for name, what in _MET
            if row[name] is not None and row[name] >= SIGNIFICANT
        ]
        if alike:
            kind = row["trial_kind"] or "other"
            yield (
                f"{kind} trials: converted and lost accounts do not differ significantly in "
                f"{_listed(alike)}"
            )


def _experiments(experiments: pl.DataFrame, terms: Terms) -> Iterator[str]:
    verdicts = set(experiments["verdict"])
    if "too early" in verdicts:
        yield (
            f"experiments: no winner is called with fewer than {terms.min_accounts:,} accounts in "
            "a variant (--min-accounts)"
        )
    split = experiments["split_p_value"].min()
    if isinstance(split, float) and split < UNEVEN:
        yield (
            f"experiments: the variants differ in size more than chance allows (p = {split:.2g}); "
            "find out why before you trust them"
        )


def _spoken(terms: Terms) -> str:
    return f"{terms.as_of:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _listed(texts: list[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]

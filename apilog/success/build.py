"""From sources and accounts to a finished report: read, join, tabulate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import polars as pl

from apilog.aggregate import finish
from apilog.engines.inputs import summary
from apilog.engines.local import Progress, Run
from apilog.errors import InputError, UsageError
from apilog.model import InputSummary, Report
from apilog.privacy import hash_consumers
from apilog.success.accounts import Accounts, read_accounts
from apilog.success.calls import CallPlan, Calls, Folded, partial
from apilog.success.calls.state import UNMATCHED
from apilog.success.goals import goals_table
from apilog.success.notes import notes
from apilog.success.options import SuccessOptions
from apilog.success.population import Population, Terms, populate
from apilog.success.segments import GATEWAY, check_values, tables_by
from apilog.success.tables.plans import QUOTA_TIME
from apilog.success.tables.verdicts import judged
from apilog.version import __version__

RejectSink = Callable[[pl.DataFrame], None]
"""Takes rejects as they are found; columns source, line_number, line, reason."""

_HIDDEN = "(hidden)"


def build(
    sources: Sequence[str | os.PathLike[str]],
    options: SuccessOptions,
    *,
    progress: Progress | None = None,
    rejects: RejectSink | None = None,
) -> Report:
    """The success report on these sources and accounts.

    An input that can't be read has its `error` in `report.input.files`. Raises `UsageError` for
    options and `InputError` for accounts that can't be understood, before the logs are read.
    """
    terms, limits, goals = options.terms(), options.limits(), options.goals_asked()
    choice = options.choice()
    accounts = _accounts(options, terms)
    plan = _call_plan(accounts, terms, limits, options)
    run: Run[Calls] = Run(
        sources,
        options.wanted(plan.columns),
        lambda records: partial(plan, records),
        choice=choice,
        progress=progress,
        within=limits,
    )
    folded = Folded(plan)
    for result in run.results():
        if rejects and result.rejects.height:
            rejects(result.rejects)
        folded.add(result.value)
    calls = folded.result()
    read = summary(run.files)
    population = populate(accounts, calls, terms)
    tables = _tables(population, plan, options)
    tables |= {"goals": goals_table(goals, tables)} if not options.by else {}
    since, until = limits
    return Report(
        version=__version__,
        command="success",
        since=since or calls.first,
        until=until or calls.last,
        input=read,
        tables=tables,
        timezone=options.tz,
        notes=(*_unread(read, kept=rejects is not None), *notes(accounts, population, tables)),
    )


def _accounts(options: SuccessOptions, terms: Terms) -> Accounts:
    own = [name for name in options.by if name != GATEWAY]
    accounts = read_accounts(
        options.accounts, query=options.accounts_query, columns=options.columns, by=own
    )
    if options.strict and accounts.bad_rows:
        count = "1 row" if accounts.bad_rows == 1 else f"{accounts.bad_rows:,} rows"
        raise InputError(
            f"{count} of the account table can't be used, and --strict allows none",
            next(note for note in accounts.notes if " is left out" in note),
        )
    check_values(accounts.frame, own)
    if terms.control is not None and terms.control not in accounts.frame["variant"].to_list():
        known = ", ".join(accounts.frame["variant"].drop_nulls().unique().sort().head(10).to_list())
        raise UsageError(
            f"--control {terms.control!r}: no account has that variant",
            f"they have {known}" if known else "the accounts have no variants at all",
        )
    return accounts


def _call_plan(
    accounts: Accounts,
    terms: Terms,
    limits: tuple[datetime | None, datetime | None],
    options: SuccessOptions,
) -> CallPlan:
    is_detailed = pl.col("variant").is_not_null() | pl.col("trial_started_at").is_not_null()
    since, until = limits
    return CallPlan(
        claims=_claims(accounts.claims, options.hash_key),
        trials=accounts.frame.select(
            "trial_started_at", "trial_ends_at", is_detailed.alias("is_detailed")
        ),
        as_of=terms.as_of,
        recent_from=terms.as_of - QUOTA_TIME,
        activation_calls=terms.activation_calls,
        cohort=terms.cohort,
        since=since,
        until=until,
    )


def _claims(claims: pl.DataFrame, key: bytes | None) -> pl.DataFrame:
    """With the hashes of the consumers, too: the logs may hold these already."""
    if key is None:
        return claims
    hashed = claims.with_columns(hash_consumers(claims["consumer"], key))
    return pl.concat([claims, hashed]).unique("consumer").sort("consumer")


def _tables(
    population: Population, plan: CallPlan, options: SuccessOptions
) -> dict[str, pl.DataFrame]:
    tables = tables_by(population, options.by)
    tables["experiments"] = judged(tables["experiments"], population.terms)
    tables["candidates"] = tables["candidates"].with_columns(
        _shown_accounts(tables["candidates"]["account"], options.hash_key)
    )
    unmatched = finish(plan.unmatched, population.calls.unmatched).tables[UNMATCHED.name]
    if options.hash_key is not None:
        unmatched = unmatched.with_columns(_hashed(unmatched["consumer"], options.hash_key))
    return {**tables, UNMATCHED.name: unmatched}


def _hashed(consumers: pl.Series, key: bytes) -> pl.Series:
    is_row_of_others = consumers.eq_missing("(other)")
    return hash_consumers(consumers, key).zip_with(~is_row_of_others, consumers)


def _shown_accounts(accounts: pl.Series, key: bytes | None) -> pl.Series:
    """Hashed with a key; without one, e-mail addresses stay in the account table."""
    if key is not None:
        return hash_consumers(accounts, key)
    is_address = accounts.str.contains("@", literal=True)
    return accounts.set(is_address, _HIDDEN)


def _unread(read: InputSummary, *, kept: bool) -> Iterator[str]:
    if read.rejects:
        told = f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read"
        yield told if kept else f"{told}; --rejects FILE keeps them"

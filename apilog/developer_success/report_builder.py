"""From sources and accounts to a finished success report: read, join, compute tables, add notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from apilog.aggregate import finish
from apilog.developer_success.accounts import AccountColumns, Accounts, read_accounts
from apilog.developer_success.call_plan import (
    UNMATCHED_TABLE,
    CallPlan,
    CallSummary,
    CohortPeriod,
)
from apilog.developer_success.call_summary import CallAccumulator, partial_calls
from apilog.developer_success.goals import goals_table, parse_goals
from apilog.developer_success.population import Population, SuccessTerms, build_population
from apilog.developer_success.tables import (
    GATEWAY_COLUMN,
    check_group_columns,
    check_group_values,
    tables_by_group,
)
from apilog.developer_success.tables.account_statistics import SIGNIFICANT
from apilog.developer_success.tables.experiments import UNEVEN_SPLIT, judge_experiments
from apilog.developer_success.tables.revenue import QUOTA_PERIOD
from apilog.engine.source_pass import SourcePass, parse_choice, parse_privacy
from apilog.errors import InputError, UsageError
from apilog.options import Source, SuccessOptions
from apilog.privacy import hash_consumers
from apilog.report_model import Report
from apilog.time import TimeWindow, parse_window
from apilog.version import __version__

_COMPARED = (
    ("requests_p_value", "calls"),
    ("error_rate_p_value", "error rates"),
    ("latency_p95_p_value", "latencies"),
)


def success_notes(
    accounts: Accounts, population: Population, tables: Mapping[str, pl.DataFrame]
) -> Iterator[str]:
    """All of them, those about the inputs first."""
    yield f"all as of {_format_as_of(population.terms)}"
    yield from accounts.notes
    yield from _note_left_out(accounts, population)
    yield from _note_unmatched(population.calls, tables["unmatched"])
    yield from _note_trials(tables["trials"])
    yield from _note_experiments(tables["experiments"], population.terms)


def _note_left_out(accounts: Accounts, population: Population) -> Iterator[str]:
    later = accounts.frame.height - population.frame.height
    as_of = _format_as_of(population.terms)
    if later:
        yield f"{_count_noun(later, 'account')} signed up after {as_of}: left out"
    if late := population.calls.late:
        yield f"{_count_noun(late, 'call')} from {as_of} on, or without a time: left out"


def _note_unmatched(calls: CallSummary, unmatched: pl.DataFrame) -> Iterator[str]:
    requests = int(unmatched["requests"].sum())
    if not requests:
        return
    nobody = unmatched.filter(pl.col("consumer").is_null())["requests"].sum()
    told = f"{_count_noun(requests, 'call')} of no account ({nobody:,} without a consumer)"
    yield f"{told}: see unmatched"
    if not calls.accounts.height:
        yield (
            "no call is of any account: compare `consumer` in `apilog report` with the column "
            "consumers of the accounts"
        )


def _note_trials(trials: pl.DataFrame) -> Iterator[str]:
    if trials.columns[0] != "trial_kind":
        return  # a sentence for each kind and group would be too many
    for row in trials.iter_rows(named=True):
        alike = [
            f"{what} (p = {row[name]:.2f})"
            for name, what in _COMPARED
            if row[name] is not None and row[name] >= SIGNIFICANT
        ]
        if alike:
            kind = row["trial_kind"] or "other"
            yield (
                f"{kind} trials: converted and lost accounts do not differ significantly in "
                f"{_join_words(alike)}"
            )


def _note_experiments(experiments: pl.DataFrame, terms: SuccessTerms) -> Iterator[str]:
    verdicts = set(experiments["verdict"])
    if "too early" in verdicts:
        yield (
            f"experiments: no winner is called with fewer than {terms.min_accounts:,} accounts in "
            "a variant (--min-accounts)"
        )
    split = experiments["split_p_value"].min()
    if isinstance(split, float) and split < UNEVEN_SPLIT:
        yield (
            f"experiments: the variants differ in size more than chance allows (p = {split:.2g}); "
            "find out why before you trust them"
        )


def _format_as_of(terms: SuccessTerms) -> str:
    return f"{terms.as_of:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"


def _count_noun(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _join_words(texts: list[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


_HIDDEN = "(hidden)"
_MAX_ACTIVATION_CALLS = 1000


def build_success_report(sources: Sequence[Source], options: SuccessOptions) -> Report:
    """Return the success report on these sources and accounts.

    An input that can't be read has its `error` in `report.input.files`. Raises `UsageError` for
    options and `InputError` for accounts that can't be understood, before the logs are read.
    """
    now = datetime.now(UTC)
    terms, goals = make_terms(options, now), parse_goals(options.goals)
    window = parse_window(options.since, options.until, options.tz, now)
    parse_choice(options)
    key = parse_privacy(options).key
    accounts = _load_accounts(options, terms)
    plan = _make_call_plan(accounts, terms, window, key)
    source_pass = SourcePass(
        sources,
        # Consumers are joined with accounts as they were logged, and hashed in the tables.
        replace(options, hash_consumers=None),
        plan.columns,
        lambda records: partial_calls(plan, records),
        window=window,
    )
    accumulator = CallAccumulator(plan)
    for summary in source_pass.iter_results():
        accumulator.add(summary)
    calls = accumulator.merged_summary()
    population = build_population(accounts, calls, terms)
    tables = _make_tables(population, plan, options.by, key)
    tables |= {"goals": goals_table(goals, tables)} if not options.by else {}
    return Report(
        version=__version__,
        command="success",
        since=window.since or calls.first,
        until=window.until or calls.last,
        input=source_pass.input,
        tables=tables,
        timezone=options.tz,
        notes=(*source_pass.notes, *success_notes(accounts, population, tables)),
    )


def make_terms(options: SuccessOptions, now: datetime) -> SuccessTerms:
    """Return what the figures depend on beside the data.

    Raises UsageError for options that can't be understood.
    """
    check_group_columns(options.by)
    if not 1 <= options.activation_calls <= _MAX_ACTIVATION_CALLS:
        raise UsageError(
            f"--activation-calls {options.activation_calls} is not between 1 and "
            f"{_MAX_ACTIVATION_CALLS:,}"
        )
    if options.cohort not in [*CohortPeriod]:
        raise UsageError(f"--cohort {options.cohort!r} is neither week nor month")
    as_of = parse_window(options.as_of, None, options.tz, now).since
    return SuccessTerms(
        as_of=as_of or now,
        activation_calls=options.activation_calls,
        cohort=CohortPeriod(options.cohort),
        control=options.control,
        min_accounts=options.min_accounts,
        plans=options.plans,
    )


def _load_accounts(options: SuccessOptions, terms: SuccessTerms) -> Accounts:
    own = [name for name in options.by if name != GATEWAY_COLUMN]
    if options.accounts is None:
        raise UsageError(
            "there are no accounts to join",
            "give --accounts FILE, or `source` in [accounts] of apilog.toml",
        )
    accounts = read_accounts(
        options.accounts,
        query=options.accounts_query,
        columns=AccountColumns(options.account_columns),
        by=own,
    )
    if options.strict and accounts.bad_rows:
        count = "1 row" if accounts.bad_rows == 1 else f"{accounts.bad_rows:,} rows"
        raise InputError(
            f"{count} of the account table can't be used, and --strict allows none",
            next(note for note in accounts.notes if " is left out" in note),
        )
    check_group_values(accounts.frame, own)
    if terms.control is not None and terms.control not in accounts.frame["variant"].to_list():
        known = ", ".join(accounts.frame["variant"].drop_nulls().unique().sort().head(10).to_list())
        raise UsageError(
            f"--control {terms.control!r}: no account has that variant",
            f"they have {known}" if known else "the accounts have no variants at all",
        )
    return accounts


def _make_call_plan(
    accounts: Accounts,
    terms: SuccessTerms,
    window: TimeWindow,
    key: bytes | None,
) -> CallPlan:
    is_detailed = pl.col("variant").is_not_null() | pl.col("trial_started_at").is_not_null()
    return CallPlan(
        claims=_with_hashed_consumers(accounts.claims, key),
        trials=accounts.frame.select(
            "trial_started_at", "trial_ends_at", is_detailed.alias("is_detailed")
        ),
        as_of=terms.as_of,
        recent_from=terms.as_of - QUOTA_PERIOD,
        activation_calls=terms.activation_calls,
        cohort=terms.cohort,
        window=window,
    )


def _with_hashed_consumers(claims: pl.DataFrame, key: bytes | None) -> pl.DataFrame:
    """With the hashes of the consumers, too: the logs may hold these already."""
    if key is None:
        return claims
    hashed = claims.with_columns(hash_consumers(claims["consumer"], key))
    return pl.concat([claims, hashed]).unique("consumer").sort("consumer")


def _make_tables(
    population: Population, plan: CallPlan, by: Sequence[str], key: bytes | None
) -> dict[str, pl.DataFrame]:
    tables = tables_by_group(population, by)
    tables["experiments"] = judge_experiments(tables["experiments"], population.terms)
    tables["candidates"] = tables["candidates"].with_columns(
        _hide_addresses(tables["candidates"]["account"], key)
    )
    unmatched = finish(plan.unmatched, population.calls.unmatched).tables[UNMATCHED_TABLE.name]
    if key is not None:
        unmatched = unmatched.with_columns(_hash_consumer_cells(unmatched["consumer"], key))
    return {**tables, UNMATCHED_TABLE.name: unmatched}


def _hash_consumer_cells(consumers: pl.Series, key: bytes) -> pl.Series:
    is_row_of_others = consumers.eq_missing("(other)")
    return hash_consumers(consumers, key).zip_with(~is_row_of_others, consumers)


def _hide_addresses(accounts: pl.Series, key: bytes | None) -> pl.Series:
    """Hashed with a key; without one, e-mail addresses stay in the account table."""
    if key is not None:
        return hash_consumers(accounts, key)
    is_address = accounts.str.contains("@", literal=True)
    return accounts.set(is_address, _HIDDEN)

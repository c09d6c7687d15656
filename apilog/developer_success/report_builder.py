"""From sources and accounts to a finished success report: read, join, compute tables, add notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from apilog.aggregate import finish
from apilog.developer_success.accounts import AccountColumns, Accounts, read_accounts
from apilog.developer_success.call_facts import partial_calls
from apilog.developer_success.call_plan import (
    UNMATCHED_TABLE,
    CallFacts,
    CallPlan,
    CallSummary,
    CohortPeriod,
)
from apilog.developer_success.call_summary import CallAccumulator
from apilog.developer_success.consumer_lookup import ConsumerLookup
from apilog.developer_success.log_coverage import DAY, ENOUGH, LogCoverage
from apilog.developer_success.population import Population, SuccessTerms, build_population
from apilog.developer_success.success_metrics import goals_table, parse_goals
from apilog.developer_success.tables import (
    GATEWAY_COLUMN,
    check_group_columns,
    check_group_values,
    tables_by_group,
)
from apilog.developer_success.tables.account_statistics import SIGNIFICANT
from apilog.developer_success.tables.experiments import (
    UNEVEN_SPLIT,
    judge_experiments,
    parse_split,
)
from apilog.developer_success.tables.revenue import QUOTA_PERIOD
from apilog.engine.source_pass import SourcePass, filters_of, parse_privacy
from apilog.errors import InputError, UsageError
from apilog.formats.file_plan import parse_choice
from apilog.options import Source, SuccessOptions
from apilog.privacy import hash_consumers
from apilog.report_model import Report
from apilog.time import TimeWindow, parse_window
from apilog.version import __version__

_HIDDEN = "(hidden)"
_MAX_ACTIVATION_CALLS = 1000


def build_success_report(sources: Sequence[Source], options: SuccessOptions) -> Report:
    """Return the success report on these sources and accounts.

    An input that can't be read has its `error` in `report.input.files`. Raises `UsageError` for
    invalid options and `InputError` for invalid accounts before the logs are read.
    """
    now = datetime.now(UTC)
    terms, goals = _make_terms(options, now), parse_goals(options.goals)
    window = parse_window(options.since, options.until, options.tz, now)
    parse_choice(options)
    key = parse_privacy(options).key
    accounts = _load_accounts(options)
    terms = _with_variants(terms, options, accounts)
    plan = _make_call_plan(accounts, terms, window, key)
    source_pass = SourcePass(
        sources,
        # Consumers are joined with accounts as they were logged, and hashed in the tables.
        replace(options, hash_consumers=None),
        plan.columns,
        # Calls outside of the window tell what is known of accounts, so that all are read.
        lambda records: partial_calls(plan, records),
    )
    calls = _sum_up(plan, source_pass.iter_results())
    population = build_population(accounts, calls, terms, window)
    tables = tables_by_group(population, options.by)
    tables["experiments"] = judge_experiments(tables["experiments"], terms)
    tables["unmatched"] = finish(plan.unmatched, calls.unmatched).tables[UNMATCHED_TABLE.name]
    _protect_privacy(tables, key)
    if not options.by:  # goals are about all accounts, and the tables would be of groups
        tables["goals"] = goals_table(goals, tables)
    counted = _counted_window(window, population.coverage)
    return Report(
        version=__version__,
        command="success",
        since=counted.since,
        until=counted.until,
        input=source_pass.input,
        tables=tables,
        timezone=options.tz,
        filters=filters_of(options, window),
        notes=(*source_pass.notes, *_success_notes(accounts, population, tables)),
    )


def _sum_up(plan: CallPlan, chunks: Iterable[CallFacts]) -> CallSummary:
    accumulator = CallAccumulator(plan)
    for facts in chunks:
        accumulator.add(facts)
    return accumulator.summary()


def _counted_window(window: TimeWindow, log: LogCoverage) -> TimeWindow:
    """Return the window with the log's own limits where it has none, unless they lie outside."""
    first, last = log.first, log.last
    if first and window.until and first >= window.until:
        first = None
    if last and window.since and last < window.since:
        last = None
    return window.with_defaults(first, last)


def _make_terms(options: SuccessOptions, now: datetime) -> SuccessTerms:
    """Return the terms that the figures depend on; raises UsageError for invalid options."""
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
        min_accounts=options.min_accounts,
        attribution=options.attribution,
        plans=options.plans,
    )


def _load_accounts(options: SuccessOptions) -> Accounts:
    """Read the accounts, and check them against the options that name their columns."""
    by = [name for name in options.by if name != GATEWAY_COLUMN]
    if options.accounts is None:
        raise UsageError(
            "there are no accounts to join",
            "give --accounts FILE, or `source` in [accounts] of apilog.toml",
        )
    accounts = read_accounts(
        options.accounts,
        query=options.accounts_query,
        columns=AccountColumns(options.account_columns),
        by=by,
    )
    if options.strict and accounts.bad_rows:
        count = "1 row" if accounts.bad_rows == 1 else f"{accounts.bad_rows:,} rows"
        raise InputError(
            f"{count} of the account table can't be used, and --strict allows none",
            next(note for note in accounts.notes if " is left out" in note),
        )
    check_group_values(accounts.frame, by)
    return accounts


def _with_variants(
    terms: SuccessTerms, options: SuccessOptions, accounts: Accounts
) -> SuccessTerms:
    """Add the control, the first variant by name unless it is given, and the planned split."""
    variants = accounts.frame["variant"].drop_nulls().unique().sort().to_list()
    control = options.control
    if control is not None and control not in variants:
        known = ", ".join(variants[:10])
        raise UsageError(
            f"--control {control!r}: no account has that variant",
            f"they have {known}" if known else "the accounts have no variants at all",
        )
    control = control or next(iter(variants), None)
    ordered = sorted(variants, key=lambda name: name != control)
    split = {} if options.split is None else parse_split(options.split, ordered)
    return replace(terms, control=control, split=split)


def _make_call_plan(
    accounts: Accounts, terms: SuccessTerms, window: TimeWindow, key: bytes | None
) -> CallPlan:
    claims = accounts.claims
    if key is not None:
        # The logs may contain consumers that were hashed with the same key before.
        hashed = claims.with_columns(hash_consumers(claims["consumer"], key))
        claims = pl.concat([claims, hashed]).unique("consumer").sort("consumer")
    is_detailed = pl.col("variant").is_not_null() | pl.col("trial_started_at").is_not_null()
    # A trial is over when it converts: later calls are those of a customer.
    trial_end = pl.min_horizontal("trial_ends_at", "converted_at")
    return CallPlan(
        consumers=ConsumerLookup(claims),
        trials=accounts.frame.select(
            "trial_started_at",
            trial_end.alias("trial_ends_at"),
            is_detailed.alias("is_detailed"),
        ),
        as_of=terms.as_of,
        recent_from=terms.as_of - QUOTA_PERIOD,
        activation_calls=terms.activation_calls,
        cohort=terms.cohort,
        window=window,
    )


def _protect_privacy(tables: dict[str, pl.DataFrame], key: bytes | None) -> None:
    """Hash accounts and consumers; without a key, hide accounts that are e-mail addresses."""
    accounts = tables["candidates"]["account"]
    if key is None:
        # An identifier may leave the account table, an address of a person must not.
        shown = accounts.set(accounts.str.contains("@", literal=True), _HIDDEN)
    else:
        shown = hash_consumers(accounts, key)
        consumers = tables["unmatched"]["consumer"]
        is_folded = consumers.eq_missing("(other)")
        hashed = hash_consumers(consumers, key).zip_with(~is_folded, consumers)
        tables["unmatched"] = tables["unmatched"].with_columns(hashed)
    tables["candidates"] = tables["candidates"].with_columns(shown)


_COMPARED = (
    ("requests_p_value", "calls"),
    ("error_rate_p_value", "error rates"),
    ("latency_p95_p_value", "latencies"),
)


def _success_notes(
    accounts: Accounts, population: Population, tables: Mapping[str, pl.DataFrame]
) -> Iterator[str]:
    """Yield the notes on the inputs, then those on the tables."""
    as_of = f"{population.terms.as_of:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"
    yield f"all as of {as_of}"
    yield from accounts.notes
    if later := accounts.frame.height - population.frame.height:
        yield f"{_count_noun(later, 'account')} signed up after {as_of}: left out"
    yield from _coverage_notes(population)
    if late := population.calls.late:
        yield f"{_count_noun(late, 'call')} from {as_of} on, or without a time: left out"
    unmatched = tables["unmatched"]
    if requests := int(unmatched["requests"].sum()):
        anonymous = unmatched.filter(pl.col("consumer").is_null())["requests"].sum()
        calls = _count_noun(requests, "call")
        yield f"{calls} of no account ({anonymous:,} without a consumer): see unmatched"
        if not population.calls.accounts.height:
            yield (
                "no call belongs to an account: compare `consumer` in `apilog report` with the "
                "column consumers of the accounts"
            )
    trials, experiments = tables["trials"], tables["experiments"]
    # With --by, a sentence for each kind and group would be too many.
    for row in trials.iter_rows(named=True) if trials.columns[0] == "trial_kind" else ():
        alike = [
            f"{what} (p = {row[name]:.2f})"
            for name, what in _COMPARED
            if row[name] is not None and row[name] >= SIGNIFICANT
        ]
        if alike:
            listed = " and ".join([", ".join(alike[:-1]), alike[-1]] if alike[1:] else alike)
            yield (
                f"{row['trial_kind'] or 'other'} trials: converted and lost accounts do not differ "
                f"significantly in {listed}"
            )
    if "too early" in set(experiments["verdict"]):
        yield (
            f"experiments: no winner is called with fewer than {population.terms.min_accounts:,} "
            "accounts in a variant (--min-accounts)"
        )
    # With --by, a sentence for each group would be too many.
    if experiments.columns[0] == "variant":
        yield from _contrary_means(experiments)
    split = experiments["split_p_value"].min()
    if isinstance(split, float) and split < UNEVEN_SPLIT:
        advice = "" if population.terms.split else ", or give the planned shares with --split"
        yield (
            f"experiments: the variants differ in size more than chance allows (p = {split:.2g}); "
            f"find out why before you trust them{advice}"
        )


def _contrary_means(experiments: pl.DataFrame) -> Iterator[str]:
    """Yield where most accounts do less and all together more, or the other way round."""
    judged = experiments.filter(pl.col("verdict").is_in(["better", "worse"]))
    control = experiments.filter(pl.col("verdict") == "control")
    means = dict(control.select("metric", "value").iter_rows())
    for row in judged.drop_nulls(["value", "typical"]).iter_rows(named=True):
        base, name = means.get(row["metric"]), row["metric"].replace("_", " ")
        if base is None or (row["value"] - base) * (row["superiority"] - 0.5) >= 0:
            continue
        most, rest = ("lower", "higher") if row["superiority"] < 0.5 else ("higher", "lower")
        yield (
            f"experiments: the {name} is {most} for most accounts of {row['variant']}, but {rest} "
            "for all of them together: a few accounts make the difference"
        )


def _coverage_notes(population: Population) -> Iterator[str]:
    """Yield what is unknown because it happened before the log begins or after it ends."""
    coverage, frame = population.coverage, population.frame
    if coverage.begins is None or coverage.first is None or coverage.ends is None:
        return
    before = frame.filter((pl.col("signed_up_at") < coverage.begins) & ~pl.col("is_followed"))
    if before.height:
        yield (
            f"{_count_noun(before.height, 'account')} signed up before the log begins "
            f"({coverage.first:%Y-%m-%d %H:%M} UTC): their first calls are unknown, so that rates "
            "and times of the funnel leave them out"
        )
    if unknown := frame.filter(pl.col("is_followed") & ~pl.col("is_timed")).height:
        yield (
            f"{_count_noun(unknown, 'account')} without a sign-up: counted from the first call in "
            "the log, and in no time since the sign-up"
        )
    trials = frame.filter(pl.col("trial_started_at") < coverage.begins).height
    if trials:
        yield (
            f"{_count_noun(trials, 'trial')} began before the log: what their calls met is unknown "
            "and left out"
        )
    silent = (coverage.as_of - coverage.ends) // DAY
    if silent:
        yield (
            f"the log ends {_count_noun(silent, 'day')} before the report is made: what came later "
            "is unknown; --as-of is the time up to which it is complete"
        )
    since = coverage.as_of - QUOTA_PERIOD
    share = coverage.share_of(since, coverage.as_of)
    if population.terms.plans and share < ENOUGH:
        yield (
            f"the log covers {100 * share:.0f} % of the last 30 days: who hardly uses a plan is "
            "unknown, and usage is at least what is shown"
        )


def _count_noun(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"

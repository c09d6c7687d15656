"""Trials and proofs of concept: what became of them, and what the calls within trials met."""

from __future__ import annotations

import math
from datetime import timedelta

import polars as pl

from apilog.developer_success.account_latency import p95_of_accounts, p95_of_groups
from apilog.developer_success.call_plan import MINUTE_US
from apilog.developer_success.event_curve import EventCurve
from apilog.developer_success.log_coverage import DAY
from apilog.developer_success.population import Population
from apilog.developer_success.tables.account_statistics import (
    count_where,
    days_between,
    in_days,
    linear_quantile,
    rank_test,
    ratio,
)
from apilog.schema import TIMESTAMP
from apilog.statistics.two_samples import effective_interval

BURST_ERRORS = 3
BURST_SHARE = 0.1
"""A minute has a burst if at least this many and this share of its calls got a 5xx."""
ENDING_SOON = timedelta(days=7)
OUTCOME_SUFFIXES = ("", "_converted", "_lost")
"""Suffixes of the columns about all trials, converted ones, and those that ended without."""
_EXPERIENCE = ("requests_per_account", "error_rate", "latency_p95_ms", "uptime")
_P_VALUES = ("requests_p_value", "error_rate_p_value", "latency_p95_p_value")


def trials_table(population: Population) -> pl.DataFrame:
    """Return one row per kind of trial, trials without a kind last.

    Accounts that paid before their trial are left out: they have nothing left to convert. A
    conversion counts for its trial up to the attribution window after the trial's end.
    `conversion_rate` and what belongs to it is `_conversions`. Calls count until the trial ends or
    converts, over the trials of each outcome that the log covers: `requests_per_account` = calls /
    trials, `error_rate` = errors / calls, `latency_p95_ms`, and `uptime` = 1 − minutes with a burst
    of server errors / minutes of trials. The p-values are of Mann-Whitney tests of converted
    against lost accounts.
    """
    as_of, ends = population.terms.as_of, pl.col("trial_ends_at")
    started = _started_trials(population)
    trials = population.restricted_to(started)
    trials = trials.restricted_to(started.hstack(_count_trial_minutes(trials)))
    is_running = pl.col("is_running")
    left = in_days(ends - as_of)
    kinds = (
        trials.frame.group_by("trial_kind")
        .agg(
            started=pl.len().cast(pl.Int64),
            running=count_where(is_running),
            finished=count_where(~is_running),
            converted=count_where(pl.col("has_converted")),
            ending_soon=count_where(is_running & (ends <= as_of + ENDING_SOON)),
            median_days_left=left.filter(is_running).median(),
        )
        .sort("trial_kind", nulls_last=True)
    )
    conversions = pl.DataFrame(
        [
            _conversions(started.filter(pl.col("trial_kind").eq_missing(pl.lit(kind, pl.String))))
            for kind in kinds["trial_kind"].to_list()
        ],
        schema=_CONVERSIONS_SCHEMA,
    )
    experiences = [_trial_experience(trials, kinds, outcome) for outcome in OUTCOME_SUFFIXES]
    tables = [kinds, conversions, *experiences, _outcome_p_values(trials, kinds)]
    return pl.concat(tables, how="horizontal").select(
        *("trial_kind", "started", "running", "finished", "converted"),
        *_CONVERSIONS_SCHEMA,
        *(f"{name}{outcome}" for outcome in OUTCOME_SUFFIXES for name in _EXPERIENCE),
        *_P_VALUES,
        "ending_soon",
        "median_days_left",
    )


def _started_trials(population: Population) -> pl.DataFrame:
    """Return the accounts with a trial and what became of it, in `has_…`, `is_…` and `days_…`.

    `days_followed` is how long a conversion could have been seen, infinite if none can come.
    """
    as_of, ends = population.terms.as_of, pl.col("trial_ends_at")
    converted, start = pl.col("converted_at"), pl.col("trial_started_at")
    closes = ends + population.terms.attribution
    has_converted = (converted <= closes.fill_null(as_of)).fill_null(value=False)
    has_ended = (ends <= as_of).fill_null(value=False)
    # Conversions are often mere dates, which lie before a trial that began on the same day.
    was_customer = (converted.dt.date() < start.dt.date()).fill_null(value=False)
    return population.frame.filter(start.is_not_null() & ~was_customer).with_columns(
        has_converted=has_converted,
        is_lost=has_ended & ~has_converted,
        is_running=~has_ended & ~has_converted,
        is_logged=_is_logged(population),
        days_to_convert=days_between("trial_started_at", "converted_at").clip(0),
        days_followed=pl.when((closes <= as_of).fill_null(value=False))
        .then(math.inf)
        .otherwise(in_days(as_of - start)),
    )


_LEAST_FOLLOWED = 0.1
_CONVERSIONS_SCHEMA = {
    "conversion_rate": pl.Float64,
    "conversion_low": pl.Float64,
    "conversion_high": pl.Float64,
    "effective_trials": pl.Int64,
    "followed_days": pl.Float64,
    "median_days_to_convert": pl.Float64,
}


def _conversions(trials: pl.DataFrame) -> dict[str, float | int | None]:
    """Return what share of some trials converts, and how soon, by Kaplan-Meier.

    A trial that may still convert is followed up to as-of; one whose attribution window is over
    without, will never. The rate is that within `followed_days`, the longest time for which a
    tenth of the trials is followed (null: to the end), because beyond it a single conversion
    would weigh too much. Its interval is that of `effective_trials` known outcomes.
    `median_days_to_convert` is the time by which half of that share has. All are null while that
    is shorter than half of the trials last: the young ones alone tell nothing.
    """
    followed = trials["days_followed"].sort(descending=True)
    longest = float(followed[math.ceil(_LEAST_FOLLOWED * len(followed)) - 1])
    length = trials.select(days_between("trial_started_at", "trial_ends_at").median()).item()
    if length is not None and longest < length:
        return dict.fromkeys(_CONVERSIONS_SCHEMA)
    happened = pl.col("has_converted") & (pl.col("days_to_convert") <= longest)
    waited = pl.col("days_followed").clip(upper_bound=longest)
    curve = EventCurve.from_times(
        *trials.select(
            time=pl.when(happened).then("days_to_convert").otherwise(waited), happened=happened
        ).get_columns()
    )
    share = curve.share or 0.0
    size = curve.effective_size(int((followed >= longest).sum()))
    low, high = effective_interval(share * size, size) or (None, None)
    return {
        "conversion_rate": share,
        "conversion_low": low,
        "conversion_high": high,
        "effective_trials": round(size),
        "followed_days": longest if math.isfinite(longest) else None,
        "median_days_to_convert": curve.quantile(share / 2) if share else None,
    }


def _is_logged(population: Population) -> pl.Expr:
    """Return whether the log covers the trial of an account, up to as-of or a day less."""
    ends = population.coverage.ends
    if ends is None:
        return pl.lit(value=False)
    over = pl.min_horizontal(
        "trial_ends_at", "converted_at", pl.lit(population.terms.as_of, TIMESTAMP)
    )
    return population.coverage.includes(pl.col("trial_started_at")) & (over <= ends + DAY)


def _count_trial_minutes(trials: Population) -> pl.DataFrame:
    """Return the `minutes` of each account's trial, and how many of them had a burst.

    Only minutes between the first and the last call of the logs count. Bursts are looked for in
    the calls of all consumers: an account that stops calling during an outage was still hit.
    """
    calls, as_of = trials.calls, trials.terms.as_of
    if calls.first is None or calls.last is None:
        zeros = pl.Series([0], dtype=pl.Int64).new_from_index(0, trials.frame.height)
        return pl.DataFrame({"minutes": zeros, "bursts": zeros})
    end = pl.min_horizontal("trial_ends_at", "converted_at", pl.lit(as_of, TIMESTAMP))
    # Only whole minutes of a trial count, so both ends are rounded up.
    limits = trials.frame.select(
        start=-(-pl.col("trial_started_at").dt.epoch("us") // MINUTE_US),
        end=-(-end.dt.epoch("us") // MINUTE_US),
    )
    logged = pl.select(
        first=pl.lit(calls.first).dt.epoch("us") // MINUTE_US,
        last=pl.lit(calls.last).dt.epoch("us") // MINUTE_US + 1,
    ).row(0)
    within = limits.select(pl.all().clip(*logged)).cast(pl.Int32)
    errors = pl.col("server_errors")
    is_burst = (errors >= BURST_ERRORS) & (errors >= BURST_SHARE * pl.col("requests"))
    bursts = calls.minutes.filter(is_burst)["minute"]
    before = [bursts.search_sorted(within[name]).cast(pl.Int64) for name in ("start", "end")]
    minutes = (within["end"] - within["start"]).cast(pl.Int64).clip(0)
    return pl.DataFrame({"minutes": minutes, "bursts": (before[1] - before[0]).clip(0)})


def _trial_experience(trials: Population, kinds: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Return what the calls within the trials of an outcome met, one row per kind."""
    conditions = {
        "": pl.lit(value=True),
        "_converted": pl.col("has_converted"),
        "_lost": pl.col("is_lost"),
    }
    numbered = kinds.select("trial_kind").with_row_index("row")
    # Calls that the log does not have are not none.
    frame = trials.frame.filter(conditions[outcome] & pl.col("is_logged")).join(
        numbered, on="trial_kind", how="left", nulls_equal=True, maintain_order="left"
    )
    sums = frame.group_by("row").agg(
        requests_per_account=ratio(pl.col("trial_requests").sum(), pl.len()),
        error_rate=ratio(pl.col("trial_errors").sum(), pl.col("trial_requests").sum()),
        uptime=1 - ratio(pl.col("bursts").sum(), pl.col("minutes").sum()),
    )
    members = trials.restricted_to(frame)
    p95 = p95_of_groups(members, pl.col("row"), kinds.height, in_trial=True)
    return (
        numbered.join(sums, on="row", how="left", maintain_order="left")
        .with_columns(p95.alias("latency_p95_ms"))
        .select(pl.col(name).alias(f"{name}{outcome}") for name in _EXPERIENCE)
    )


def _outcome_p_values(trials: Population, kinds: pl.DataFrame) -> pl.DataFrame:
    """Return the p-values of converted against lost accounts, one row per kind."""
    p95 = p95_of_accounts(trials, in_trial=True)
    finished = trials.frame.filter("is_logged", ~pl.col("is_running")).join(
        p95, on="id", how="left"
    )
    values = finished.select(
        "trial_kind",
        "has_converted",
        requests_p_value="trial_requests",
        error_rate_p_value=ratio(pl.col("trial_errors"), pl.col("trial_requests")),
        latency_p95_p_value="p95",
    )
    groups = [
        values.filter(pl.col("trial_kind").eq_missing(pl.lit(kind, pl.String)))
        for kind in kinds["trial_kind"].to_list()
    ]
    tests = {name: [rank_test(g[name], g["has_converted"]) for g in groups] for name in _P_VALUES}
    return pl.DataFrame(tests, schema=dict.fromkeys(_P_VALUES, pl.Float64))


def poc_table(population: Population) -> pl.DataFrame:
    """Return one row about all proofs of concept.

    `completion_rate` = completed / started, `conversion_rate` = completed ones whose account
    converted / completed; the days are quantiles over completed ones.
    """
    has_started = pl.col("poc_started_at").is_not_null()
    is_completed = has_started & pl.col("poc_completed_at").is_not_null()
    days = days_between("poc_started_at", "poc_completed_at")
    sums = population.frame.select(
        started=count_where(has_started),
        completed=count_where(is_completed),
        converted=count_where(is_completed & pl.col("converted_at").is_not_null()),
        median_days=days.median(),
        p90_days=linear_quantile(days, 0.9),
    )
    return sums.select(
        *("started", "completed"),
        ratio(pl.col("converted"), pl.col("completed")).alias("conversion_rate"),
        ratio(pl.col("completed"), pl.col("started")).alias("completion_rate"),
        *("median_days", "p90_days"),
    )

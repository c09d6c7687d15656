"""The success metrics that thresholds and goals can be about, their values, and the goals met.

A metric is one figure of a table of the success report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.developer_success.tables.account_statistics import TOTAL_KEY
from apilog.errors import UsageError
from apilog.metrics import Unit
from apilog.text import did_you_mean
from apilog.text.units import parse_duration, parse_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessMetric:
    """A success metric: one figure of a table."""

    name: str
    unit: Unit
    definition: str
    better: str
    """`lower` or `higher`."""
    table: str
    column: str
    counted: str
    """The column with the number of accounts that the value is over."""
    row: Mapping[str, str] = field(default_factory=dict)
    """The key of the row about all accounts, if the table has several rows."""
    keys: tuple[str, ...] = ()
    """The columns that tell apart further rows, each with a value of its own."""
    is_proportion: bool = False
    """Whether the value is a share of the accounts that it is over."""
    is_share: bool = True
    """Whether a ratio can't be above 1."""


_MetricSpec = tuple[str, str, Unit, str]
"""Name, column, unit, definition."""


def _funnel_metrics() -> Iterator[SuccessMetric]:
    for stage, rate, what in (
        ("first_call", "first_call_rate", "called"),
        ("first_success", "first_success_rate", "had a successful call"),
        ("activated", "activation_rate", "were activated"),
    ):
        yield SuccessMetric(
            name=rate,
            unit=Unit.RATIO,
            definition=f"Accounts that {what} / accounts, of those that signed up within the log.",
            better="higher",
            table="funnel",
            column="rate",
            counted="at_risk",
            row={"stage": stage},
            is_proportion=True,
        )
        yield SuccessMetric(
            name=f"median_hours_to_{stage}",
            unit=Unit.HOURS,
            definition=(
                f"Time from sign-up by which half of the accounts {what} (Kaplan-Meier), of those "
                "that signed up within the log."
            ),
            better="lower",
            table="funnel",
            column="median_hours",
            counted="at_risk",
            row={"stage": stage},
        )


def _table_metrics(
    table: str,
    counted: str,
    *specs: _MetricSpec,
    row: Mapping[str, str] | None = None,
    keys: tuple[str, ...] = (),
) -> Iterator[SuccessMetric]:
    for name, column, unit, definition in specs:
        yield SuccessMetric(
            name=name,
            unit=unit,
            definition=definition,
            better="lower" if name in _LOWER_IS_BETTER else "higher",
            table=table,
            column=column,
            counted=counted,
            row=row or {},
            keys=keys,
            is_proportion=name in _PROPORTIONS,
            is_share=name not in _REVENUE_RATIOS,
        )


_PROPORTIONS = {
    *("trial_conversion_rate", "conversion_rate", "poc_completion_rate", "poc_conversion_rate"),
    *("retention_rate", "churn_rate"),
}
_REVENUE_RATIOS = {"net_revenue_retention", "expansion"}
_LOWER_IS_BETTER = {
    *("trial_error_rate", "trial_latency_p95", "trial_median_days_to_convert", "churn_rate"),
    *("poc_median_days", "poc_p90_days"),
}

_TRIAL_CALLS: tuple[_MetricSpec, ...] = (
    ("trial_error_rate", "error_rate", Unit.RATIO, "Errors / calls within trials."),
    ("trial_latency_p95", "latency_p95_ms", Unit.MILLISECONDS, "The p95 of calls within trials."),
    (
        *("trial_uptime", "uptime", Unit.RATIO),
        "Minutes of trials without a burst of server errors / minutes of trials.",
    ),
    (
        *("trial_requests_per_account", "requests_per_account", Unit.COUNT),
        "Calls within trials / trials.",
    ),
)
_TRIAL_CONVERSIONS: _MetricSpec = (
    *("trial_conversion_rate", "conversion_rate", Unit.RATIO),
    "Share of trials that convert in the end (Kaplan-Meier).",
)
_TRIAL_DAYS: _MetricSpec = (
    *("trial_median_days_to_convert", "median_days_to_convert", Unit.DAYS),
    "Time from the start of a trial by which half of those that convert have.",
)
_REVENUE: tuple[_MetricSpec, ...] = (
    ("accounts", "accounts", Unit.COUNT, "Accounts."),
    ("paying_accounts", "paying", Unit.COUNT, "Accounts that pay."),
    ("mrr", "mrr", Unit.MONEY, "Monthly revenue."),
    ("arpu", "arpu", Unit.MONEY, "mrr / accounts that have not churned."),
    ("arppu", "arppu", Unit.MONEY, "mrr / paying accounts."),
    ("conversion_rate", "conversion_rate", Unit.RATIO, "Accounts that ever converted / accounts."),
    ("clv", "clv", Unit.MONEY, "arppu / churn_rate."),
    (
        *("net_revenue_retention", "net_revenue_retention", Unit.RATIO),
        "What accounts pay that paid 30 days ago / what they paid then (mrr_before).",
    ),
    (
        *("expansion", "expansion", Unit.RATIO),
        "What accounts pay more than 30 days ago / what they paid then (mrr_before).",
    ),
    (
        *("requests_per_account", "requests_per_account", Unit.COUNT),
        "Calls of accounts that have not churned / these accounts.",
    ),
    (
        *("revenue_per_1000_requests", "revenue_per_1000_requests", Unit.MONEY),
        "What accounts paid while the log goes / thousand calls.",
    ),
)
_CHURN: _MetricSpec = (
    *("churn_rate", "churn_rate", Unit.RATIO),
    "Accounts that paid 30 days ago and have churned / accounts that paid 30 days ago.",
)
_POC_STARTED: _MetricSpec = (
    *("poc_completion_rate", "completion_rate", Unit.RATIO),
    "Completed proofs of concept / started ones.",
)
_POC_COMPLETED: tuple[_MetricSpec, ...] = (
    (
        *("poc_conversion_rate", "conversion_rate", Unit.RATIO),
        "Completed proofs of concept whose account converted / completed ones.",
    ),
    ("poc_median_days", "median_days", Unit.DAYS, "Median time of a completed proof of concept."),
    (
        *("poc_p90_days", "p90_days", Unit.DAYS),
        "Time within which 90 % of the proofs of concept were completed.",
    ),
)
_RETENTION: _MetricSpec = (
    *("retention_rate", "rate", Unit.RATIO),
    "Accounts that called at that age (4 if none is given) / accounts old enough.",
)
_KIND, _TOTAL = ("trial_kind",), {"plan": TOTAL_KEY}

SUCCESS_METRICS: Mapping[str, SuccessMetric] = {
    metric.name: metric
    for metric in (
        *_funnel_metrics(),
        *_table_metrics("trials", "started", *_TRIAL_CALLS, keys=_KIND),
        *_table_metrics("trials", "effective_trials", _TRIAL_CONVERSIONS, keys=_KIND),
        *_table_metrics("trials", "converted", _TRIAL_DAYS, keys=_KIND),
        *_table_metrics("revenue", "accounts", *_REVENUE, row=_TOTAL, keys=("plan",)),
        *_table_metrics("revenue", "at_risk", _CHURN, row=_TOTAL, keys=("plan",)),
        *_table_metrics("poc", "started", _POC_STARTED),
        *_table_metrics("poc", "completed", *_POC_COMPLETED),
        *_table_metrics("retention", "accounts", _RETENTION, keys=("age",)),
    )
}
"""All success metrics by name; those with `keys` also have a value for each row."""

ROW_KEYS = tuple(dict.fromkeys(key for metric in SUCCESS_METRICS.values() for key in metric.keys))
"""All columns that tell apart rows with a value of their own."""


def find_success_metric(name: str, where: str) -> SuccessMetric:
    """Return a metric by its name; raises UsageError with the nearest names."""
    if name in SUCCESS_METRICS:
        return SUCCESS_METRICS[name]
    hint = did_you_mean(name, SUCCESS_METRICS, f"there are {', '.join(SUCCESS_METRICS)}", at_most=2)
    raise UsageError(f"{where}: there is no success metric {name!r}", hint)


_RETENTION_AGE = 4
"""The age, in weeks or months, that `retention_rate` is about if none is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessValue:
    """The value of a success metric in one report."""

    name: str
    unit: Unit
    keys: Mapping[str, str]
    """The row of the value, such as `{"plan": "pro"}`; empty for all accounts."""
    value: float | None
    n: int
    """The number of accounts that the value is over."""
    events: int | None = None
    """The numerator of a proportion."""


def success_values(tables: Mapping[str, pl.DataFrame]) -> list[SuccessValue]:
    """Return all values of all metrics in the tables of a report without `--by`."""
    return [
        value for metric in SUCCESS_METRICS.values() for value in _metric_values(metric, tables)
    ]


def success_value_of(
    name: str, tables: Mapping[str, pl.DataFrame], keys: Mapping[str, str] | None = None
) -> SuccessValue | None:
    """Return the value of a metric over all accounts, or of the row with these keys; or None."""
    wanted = keys or {}
    values = _metric_values(SUCCESS_METRICS[name], tables)
    return next((value for value in values if value.keys == wanted), None)


def _metric_values(
    metric: SuccessMetric, tables: Mapping[str, pl.DataFrame]
) -> Iterator[SuccessValue]:
    frame = tables[metric.table]
    if metric.table == "retention":
        # All cohorts together at each age, over periods that are over.
        completed = frame.filter("complete").group_by("age").agg(pl.sum("accounts", "active"))
        rate = pl.col("active") / pl.col("accounts")
        frame = completed.sort("age").with_columns(rate=rate)
    for row in frame.iter_rows(named=True):
        is_total = bool(metric.row) and all(row[key] == text for key, text in metric.row.items())
        keys = {} if is_total else {k: str(row[k]) for k in metric.keys if row[k] is not None}
        if is_total or keys or not (metric.row or metric.keys):
            yield _make_value(metric, row[metric.column], row[metric.counted], keys)
    if metric.table == "retention":
        for row in frame.filter(pl.col("age") == _RETENTION_AGE).iter_rows(named=True):
            yield _make_value(metric, row["rate"], row["accounts"], {})
    if metric.table == "trials":
        # Medians and quantiles can't be combined from those of the kinds: they have no total.
        value, count = None, int(frame[metric.counted].sum())
        if frame.height == 1:
            value = frame[metric.column][0]
        elif metric.is_proportion:
            value, count = _pooled_conversion(frame)
        yield _make_value(metric, value, count, {})


def _pooled_conversion(trials: pl.DataFrame) -> tuple[float | None, int]:
    """Return the conversion rate of all kinds, and of how many known outcomes it is worth.

    It is the mean of their rates, by how many trials of each kind started. Its variance is the sum
    of theirs, and p · (1 − p) / variance the size, as it is of one kind.
    """
    known = trials.drop_nulls("conversion_rate").filter(pl.col("effective_trials") > 0)
    started = known["started"].sum()
    if not started:
        return None, 0
    weight = known["started"] / started
    rates, sizes = known["conversion_rate"], known["effective_trials"]
    rate = float((weight * rates).sum())
    variance = float((weight**2 * rates * (1 - rates) / sizes).sum())
    # The rate of few may happen to be 0, and so its variance: no more outcomes than there are.
    size = rate * (1 - rate) / variance if variance else math.inf
    return rate, round(min(size, float(sizes.sum())))


def _make_value(
    metric: SuccessMetric, value: float | None, n: int, keys: Mapping[str, str]
) -> SuccessValue:
    # The value is a whole number divided by n, and rounding gives that number back; or it is an
    # estimate that is worth n accounts.
    events = round(value * n) if metric.is_proportion and value is not None else None
    return SuccessValue(
        name=metric.name, unit=metric.unit, keys=keys, value=value, n=n, events=events
    )


_GOAL_SYNTAX = re.compile(r"\s*(?P<operator>>=|<=|>|<)?\s*(?P<value>\S.*?)\s*")
_HOLDS = {
    ">=": lambda value, target: value >= target,
    "<=": lambda value, target: value <= target,
    ">": lambda value, target: value > target,
    "<": lambda value, target: value < target,
}
GOALS_SCHEMA = {
    "goal": pl.String,
    "target": pl.Float64,
    "value": pl.Float64,
    "accounts": pl.Int64,
    "reached": pl.Boolean,
    "operator": pl.String,
    "unit": pl.String,
}


@dataclass(frozen=True, slots=True)
class Goal:
    """The value that a metric is meant to reach."""

    metric: SuccessMetric
    operator: str
    target: float
    """In the unit of the metric."""


def parse_goals(goals: Mapping[str, str | float]) -> list[Goal]:
    """Parse the goals of a configuration, such as `conversion_rate = "25%"`.

    Without an operator, a metric that is better when higher has to reach at least the value, any
    other one at most the value. Raises UsageError for an unknown metric or an invalid value.
    """
    parsed = []
    for name, given in goals.items():
        metric, text = find_success_metric(name, "[goals]"), str(given)
        match = _GOAL_SYNTAX.fullmatch(text)
        if match is None:
            raise UsageError(f"[goals] {name}: the goal is empty", 'write one such as "25%"')
        default = ">=" if metric.better == "higher" else "<="
        unit, amount = metric.unit, match["value"]
        try:
            if unit is Unit.RATIO:
                target = parse_ratio(amount, is_share=metric.is_share)
            elif unit in _SECONDS and not amount.replace(".", "", 1).isdecimal():
                target = parse_duration(amount).total_seconds() / _SECONDS[unit]
            else:  # a bare number is in the unit of the metric, such as days
                target = float(amount.replace(",", "").replace("_", ""))
        except (UsageError, ValueError) as error:
            raise UsageError(
                f"[goals] {name}: {text!r} is not a {_NAMES.get(unit, 'number')}",
                f"write one such as {_EXAMPLES.get(unit, '1000')!r}",
            ) from error
        parsed.append(Goal(metric, match["operator"] or default, target))
    return parsed


_NAMES = {Unit.RATIO: "ratio", Unit.HOURS: "duration", Unit.DAYS: "duration"}
_EXAMPLES = {Unit.RATIO: "25%", Unit.HOURS: "24h", Unit.DAYS: "14d", Unit.MILLISECONDS: "300ms"}
_SECONDS = {Unit.HOURS: 3600.0, Unit.DAYS: 86_400.0, Unit.MILLISECONDS: 0.001}


def goals_table(goals: list[Goal], tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return one row per goal, in the unit of its metric; `reached` is null without a value."""
    rows = []
    for goal in goals:
        metric = goal.metric
        result = success_value_of(metric.name, tables)
        value, accounts = (result.value, result.n) if result else (None, 0)
        reached = None if value is None else _HOLDS[goal.operator](value, goal.target)
        unit = metric.unit.value
        rows.append((metric.name, goal.target, value, accounts, reached, goal.operator, unit))
    return pl.DataFrame(rows, schema=GOALS_SCHEMA, orient="row")

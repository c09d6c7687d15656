"""The success metrics that goals and thresholds are about, read off a finished report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import polars as pl

from apilog.errors import UsageError
from apilog.metrics import Unit
from apilog.success.tables.expressions import ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessMetric:
    """One figure of a table."""

    name: str
    unit: Unit
    table: str
    column: str
    """The column with its value."""
    counted: str
    """The column with how many accounts it is over."""
    row: Mapping[str, str] = field(default_factory=dict)
    """The key of the row it stands in, if the table has several."""
    keys: tuple[str, ...] = ()
    """Columns whose values tell further rows that have one of their own."""
    better: str = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a metric came to."""

    name: str
    unit: Unit
    keys: Mapping[str, str]
    """The row it is of, such as `{"plan": "pro"}`; empty for all accounts."""
    value: float | None
    n: int
    """Accounts that it is over."""


def _funnel() -> Iterator[SuccessMetric]:
    for stage, rate in (
        ("first_call", "first_call_rate"),
        ("first_success", "first_success_rate"),
        ("activated", "activation_rate"),
    ):
        row = {"stage": stage}
        yield SuccessMetric(
            name=rate, unit=Unit.RATIO, table="funnel", column="rate", counted="signed_up", row=row
        )
        yield SuccessMetric(
            name=f"median_hours_to_{stage}",
            unit=Unit.HOURS,
            table="funnel",
            column="median_hours",
            counted="accounts",
            row=row,
            better="lower",
        )


def _of(
    table: str,
    counted: str,
    metrics: Mapping[str, tuple[str, Unit, str]],
    row: Mapping[str, str] | None = None,
    keys: tuple[str, ...] = (),
) -> Iterator[SuccessMetric]:
    for name, (column, unit, better) in metrics.items():
        yield SuccessMetric(
            name=name,
            unit=unit,
            table=table,
            column=column,
            counted=counted,
            row=row or {},
            keys=keys,
            better=better,
        )


METRICS: Mapping[str, SuccessMetric] = {
    metric.name: metric
    for metric in (
        *_funnel(),
        *_of(
            "trials",
            "started",
            {
                "trial_error_rate": ("error_rate", Unit.RATIO, "lower"),
                "trial_latency_p95": ("latency_p95_ms", Unit.MILLISECONDS, "lower"),
                "trial_uptime": ("uptime", Unit.RATIO, "higher"),
                "trial_requests_per_account": ("requests_per_account", Unit.COUNT, "higher"),
            },
            keys=("trial_kind",),
        ),
        *_of(
            "trials",
            "finished",
            {"trial_conversion_rate": ("conversion_rate", Unit.RATIO, "higher")},
            keys=("trial_kind",),
        ),
        *_of(
            "trials",
            "converted",
            {"trial_median_days_to_convert": ("median_days_to_convert", Unit.DAYS, "lower")},
            keys=("trial_kind",),
        ),
        *_of(
            "revenue",
            "accounts",
            {
                "accounts": ("accounts", Unit.COUNT, "higher"),
                "paying_accounts": ("paying", Unit.COUNT, "higher"),
                "mrr": ("mrr", Unit.MONEY, "higher"),
                "arpu": ("arpu", Unit.MONEY, "higher"),
                "arppu": ("arppu", Unit.MONEY, "higher"),
                "conversion_rate": ("conversion_rate", Unit.RATIO, "higher"),
                "churn_rate": ("churn_rate", Unit.RATIO, "lower"),
                "clv": ("clv", Unit.MONEY, "higher"),
                "requests_per_account": ("requests_per_account", Unit.COUNT, "higher"),
                "revenue_per_1000_requests": (
                    "revenue_per_1000_requests",
                    Unit.MONEY,
                    "higher",
                ),
            },
            row={"plan": ALL},
            keys=("plan",),
        ),
        *_of("poc", "started", {"poc_completion_rate": ("completion_rate", Unit.RATIO, "higher")}),
        *_of(
            "poc",
            "completed",
            {
                "poc_conversion_rate": ("conversion_rate", Unit.RATIO, "higher"),
                "poc_median_days": ("median_days", Unit.DAYS, "lower"),
                "poc_p90_days": ("p90_days", Unit.DAYS, "lower"),
            },
        ),
        *_of(
            "retention",
            "accounts",
            {"retention_rate": ("rate", Unit.RATIO, "higher")},
            keys=("age",),
        ),
    )
}
"""By name. Of trials, plans and ages of cohorts there is a value for each row as well."""

_RETENTION_AGE = 4
"""The age, in weeks or months, whose retention is meant where none is said."""


def metric_named(name: str, where: str) -> SuccessMetric:
    """The metric; raises UsageError naming the nearest one."""
    if name in METRICS:
        return METRICS[name]
    near = get_close_matches(name, METRICS, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(METRICS)}"
    raise UsageError(f"{where}: there is no success metric {name!r}", hint)


def values(tables: Mapping[str, pl.DataFrame]) -> list[Value]:
    """Every value of every metric in the tables of a report without `--by`."""
    return [value for metric in METRICS.values() for value in _values(metric, tables)]


def value_of(
    name: str, tables: Mapping[str, pl.DataFrame], keys: Mapping[str, str] | None = None
) -> Value | None:
    """The value of a metric over all accounts, or of the row of these keys; None without one."""
    wanted = keys or {}
    found = (v for v in _values(METRICS[name], tables) if v.keys == wanted)
    return next(found, None)


def _values(metric: SuccessMetric, tables: Mapping[str, pl.DataFrame]) -> Iterator[Value]:
    frame = tables[metric.table]
    if metric.table == "retention":
        frame = _by_age(frame)
    if metric.table == "funnel":
        frame = frame.with_columns(signed_up=pl.col("accounts").first())
    for row in frame.iter_rows(named=True):
        is_total = bool(metric.row) and all(row[key] == text for key, text in metric.row.items())
        keys = (
            {} if is_total else {key: str(row[key]) for key in metric.keys if row[key] is not None}
        )
        if is_total or keys or not (metric.row or metric.keys):
            yield _value(metric, row[metric.column], row[metric.counted], keys)
    if metric.table == "trials":
        yield _over_kinds(metric, frame)
    if metric.table == "retention":
        at = frame.filter(pl.col("age") == _RETENTION_AGE)
        for row in at.iter_rows(named=True):
            yield _value(metric, row["rate"], row["accounts"], {})


def _value(metric: SuccessMetric, value: float | None, n: int, keys: Mapping[str, str]) -> Value:
    return Value(name=metric.name, unit=metric.unit, keys=keys, value=value, n=n)


def _over_kinds(metric: SuccessMetric, trials: pl.DataFrame) -> Value:
    """Of all kinds of trials together; None for what can't be put together from the rows."""
    n = int(trials[metric.counted].sum())
    if trials.height == 1:
        value = trials[metric.column][0]
    elif metric.name == "trial_conversion_rate" and n:
        value = trials["converted"].sum() / n
    else:
        value = None
    return _value(metric, value, n, {})


def _by_age(retention: pl.DataFrame) -> pl.DataFrame:
    """The retention of all cohorts at each age, of the cells that are over."""
    whole = (
        retention.filter("complete").group_by("age").agg(pl.sum("accounts", "active")).sort("age")
    )
    return whole.with_columns(rate=pl.col("active") / pl.col("accounts"))

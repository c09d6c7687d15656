"""What the success metrics came to, read off the tables of a report without `--by`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.metrics import Unit
from apilog.success.metrics.catalogue import METRICS, SuccessMetric

_RETENTION_AGE = 4
"""The age, in weeks or months, whose retention is meant where none is said."""


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
    events: int | None = None
    """Of a proportion: how many of the accounts."""


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
        keys = {} if is_total else {k: str(row[k]) for k in metric.keys if row[k] is not None}
        if is_total or keys or not (metric.row or metric.keys):
            yield _value(metric, row[metric.column], row[metric.counted], keys)
    if metric.table == "trials":
        yield _over_kinds(metric, frame)
    if metric.table == "retention":
        for row in frame.filter(pl.col("age") == _RETENTION_AGE).iter_rows(named=True):
            yield _value(metric, row["rate"], row["accounts"], {})


def _value(metric: SuccessMetric, value: float | None, n: int, keys: Mapping[str, str]) -> Value:
    events = round(value * n) if metric.is_proportion and value is not None else None
    return Value(name=metric.name, unit=metric.unit, keys=keys, value=value, n=n, events=events)


def _over_kinds(metric: SuccessMetric, trials: pl.DataFrame) -> Value:
    """Of all kinds of trials together; None for what can't be put together from the rows."""
    n = int(trials[metric.counted].sum())
    if trials.height == 1:
        value = trials[metric.column][0]
    elif metric.is_proportion and n:
        value = trials["converted"].sum() / n
    else:
        value = None
    return _value(metric, value, n, {})


def _by_age(retention: pl.DataFrame) -> pl.DataFrame:
    """The retention of all cohorts at each age, of the cells that are over."""
    over = retention.filter("complete").group_by("age").agg(pl.sum("accounts", "active"))
    return over.sort("age").with_columns(rate=pl.col("active") / pl.col("accounts"))

"""`experiments`: what each variant changed, against the control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.statistics.chisquare import chi_square
from apilog.statistics.proportions import Interval, Proportion, two_proportion
from apilog.success.comparison import LogRatio, lift_interval, quantile_lift, rank_test
from apilog.success.latency import p95_of_accounts, p95_of_groups
from apilog.success.latency_bounds import p95_bounds
from apilog.success.population import STAGES, Population
from apilog.success.tables.expressions import ratio

_ONE = pl.lit(1)


@dataclass(frozen=True, slots=True)
class _Metric:
    """A ratio of sums over accounts; the latency is none, and stands apart."""

    numerator: pl.Expr
    denominator: pl.Expr
    is_proportion: bool = False


METRICS: Mapping[str, _Metric | None] = {
    "activation": _Metric(
        (pl.col("stage") >= STAGES.index("activated")).cast(pl.Int64), _ONE, True
    ),
    "conversion": _Metric(pl.col("converted_at").is_not_null().cast(pl.Int64), _ONE, True),
    "error_rate": _Metric(pl.col("errors"), pl.col("requests")),
    "latency_p95": None,
    "requests_per_account": _Metric(pl.col("requests"), _ONE),
}
"""In the order of the rows."""

SCHEMA = {
    "variant": pl.String,
    "metric": pl.String,
    "accounts": pl.Int64,
    "value": pl.Float64,
    "lift": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "split_p_value": pl.Float64,
}


def experiments(population: Population) -> pl.DataFrame:
    """One row a metric and variant; accounts without a variant are in none.

    `lift`, its 95 % interval and the p-value, not adjusted yet, compare a variant with the
    control, which itself has none. `split_p_value` tells whether the variants are as equal in
    size as chance allows.
    """
    frame = population.frame.drop_nulls("variant")
    names = frame["variant"].unique().sort().to_list()
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    control = population.terms.control or names[0]
    sizes = [frame.filter(pl.col("variant") == name).height for name in names]
    split = chi_square(sizes, [sum(sizes) / len(sizes)] * len(sizes))
    rows = [
        {**row, "split_p_value": split}
        for metric in METRICS
        for row in _rows(population.of(frame), metric, names, control)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@dataclass(frozen=True, slots=True)
class _Group:
    """The accounts of one variant."""

    accounts: pl.DataFrame
    """`numerator`, `denominator` and the `value` of each account."""
    value: float | None
    total: Proportion
    """The sums; of a proportion its successes."""
    bounds: Interval | None = None
    """Of a latency, the interval of its value."""

    def log_ratio(self) -> LogRatio | None:
        """The group's value with its error; None for a latency, and without a value."""
        if self.value is None or not self.total.n:
            return None
        residual = pl.col("numerator") - self.value * pl.col("denominator")
        squares = self.accounts.select((residual**2).sum()).item()
        return LogRatio(self.value, squares, self.total.n, self.accounts.height)


def _rows(
    population: Population, metric: str, names: list[str], control: str
) -> Iterator[dict[str, object]]:
    groups = _groups(population, metric, names)
    base = groups.get(control)
    for name, group in groups.items():
        row: dict[str, object] = {
            "variant": name,
            "metric": metric,
            "accounts": group.accounts.height,
            "value": group.value,
        }
        yield row if base is None or name == control else row | _against(metric, group, base)


def _groups(population: Population, name: str, variants: list[str]) -> dict[str, _Group]:
    metric = METRICS[name]
    if metric is None:
        return _latency_groups(population, variants)
    values = population.frame.select(
        "variant", numerator=metric.numerator, denominator=metric.denominator
    ).with_columns(value=ratio(pl.col("numerator"), pl.col("denominator")))
    groups = {}
    for variant in variants:
        accounts = values.filter(pl.col("variant") == variant)
        total = Proportion(*accounts.select(pl.sum("numerator", "denominator")).row(0))
        groups[variant] = _Group(accounts, total.rate if total.n else None, total)
    return groups


def _latency_groups(population: Population, variants: list[str]) -> dict[str, _Group]:
    number = pl.col("variant").replace_strict(
        variants, range(len(variants)), return_dtype=pl.UInt32
    )
    pooled = p95_of_groups(population, number, len(variants)).to_list()
    accounts = population.frame.select("id", "variant").join(
        p95_of_accounts(population), on="id", how="left"
    )
    bounds = p95_bounds(population, number, len(variants))
    return {
        variant: _Group(
            accounts.filter(pl.col("variant") == variant).rename({"p95": "value"}),
            value,
            Proportion(0, 0),
            interval,
        )
        for variant, value, interval in zip(variants, pooled, bounds, strict=True)
    }


def _against(name: str, group: _Group, base: _Group) -> dict[str, object]:
    """Lift, interval and p-value of a variant against the control."""
    metric = METRICS[name]
    lift = group.value / base.value - 1 if group.value is not None and base.value else None
    if metric is not None and metric.is_proportion:
        p_value = two_proportion(group.total, base.total)
    else:
        p_value = _ranked(group.accounts, base.accounts)
    low, high = _interval(group, base) or (None, None)
    return {"lift": lift, "low": low, "high": high, "p_value": p_value}


def _interval(group: _Group, base: _Group) -> Interval | None:
    if group.value is None or base.value is None:
        return None
    if group.bounds and base.bounds:
        return quantile_lift((group.value, group.bounds), (base.value, base.bounds))
    one, other = group.log_ratio(), base.log_ratio()
    return lift_interval(one, other) if one and other else None


def _ranked(one: pl.DataFrame, other: pl.DataFrame) -> float | None:
    values = pl.concat([one["value"], other["value"]])
    is_first = pl.Series([True, False]).gather(
        pl.Series([0] * one.height + [1] * other.height, dtype=pl.UInt32)
    )
    return rank_test(values, is_first)

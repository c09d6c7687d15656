"""Experiments: what each variant changed against the control, and the verdict on it.

The p-values of all tests of the table are adjusted together (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from apilog.developer_success.account_latency import p95_bounds, p95_of_accounts, p95_of_groups
from apilog.developer_success.population import STAGES, Population, SuccessTerms
from apilog.developer_success.tables.account_statistics import (
    SIGNIFICANT,
    LogRatio,
    lift_interval,
    quantile_lift,
    rank_test,
    ratio,
)
from apilog.statistics.distributions import chi_square_test
from apilog.statistics.two_samples import (
    Interval,
    Proportion,
    benjamini_hochberg,
    two_proportion_test,
)

_ONE = pl.lit(1)


@dataclass(frozen=True, slots=True)
class _ExperimentMetric:
    """A metric that is a ratio of sums over accounts."""

    numerator: pl.Expr
    denominator: pl.Expr
    is_proportion: bool = False


EXPERIMENT_METRICS: Mapping[str, _ExperimentMetric | None] = {
    "activation": _ExperimentMetric(
        (pl.col("stage") >= STAGES.index("activated")).cast(pl.Int64), _ONE, True
    ),
    "conversion": _ExperimentMetric(
        pl.col("converted_at").is_not_null().cast(pl.Int64), _ONE, True
    ),
    "error_rate": _ExperimentMetric(pl.col("errors"), pl.col("requests")),
    "latency_p95": None,
    "requests_per_account": _ExperimentMetric(pl.col("requests"), _ONE),
}
"""The metrics in the order of the rows; the latency is no ratio of sums and has no entry."""

EXPERIMENTS_SCHEMA = {
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


def experiments_table(population: Population) -> pl.DataFrame:
    """Return one row per metric and variant; accounts without a variant are left out.

    `value` = Σ numerator / Σ denominator over the accounts of the variant, or the p95 of their
    calls; `lift` = value / value of the control − 1, with its 95 % interval `low` to `high`.
    `p_value` (not adjusted yet) is of the two-proportion test for activation and conversion, else
    of the Mann-Whitney test on the values of accounts. `split_p_value` is of the chi-square test
    that the variants are equally large.
    """
    frame = population.frame.drop_nulls("variant")
    names = frame["variant"].unique().sort().to_list()
    if not names:
        return pl.DataFrame(schema=EXPERIMENTS_SCHEMA)
    control = population.terms.control or names[0]
    sizes = [frame.filter(pl.col("variant") == name).height for name in names]
    split = chi_square_test(sizes, [sum(sizes) / len(sizes)] * len(sizes))
    assigned = population.restricted_to(frame)
    rows = []
    for metric in EXPERIMENT_METRICS:
        groups = _variant_groups(assigned, metric, names)
        base = groups.get(control)
        for name, group in groups.items():
            row: dict[str, object] = {
                "variant": name,
                "metric": metric,
                "accounts": group.accounts.height,
                "value": group.value,
                "split_p_value": split,
            }
            if base is not None and name != control:
                row |= _compare_with_control(metric, group, base)
            rows.append(row)
    return pl.DataFrame(rows, schema=EXPERIMENTS_SCHEMA, orient="row")


@dataclass(frozen=True, slots=True)
class _VariantGroup:
    """The accounts of one variant."""

    accounts: pl.DataFrame
    """`numerator`, `denominator` and `value` of each account; of a latency only the value."""
    value: float | None
    total: Proportion
    """The sums of the numerators and denominators."""
    bounds: Interval | None = None
    """The interval of the value of a latency."""

    def log_ratio(self) -> LogRatio | None:
        """Return the value with its error; None for a latency, and without a value."""
        if self.value is None or not self.total.n:
            return None
        residual = pl.col("numerator") - self.value * pl.col("denominator")
        squares = self.accounts.select((residual**2).sum()).item()
        return LogRatio(self.value, squares, self.total.n, self.accounts.height)


def _variant_groups(
    population: Population, name: str, variants: list[str]
) -> dict[str, _VariantGroup]:
    metric = EXPERIMENT_METRICS[name]
    if metric is None:
        # A quantile is no ratio of sums: it is of all calls of a variant, with bounds of its own.
        number = pl.col("variant").replace_strict(
            variants, range(len(variants)), return_dtype=pl.UInt32
        )
        pooled = p95_of_groups(population, number, len(variants)).to_list()
        bounds = p95_bounds(population, number, len(variants))
        each = population.frame.select("id", "variant").join(
            p95_of_accounts(population).rename({"p95": "value"}), on="id", how="left"
        )
        return {
            variant: _VariantGroup(
                each.filter(pl.col("variant") == variant), value, Proportion(0, 0), interval
            )
            for variant, value, interval in zip(variants, pooled, bounds, strict=True)
        }
    values = population.frame.select(
        "variant", numerator=metric.numerator, denominator=metric.denominator
    ).with_columns(value=ratio(pl.col("numerator"), pl.col("denominator")))
    groups = {}
    for variant in variants:
        accounts = values.filter(pl.col("variant") == variant)
        total = Proportion(*accounts.select(pl.sum("numerator", "denominator")).row(0))
        groups[variant] = _VariantGroup(accounts, total.rate if total.n else None, total)
    return groups


def _compare_with_control(
    name: str, group: _VariantGroup, base: _VariantGroup
) -> dict[str, object]:
    """Return lift, interval and p-value of a variant against the control."""
    metric = EXPERIMENT_METRICS[name]
    lift = group.value / base.value - 1 if group.value is not None and base.value else None
    if metric is not None and metric.is_proportion:
        p_value = two_proportion_test(group.total, base.total)
    else:
        # Calls per account are far too skewed for a test of means, so ranks are compared.
        values = pl.concat([group.accounts["value"], base.accounts["value"]])
        is_first = pl.Series([True, False]).gather(
            pl.Series([0] * group.accounts.height + [1] * base.accounts.height, dtype=pl.UInt32)
        )
        p_value = rank_test(values, is_first)
    interval = None
    if group.value is not None and base.value is not None:
        if group.bounds and base.bounds:
            interval = quantile_lift((group.value, group.bounds), (base.value, base.bounds))
        elif (one := group.log_ratio()) and (other := base.log_ratio()):
            interval = lift_interval(one, other)
    low, high = interval or (None, None)
    return {"lift": lift, "low": low, "high": high, "p_value": p_value}


UNEVEN_SPLIT = 0.001
"""Below this p-value of the split, variants were not assigned as they should have been.

A sample ratio mismatch makes every comparison doubtful: https://doi.org/10.1145/3292500.3330722
"""

_LOWER_IS_BETTER = ("error_rate", "latency_p95")


def judge_experiments(experiments: pl.DataFrame, terms: SuccessTerms) -> pl.DataFrame:
    """Adjust the p-values (Benjamini-Hochberg) and add a `verdict` to each row.

    All tests of the table are adjusted together, also those of several groups of accounts. The
    verdict is `control`, `too early` (fewer accounts than asked for on either side),
    `uneven split`, `no data`, `better`, `worse` or `no difference shown`.
    """
    # Twenty true null hypotheses give one p-value below 5 % by chance.
    adjusted = benjamini_hochberg(experiments["p_value"].to_list())
    rows = experiments.with_columns(pl.Series("p_value", adjusted, dtype=pl.Float64))
    names = rows["variant"].unique().sort().to_list()
    control = terms.control or (names[0] if names else None)
    groups = experiments.columns[: experiments.columns.index("variant")]
    is_control = pl.col("variant") == pl.lit(control, pl.String)
    base = pl.col("accounts").filter(is_control).min()
    base = base.over(groups) if groups else base
    lower_is_better = pl.col("metric").is_in(_LOWER_IS_BETTER)
    is_better = (pl.col("lift") < 0) == lower_is_better
    verdict = (
        pl.when(is_control)
        .then(pl.lit("control"))
        .when(pl.min_horizontal("accounts", base) < terms.min_accounts)
        .then(pl.lit("too early"))
        .when(pl.col("split_p_value") < UNEVEN_SPLIT)
        .then(pl.lit("uneven split"))
        .when(pl.col("p_value").is_null() | pl.col("lift").is_null())
        .then(pl.lit("no data"))
        .when(pl.col("p_value") >= SIGNIFICANT)
        .then(pl.lit("no difference shown"))
        .when(is_better)
        .then(pl.lit("better"))
        .otherwise(pl.lit("worse"))
    )
    return rows.with_columns(verdict.alias("verdict"))

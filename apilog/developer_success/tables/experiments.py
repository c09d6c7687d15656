"""Experiments: what each variant changed against the control, and the verdict on it.

The p-values of all tests of the table are adjusted together (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.developer_success.account_latency import p95_with_bounds
from apilog.developer_success.population import STAGES, Population, SuccessTerms
from apilog.developer_success.tables.account_statistics import (
    SIGNIFICANT,
    lift_interval,
    quantile_lift,
    rank_test,
    ratio,
)
from apilog.errors import UsageError
from apilog.statistics.distributions import chi_square_test
from apilog.statistics.rank_effects import (
    ValueCounts,
    ratio_interval,
    superiority,
    typical_ratio,
)
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
    is_of: pl.Expr | None = None
    """The accounts that it is about; None: all."""


EXPERIMENT_METRICS: Mapping[str, _ExperimentMetric | None] = {
    "activation": _ExperimentMetric(
        (pl.col("stage") >= STAGES.index("activated")).cast(pl.Int64),
        _ONE,
        is_proportion=True,
        is_of=pl.col("is_followed"),
    ),
    "conversion": _ExperimentMetric(
        pl.col("converted_at").is_not_null().cast(pl.Int64), _ONE, is_proportion=True
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
    "typical": pl.Float64,
    "superiority": pl.Float64,
    "lift": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "split_p_value": pl.Float64,
}


def experiments_table(population: Population) -> pl.DataFrame:
    """Return one row per metric and variant; accounts without a variant are left out.

    `value` = Σ numerator / Σ denominator over the accounts of the variant, or the p95 of their
    calls. `low` to `high` is the 95 % interval of the `lift`; p-values are not adjusted yet.

    - Of shares of accounts and the latency, `lift` = value / value of the control − 1. `p_value` is
      that of the two-proportion test, or of the interval of the latency.
    - Error rate and requests are compared by the ranks of accounts, because a few large ones make
      most calls: `typical` is the median of the accounts' values, `superiority` how often an
      account of the variant has a higher one than one of the control, `lift` the median of the
      ratios of all such pairs − 1, and `p_value` that of the Mann-Whitney test.

    `split_p_value` is of the chi-square test that the variants are as large as planned, or else
    equally large.
    """
    frame = population.frame.drop_nulls("variant")
    names = frame["variant"].unique().sort().to_list()
    if not names:
        return pl.DataFrame(schema=EXPERIMENTS_SCHEMA)
    control, shares = population.terms.control, population.terms.split
    sizes = [frame.filter(pl.col("variant") == name).height for name in names]
    weights = [shares.get(name, 0.0) if shares else 1.0 for name in names]
    split = chi_square_test(sizes, [sum(sizes) * w / sum(weights) for w in weights])
    assigned = population.restricted_to(frame)
    rows = []
    for metric in EXPERIMENT_METRICS:
        groups = _variant_groups(assigned, metric, names)
        base = groups.get(control or "")
        for name, group in groups.items():
            row: dict[str, object] = {
                "variant": name,
                "metric": metric,
                "accounts": group.values.len(),
                "value": group.value,
                "typical": group.values.median() if group.is_ranked else None,
                "split_p_value": split,
            }
            if base is not None and name != control:
                row |= _compare_with_control(group, base)
            rows.append(row)
    return pl.DataFrame(rows, schema=EXPERIMENTS_SCHEMA, orient="row")


@dataclass(frozen=True, slots=True)
class _VariantGroup:
    """The accounts of one variant."""

    values: pl.Series
    """A value of each account; null for one that has none."""
    value: float | None
    share: Proportion | None = None
    """The accounts of which a share tells."""
    bounds: Interval | None = None
    """The 95 % interval of a latency."""
    is_ranked: bool = False
    """Whether the values of accounts are compared."""


def _variant_groups(
    population: Population, name: str, variants: list[str]
) -> dict[str, _VariantGroup]:
    metric = EXPERIMENT_METRICS[name]
    if metric is None:
        # A quantile is no ratio of sums: it is of all calls of a variant.
        number = pl.col("variant").replace_strict(
            variants, range(len(variants)), return_dtype=pl.UInt32
        )
        pooled, bounds = p95_with_bounds(population, number, len(variants))
        sizes = [population.frame.filter(pl.col("variant") == name)["id"] for name in variants]
        return {
            variant: _VariantGroup(accounts, value, bounds=interval)
            for variant, accounts, value, interval in zip(
                variants, sizes, pooled.to_list(), bounds, strict=True
            )
        }
    frame = population.frame if metric.is_of is None else population.frame.filter(metric.is_of)
    values = frame.select("variant", numerator=metric.numerator, denominator=metric.denominator)
    groups = {}
    for variant in variants:
        accounts = values.filter(pl.col("variant") == variant)
        total = Proportion(*accounts.select(pl.sum("numerator", "denominator")).row(0))
        each_value = accounts.select(ratio(pl.col("numerator"), pl.col("denominator")))
        groups[variant] = _VariantGroup(
            each_value.to_series(),
            total.rate if total.n else None,
            total if metric.is_proportion else None,
            is_ranked=not metric.is_proportion,
        )
    return groups


def _compare_with_control(group: _VariantGroup, base: _VariantGroup) -> dict[str, object]:
    """Return the effect, its interval and its p-value, all of one quantity."""
    if group.share is not None and base.share is not None:
        if group.value is None or base.value is None:
            return {}
        low, high = lift_interval(group.share, base.share) or (None, None)
        return {
            # How often one of the variant does what one of the control does not, ties being half.
            "superiority": 0.5 + (group.value - base.value) / 2,
            "lift": group.value / base.value - 1 if base.value else None,
            "low": low,
            "high": high,
            "p_value": two_proportion_test(group.share, base.share),
        }
    if not group.is_ranked:
        if not (group.value and base.value and group.bounds and base.bounds):
            return {}
        change: dict[str, object] = {"lift": group.value / base.value - 1}
        tested = quantile_lift((group.value, group.bounds), (base.value, base.bounds))
        if tested is not None:
            interval, chance = tested
            change |= {"low": interval.low, "high": interval.high, "p_value": chance}
        return change
    values = pl.concat([group.values, base.values])
    is_first = pl.int_range(values.len(), eager=True) < group.values.len()
    p_value = rank_test(values, is_first)
    if p_value is None:
        return {}
    first, second = _value_counts(group.values), _value_counts(base.values)
    factors = (typical_ratio(first, second), *ratio_interval(first, second))
    lift, low, high = (None if factor is None else factor - 1 for factor in factors)
    return {
        "superiority": superiority(first, second),
        "lift": lift,
        "low": low,
        "high": high,
        "p_value": p_value,
    }


_MOST_DISTINCT = 2_000


def _value_counts(values: pl.Series) -> ValueCounts:
    """Count the distinct values; of very many, those rounded to three digits."""
    known = values.drop_nulls()
    if known.n_unique() > _MOST_DISTINCT:
        # Else the search for a ratio would take minutes; it is off by half a percent at most.
        known = known.round_sig_figs(3)
    return ValueCounts(dict(known.value_counts().iter_rows()))


def parse_split(text: str, variants: Sequence[str]) -> dict[str, float]:
    """Return the planned share of each variant, given in this order or by name.

    Raises UsageError for what can't be understood, and unless each variant has one share.

    >>> parse_split("90:10", ["old", "new"])
    {'old': 90.0, 'new': 10.0}
    >>> parse_split("new=10%, old=90%", ["old", "new"])
    {'new': 10.0, 'old': 90.0}
    """
    is_named = "=" in text
    parts = [part.strip() for part in text.split("," if is_named else ":")]
    # A name may have a sign of equality, a number has none.
    named = [part.rpartition("=") for part in parts]
    names = [name.strip() for name, _, _ in named] if is_named else [*variants]
    try:
        shares = [float(number.strip().removesuffix("%")) for _, _, number in named]
    except ValueError:
        shares = []
    if not shares or not all(share > 0 and math.isfinite(share) for share in shares):
        raise UsageError(
            f"--split {text!r} is no list of shares above 0",
            "write 90:10, the control first, or control=90,new=10",
        )
    if len(shares) != len(names) or sorted(names) != sorted(variants):
        listed = ", ".join(variants) or "none at all"
        raise UsageError(
            f"--split {text!r} does not have one share for each variant",
            f"the accounts have the variants {listed}",
        )
    return dict(zip(names, shares, strict=True))


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
    groups = experiments.columns[: experiments.columns.index("variant")]
    is_control = pl.col("variant") == pl.lit(terms.control, pl.String)
    # Of each metric, because some are about fewer accounts.
    base = pl.col("accounts").filter(is_control).min().over([*groups, "metric"])
    lower_is_better = pl.col("metric").is_in(_LOWER_IS_BETTER)
    is_lower = pl.coalesce(pl.col("superiority") < 0.5, pl.col("lift") < 0)
    is_better = is_lower == lower_is_better
    verdict = (
        pl.when(is_control)
        .then(pl.lit("control"))
        .when(pl.min_horizontal("accounts", base) < terms.min_accounts)
        .then(pl.lit("too early"))
        .when(pl.col("split_p_value") < UNEVEN_SPLIT)
        .then(pl.lit("uneven split"))
        .when(pl.col("p_value").is_null())
        .then(pl.lit("no data"))
        .when(pl.col("p_value") >= SIGNIFICANT)
        .then(pl.lit("no difference shown"))
        .when(is_better)
        .then(pl.lit("better"))
        .otherwise(pl.lit("worse"))
    )
    return rows.with_columns(verdict.alias("verdict"))

"""Success metrics and goals, read off finished tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from apilog.developer_success import build_success_report
from apilog.developer_success.success_metrics import (
    ROW_KEYS,
    SUCCESS_METRICS,
    SuccessValue,
    find_success_metric,
    parse_goals,
    success_value_of,
    success_values,
)
from apilog.developer_success.tables.account_statistics import (
    days_between,
    hours_between,
    sum_money,
)
from apilog.errors import UsageError
from apilog.metrics import METRICS as REQUEST_METRICS
from apilog.options import SuccessOptions
from apilog.report_model import Report

SAMPLE = Path(__file__).parents[2] / "sample_logs" / "success"
OPTIONS = SuccessOptions(accounts=str(SAMPLE / "accounts.csv"), as_of="2026-11-21")


@pytest.fixture(scope="module")
def report() -> Report:
    return build_success_report([SAMPLE], OPTIONS)


def value_named(report: Report, name: str, **keys: str) -> SuccessValue:
    value = success_value_of(name, report.tables, keys)
    assert value is not None, name
    return value


def test_every_metric_has_one_value_for_all_accounts(report: Report) -> None:
    for name in SUCCESS_METRICS:
        assert sum(v.name == name and not v.keys for v in success_values(report.tables)) == 1, name


def test_names_are_not_those_of_requests() -> None:
    assert not set(SUCCESS_METRICS) & set(REQUEST_METRICS)
    assert ROW_KEYS == ("trial_kind", "plan", "age")


def test_values_are_those_of_the_tables(report: Report) -> None:
    funnel = {row["stage"]: row for row in report.tables["funnel"].iter_rows(named=True)}
    activation = value_named(report, "activation_rate")
    assert activation.value == funnel["activated"]["rate"]
    assert (activation.n, activation.events) == (
        funnel["signed_up"]["accounts"],
        funnel["activated"]["accounts"],
    )
    hours = value_named(report, "median_hours_to_first_call")
    assert (hours.value, hours.n) == (
        funnel["first_call"]["median_hours"],
        funnel["first_call"]["at_risk"],
    )
    total = report.tables["revenue"].row(-1, named=True)
    assert value_named(report, "mrr").value == total["mrr"]
    assert value_named(report, "clv").value == total["clv"]
    pro = report.tables["revenue"].row(1, named=True)
    assert value_named(report, "arpu", plan="pro").value == pro["arpu"]


def test_trials_are_put_together_where_that_can_be_done(report: Report) -> None:
    trials = report.tables["trials"]
    rate = value_named(report, "trial_conversion_rate")
    started, rates, sizes = (
        trials[name].to_list() for name in ("started", "conversion_rate", "effective_trials")
    )
    parts = [n / sum(started) for n in started]
    assert rate.value is not None
    assert rate.value == pytest.approx(sum(w * r for w, r in zip(parts, rates, strict=True)))
    # What it is worth: its variance is the sum of those of the kinds.
    variance = sum(w * w * r * (1 - r) / n for w, r, n in zip(parts, rates, sizes, strict=True))
    assert rate.n == round(min(sum(sizes), rate.value * (1 - rate.value) / variance))
    # A quantile of several kinds is in none of their rows.
    assert value_named(report, "trial_latency_p95").value is None
    reverse = value_named(report, "trial_latency_p95", trial_kind="reverse")
    assert reverse.value == trials["latency_p95_ms"][0]
    one = {**report.tables, "trials": trials.head(1)}
    alone = success_value_of("trial_latency_p95", one)
    assert alone is not None
    assert alone.value == reverse.value


def test_retention_is_over_the_cohorts_that_are_over(report: Report) -> None:
    cells = [r for r in report.tables["retention"].iter_rows(named=True) if r["complete"]]
    for age in ("0", "3"):
        at = [row for row in cells if str(row["age"]) == age]
        value = value_named(report, "retention_rate", age=age)
        assert value.n == sum(row["accounts"] for row in at)
        assert value.events == sum(row["active"] for row in at)
    assert value_named(report, "retention_rate") == replace(
        value_named(report, "retention_rate", age="4"), keys={}
    )


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no success metric 'trial_conversion'") as caught:
        find_success_metric("trial_conversion", "[goals]")
    assert "trial_conversion_rate" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "text", "operator", "target"),
    [
        ("conversion_rate", "25%", ">=", 0.25),
        ("conversion_rate", 0.25, ">=", 0.25),
        ("churn_rate", "5 %", "<=", 0.05),
        ("net_revenue_retention", "110%", ">=", 1.1),
        ("churn_rate", "< 5%", "<", 0.05),
        ("trial_conversion_rate", "> 0.2", ">", 0.2),
        ("median_hours_to_first_call", "2h", "<=", 2.0),
        ("median_hours_to_first_call", "1.5", "<=", 1.5),
        ("poc_p90_days", "2w", "<=", 14.0),
        ("trial_latency_p95", "300ms", "<=", 300.0),
        ("mrr", "12,500", ">=", 12_500.0),
        ("accounts", 1000, ">=", 1000.0),
    ],
)
def test_goals(name: str, text: str | float, operator: str, target: float) -> None:
    (goal,) = parse_goals({name: text})
    assert (goal.metric.name, goal.operator, goal.target) == (name, operator, target)


@pytest.mark.parametrize("text", ["", "a quarter", ">=", "250%", "=> 5"])
def test_goals_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"\[goals\] conversion_rate"):
        parse_goals({"conversion_rate": text})


@pytest.mark.slow
def test_goals_are_reached_or_missed() -> None:
    goals = {
        "conversion_rate": "10%",
        "churn_rate": "1%",
        "trial_latency_p95": "1s",
        "retention_rate": "<= 100%",
    }
    table = build_success_report([SAMPLE], replace(OPTIONS, goals=goals)).tables["goals"]
    assert dict(table.select("goal", "reached").iter_rows()) == {
        "conversion_rate": True,
        "churn_rate": False,
        "trial_latency_p95": None,
        "retention_rate": True,
    }
    assert (
        build_success_report([SAMPLE], replace(OPTIONS, goals=goals, by=["country"])).tables.get(
            "goals"
        )
        is None
    )


def test_hours_and_amounts_are_the_nearest_numbers() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "start": [start] * 500,
            "end": [start + timedelta(minutes=m) for m in range(500)],
            "mrr": [cents / 100 for cents in range(500)],
        }
    )
    found = frame.select(hours=hours_between("start", "end"), days=days_between("start", "end"))
    assert found["hours"].to_list() == [minute / 60 for minute in range(500)]
    assert found["days"].to_list() == [minute / 1440 for minute in range(500)]
    each = frame.group_by("mrr").agg(sum_money(pl.col("mrr")).alias("sum"))
    assert each["mrr"].to_list() == each["sum"].to_list()

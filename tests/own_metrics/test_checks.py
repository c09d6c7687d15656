"""Thresholds, baselines, comparisons and alerts on metrics of one's own.

A metric that is declared to mean what a built-in one means has to be judged in the same way, with
the same intervals and p-values, wherever its numbers come from.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.alerts.evaluation import RuleEvaluator
from apilog.alerts.hour_history import HourHistory
from apilog.alerts.rules import AlertRule
from apilog.checks import parse_threshold
from apilog.checks.threshold import request_catalogue
from apilog.errors import UsageError
from apilog.own_metrics import own_definitions
from tests.own_metrics.record_rows import START, records_of

TWINS: dict[str, dict[str, object]] = {
    "failing": {"numerator": "status >= 400 AND status < 600", "better": "lower"},
    "crashes": {"sum": "status >= 500 AND status < 600", "better": "lower"},
    "slow_p95": {"quantile": 0.95, "column": "duration_ms + 0", "unit": "ms", "better": "lower"},
    "plain_p95": {"quantile": 0.95, "column": "duration_ms", "better": "lower"},
}
TWIN_OF = {
    "failing": "error_rate",
    "crashes": "server_errors",
    "slow_p95": "latency_p95",
    "plain_p95": "latency_p95",
}
FURTHER: dict[str, dict[str, object]] = {
    "posted": {"numerator": "status < 300", "denominator": "method = 'POST'"},
    "post_errors": {
        "numerator": "method = 'POST' AND status > 399",
        "denominator": "method = 'POST'",
    },
    "volume": {"sum": "response_bytes"},
}


def write_log(path: Path, *, day: int, failing: float, slowness: float, seed: int) -> Path:
    """Write a day of requests, some of which fail."""
    chance = random.Random(seed)
    moment = datetime(2026, 11, day, tzinfo=UTC)
    lines = []
    for _ in range(1500):
        moment += timedelta(seconds=chance.randint(30, 80))
        method, route = chance.choice([("GET", "/a"), ("POST", "/a"), ("GET", "/b")])
        status = chance.choice([404, 500, 503]) if chance.random() < failing else 200
        seconds = chance.lognormvariate(-4, 0.7) * slowness
        lines.append(
            f'203.0.113.9 - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "{method} {route} HTTP/1.1" '
            f'{status} {chance.randint(90, 900)} "-" "curl/8" {seconds:.3f}\n'
        )
    path.write_text("".join(lines))
    return path


@dataclass(frozen=True)
class Days:
    good: Path
    bad: Path
    baseline: Path


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    folder = tmp_path_factory.mktemp("days")
    good = write_log(folder / "good.log", day=20, failing=0.02, slowness=1, seed=1)
    bad = write_log(folder / "bad.log", day=21, failing=0.08, slowness=1.6, seed=2)
    baseline = folder / "baseline.json"
    made = apilog.baseline(good, own_metrics=TWINS | FURTHER, apdex="20ms")
    baseline.write_text(made.text)
    return Days(good, bad, baseline)


def rows_of(log: Path, thresholds: list[str], **options: Any) -> list[dict[str, Any]]:
    result = apilog.check(log, thresholds=thresholds, own_metrics=TWINS | FURTHER, **options)
    return result.report.tables["checks"].rows(named=True)


def as_twins(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows as if they were about the built-in metric."""
    return [
        {
            **row,
            "metric": TWIN_OF.get(row["metric"], row["metric"]),
            "threshold": row["threshold"].replace(row["metric"], TWIN_OF.get(row["metric"], "")),
        }
        for row in rows
    ]


LIMITS = {"failing": "3%", "crashes": "40", "slow_p95": "50ms", "plain_p95": "50ms"}


@pytest.mark.slow
@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_judged_like_the_built_in_metric(days: Days, name: str) -> None:
    twin, limit = TWIN_OF[name], LIMITS[name]
    texts = [
        f"{{}} < {limit}",
        f"{{}} < {limit} for each route",
        f'{{}}{{{{method="POST",route="/a"}}}} < {limit}',
    ]
    compared = [
        *texts,
        "{} <= baseline",
        "{} <= baseline * 1.2 for each gateway, method, route",
    ]
    own, built_in = ([t.format(n) for t in compared] for n in (name, twin))
    found = rows_of(days.bad, own, baseline=days.baseline)
    assert as_twins(found) == rows_of(days.bad, built_in, baseline=days.baseline)
    assert {row["state"] for row in found} >= {"fail"}
    earlier = {"since": "2026-11-21", "until": "2026-11-22", "baseline_since": "2026-11-20"}
    both = [days.good, days.bad]
    later = apilog.check(both, thresholds=own[-2:], own_metrics=TWINS, **earlier)  # type: ignore[arg-type]
    expected = apilog.check(both, thresholds=built_in[-2:], **earlier)  # type: ignore[arg-type]
    assert as_twins(later.report.tables["checks"].rows(named=True)) == (
        expected.report.tables["checks"].rows(named=True)
    )


@pytest.mark.slow
def test_a_twin_is_compared_like_the_built_in_metric(days: Days) -> None:
    names = [name for name in TWINS if name != "crashes"]
    twins = [TWIN_OF[name] for name in names]
    own = apilog.compare([days.good, days.bad], metrics=names, own_metrics=TWINS)
    built_in = apilog.compare([days.good, days.bad], metrics=twins)
    expected = {row["metric"]: row for row in built_in.report.tables["comparison"].rows(named=True)}
    rows = own.report.tables["comparison"].rows(named=True)
    assert {row["metric"] for row in rows} == {*names}
    for row in [row for row in rows if row["route"] is None]:
        others = built_in.report.tables["comparison"].filter(pl.col("route").is_null())
        twin = {r["metric"]: r for r in others.rows(named=True)}[TWIN_OF[row["metric"]]]
        assert {**row, "metric": twin["metric"]} == twin
        assert row["verdict"] == "worse"
    assert expected
    with pytest.raises(UsageError, match="'volume' can't be compared"):
        apilog.compare([days.good, days.bad], metrics=["volume"], own_metrics=FURTHER)


def test_apdex_is_held_against_a_baseline(days: Days) -> None:
    texts = ["apdex >= baseline", "apdex >= 0.1", "apdex > 0.99 for each route"]
    result = apilog.check(days.bad, thresholds=texts, baseline=days.baseline, apdex="20ms")
    rows = result.report.tables["checks"].rows(named=True)
    assert [row["state"] for row in rows[:2]] == ["fail", "pass"]
    assert rows[0]["p_value"] < 1e-6
    assert rows[0]["low"] < rows[0]["high"] < 0
    lines = days.bad.read_text().splitlines()
    scores = [
        0 if line.split()[8] >= "500" else 1 if (s := float(line.split()[-1])) <= 0.02
        else 0.5 if s <= 0.08 else 0
        for line in lines
    ]  # fmt: skip
    assert rows[0]["value"] == pytest.approx(sum(scores) / len(scores), rel=1e-12)
    with pytest.raises(UsageError, match="another definition"):
        apilog.check(days.bad, thresholds=texts, baseline=days.baseline, apdex="30ms")


def test_a_share_of_some_requests_is_tested_on_these(days: Days) -> None:
    texts = ["post_errors <= baseline", "post_errors < 3%"]
    twins = [text.replace("post_errors", 'error_rate{method="POST"}') for text in texts]
    own, built_in = (rows_of(days.bad, each, baseline=days.baseline) for each in (texts, twins))
    for row, twin in zip(own, built_in, strict=True):
        keys = ("state", "value", "limit", "baseline", "requests", "low", "high", "p_value")
        assert {key: row[key] for key in keys} == {key: twin[key] for key in keys}


def test_a_ratio_of_different_requests_is_no_proportion_and_is_not_tested(days: Days) -> None:
    fixed, compared = rows_of(
        days.bad, ["posted < 300%", "posted >= baseline"], baseline=days.baseline
    )
    assert fixed["value"] > 1
    assert (fixed["state"], fixed["low"], fixed["p_value"]) == ("pass", None, None)
    assert compared["state"] == "inconclusive"
    assert "other requests" in compared["reason"]


def test_what_has_no_test_is_held_against_numbers_only(days: Days) -> None:
    (row,) = rows_of(days.bad, ["volume < 1MB"])
    sizes = [int(line.split()[9]) for line in days.bad.read_text().splitlines()]
    assert (row["value"], row["state"]) == (sum(sizes), "pass")
    with pytest.raises(UsageError, match="volume can't be compared with a baseline"):
        rows_of(days.bad, ["volume < baseline"])


def test_a_baseline_without_the_metric_or_with_another_one_is_refused(
    days: Days, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.json"
    plain.write_text(apilog.baseline(days.good).text)
    with pytest.raises(UsageError, match="does not have failing"):
        rows_of(days.bad, ["failing <= baseline"], baseline=plain)
    other: Mapping[str, Mapping[str, object]] = {"failing": {"numerator": "status = 500"}}
    with pytest.raises(UsageError, match="another definition"):
        apilog.check(
            days.bad,
            thresholds=["failing <= baseline"],
            own_metrics=other,
            baseline=days.baseline,
        )
    with pytest.raises(UsageError, match="does not keep failing by consumer"):
        rows_of(days.bad, ["failing <= baseline for each consumer"], baseline=days.baseline)


def test_the_baseline_file_keeps_what_its_log_said(days: Days) -> None:
    text = days.baseline.read_text()
    from apilog.checks.baseline_file import format_baseline, read_baseline

    assert format_baseline(read_baseline(days.baseline)) == text
    assert '"metrics": {"failing": ' in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"failing.numerator": ', '"failing.numerator": -0.5e'),
        ('"failing.numerator": ', '"gateway": '),
        ('"slow_p95.value": {', '"slow_p95.value": {"x": true, '),
        ('"buckets": {', '"bucket": {'),
    ],
)
def test_a_broken_file_is_said_to_be_one(days: Days, tmp_path: Path, old: str, new: str) -> None:
    broken = tmp_path / "broken.json"
    text = days.baseline.read_text()
    assert old in text
    broken.write_text(text.replace(old, new, 1))
    with pytest.raises(apilog.InputError, match=r"is no baseline of apilog"):
        rows_of(days.bad, ["failing <= baseline"], baseline=broken)


def test_alerts_are_on_own_metrics_too() -> None:
    catalogue = (request_catalogue(own_definitions(TWINS)),)
    rule = AlertRule(
        threshold=parse_threshold("failing < 10% for each route", catalogue),
        name="failing",
        window=timedelta(minutes=5),
    )
    evaluator = RuleEvaluator([rule], HourHistory(), 1)
    assert {"status", "route"} <= evaluator.columns
    rows = [
        {"timestamp": START + timedelta(seconds=s), "status": 500 if s < 30 else 200, "route": "/a"}
        for s in range(100)
    ]
    now = START + timedelta(seconds=100)
    evaluator.add_records(records_of(rows), now)
    ((_, (observation,)),) = evaluator.observe_rules(now)
    assert (observation.value, observation.requests) == (0.3, 100)
    assert observation.verdict.name == "FAILS"

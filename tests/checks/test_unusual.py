"""`anomaly(METRIC)` in thresholds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apilog.checks import parse_threshold
from apilog.checks.evaluate import evaluate_hour
from apilog.errors import UsageError
from apilog.report_model import CheckState
from tests.commands import Run
from tests.weblog import line, write

HOUR = {
    "timestamp": datetime(2026, 11, 20, 14, tzinfo=UTC),
    "requests": 3.0,
    "metric": "requests",
    "value": 3.0,
    "expected": 1200.0,
    "score": -23.3,
}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("anomaly(requests)", "anomaly(requests) < 6"),
        ("anomaly(error_rate) <= 12.5", "anomaly(error_rate) <= 12.5"),
        ("anomaly(server_error_rate)", "anomaly(server_error_rate) < 6"),
        ("anomaly(latency_p95)", "anomaly(latency_p95) < 6"),
        ("requests >= 3", "requests >= 3"),
    ],
)
def test_what_is_understood(text: str, written: str) -> None:
    assert str(parse_threshold(text)) == written
    assert parse_threshold(written) == parse_threshold(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("anomaly(request)", "did you mean anomaly(requests)"),
        ("anomaly(latency_p99) < 6", "there is no metric 'anomaly(latency_p99)'"),
        ('anomaly(requests){route="/"} < 6', "no column 'route' to choose by"),
        ("anomaly(requests) < 6 for each route", "no column 'route' to choose by"),
        ("anomaly(requests) < baseline", "can't be compared with a baseline"),
        ("requests", "expected one of"),
        ("anomaly", "there is no metric 'anomaly'"),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_threshold(text)
    assert told in f"{caught.value} {caught.value.hint}"


def test_a_drop_breaks_the_limit_as_a_spike_does() -> None:
    threshold = parse_threshold("anomaly(requests)")
    drop = evaluate_hour(threshold, HOUR)
    assert (drop.state, drop.value, drop.limit, drop.requests) == (CheckState.FAIL, 23.3, 6, 3)
    assert drop.reason == "a drop at 2026-11-20 14:00 UTC: 3, expected 1,200"
    assert evaluate_hour(threshold, {**HOUR, "score": 7.0}).state is CheckState.FAIL
    assert evaluate_hour(threshold, {**HOUR, "score": -5.9}).state is CheckState.PASS
    lenient = parse_threshold("anomaly(requests) < 30")
    assert evaluate_hour(lenient, HOUR).state is CheckState.PASS


def test_an_hour_that_cant_be_judged_decides_nothing() -> None:
    threshold = parse_threshold("anomaly(requests)")
    assert evaluate_hour(threshold, None).state is CheckState.INCONCLUSIVE
    assert evaluate_hour(threshold, {**HOUR, "score": None}).state is CheckState.INCONCLUSIVE


def log(tmp_path: Path, *, last: int, days: int = 5) -> Path:
    """100 requests an hour, the last whole one with another number."""
    hours = 24 * days + 2
    return write(
        tmp_path / "access.log",
        (
            line(after=h * 3600 + i * 30)
            for h in range(hours)
            for i in range(last if h == hours - 2 else 100)
        ),
    )


@pytest.mark.slow
def test_check_judges_the_last_whole_hour(run: Run, tmp_path: Path) -> None:
    usual = run("check", log(tmp_path, last=97), "-t", "anomaly(requests)", "-f", "json")
    assert usual.code == 0
    shown = run("check", log(tmp_path, last=3), "-t", "anomaly(requests)", "-f", "json")
    assert shown.code == 1
    (row,) = json.loads(shown.stdout)["tables"]["checks"]
    assert (row["state"], row["limit"], row["requests"]) == ("fail", 6, 3)
    assert row["threshold"] == "anomaly(requests) < 6"
    assert row["value"] > 12
    assert row["reason"] == "a drop at 2026-11-25 12:00 UTC: 3, expected 100"
    for format in ("table", "md", "junit", "github", "csv"):
        result = run("check", tmp_path / "access.log", "-t", "anomaly(requests) < 5", "-f", format)
        assert result.code == 1
        assert "anomaly" in result.text
    lenient = run("check", tmp_path / "access.log", "-t", "anomaly(requests) < 99")
    assert lenient.code == 0


@pytest.mark.slow
def test_check_judges_server_errors_and_durations_of_the_last_hour(
    run: Run, tmp_path: Path
) -> None:
    hours = 24 * 4 + 2

    def of_hour(h: int) -> list[str]:
        is_last = h == hours - 2
        return [
            line(
                after=h * 3600 + i * 60,
                status=503 if is_last and i < 30 else 404 if i < 2 else 200,
                ms=(10 + i) * (3 if is_last else 1),
            )
            for i in range(60)
        ]

    path = write(tmp_path / "access.log", (text for h in range(hours) for text in of_hour(h)))
    asked = ("server_error_rate", "latency_p95", "requests")
    thresholds = [text for metric in asked for text in ("-t", f"anomaly({metric})")]
    result = run("check", path, *thresholds, "-f", "json")
    assert result.code == 1
    rows = {row["threshold"]: row for row in json.loads(result.stdout)["tables"]["checks"]}
    broke, slow, requests = (rows[f"anomaly({metric}) < 6"] for metric in asked)
    assert [row["state"] for row in (broke, slow, requests)] == ["fail", "fail", "pass"]
    assert broke["reason"] == "a spike at 2026-11-24 12:00 UTC: 50 %, expected <0.01 %"
    # The value at rank floor(0.95 * 59) of 10 to 69 ms, and of thrice as many, within 1 %.
    assert slow["reason"] == "a spike at 2026-11-24 12:00 UTC: 198 ms, expected 66 ms"
    assert run("check", path, *thresholds, "--until", "2026-11-24T12:00", "--quiet").code == 0
    without = log(tmp_path, last=97)
    assert run("check", without, "-t", "anomaly(latency_p95)", "--quiet").code == 3


@pytest.mark.slow
def test_check_needs_earlier_days_also_from_before_the_window(run: Run, tmp_path: Path) -> None:
    argv = ("check", log(tmp_path, last=3), "-t", "anomaly(requests)", "--quiet")
    assert run(*argv, "--since", "2026-11-25T12:00").code == 1
    assert run(*argv, "--until", "2026-11-25T12:00").code == 0
    assert run("check", log(tmp_path, last=3, days=2), "-t", "anomaly(requests)").code == 3

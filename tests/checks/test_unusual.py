"""`anomaly(METRIC)` in thresholds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apilog.checks import State, parse_threshold
from apilog.checks.catalogue import REQUESTS
from apilog.checks.unusual import ANOMALIES, evaluate_hour
from apilog.errors import UsageError

BOTH = (REQUESTS, ANOMALIES)
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
        ("requests >= 3", "requests >= 3"),
    ],
)
def test_what_is_understood(text: str, written: str) -> None:
    assert str(parse_threshold(text, BOTH)) == written
    assert parse_threshold(written, BOTH) == parse_threshold(text, BOTH)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("anomaly(request)", "did you mean anomaly(requests)"),
        ("anomaly(latency_p95) < 6", "there is no metric 'anomaly(latency_p95)'"),
        ('anomaly(requests){route="/"} < 6', "no column 'route' to choose by"),
        ("anomaly(requests) < 6 for each route", "no column 'route' to choose by"),
        ("anomaly(requests) < baseline", "can't be compared with a baseline"),
        ("requests", "expected one of"),
        ("anomaly", "there is no metric 'anomaly'"),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_threshold(text, BOTH)
    assert told in f"{caught.value} {caught.value.hint}"


def test_a_drop_breaks_the_limit_as_a_spike_does() -> None:
    threshold = parse_threshold("anomaly(requests)", BOTH)
    drop = evaluate_hour(threshold, HOUR)
    assert (drop.state, drop.value, drop.limit, drop.requests) == (State.FAIL, 23.3, 6, 3)
    assert drop.reason == "a drop at 2026-11-20 14:00 UTC: 3, expected 1,200"
    assert evaluate_hour(threshold, {**HOUR, "score": 7.0}).state is State.FAIL
    assert evaluate_hour(threshold, {**HOUR, "score": -5.9}).state is State.PASS
    lenient = parse_threshold("anomaly(requests) < 30", BOTH)
    assert evaluate_hour(lenient, HOUR).state is State.PASS


def test_an_hour_that_cant_be_judged_decides_nothing() -> None:
    threshold = parse_threshold("anomaly(requests)", BOTH)
    assert evaluate_hour(threshold, None).state is State.INCONCLUSIVE
    assert evaluate_hour(threshold, {**HOUR, "score": None}).state is State.INCONCLUSIVE

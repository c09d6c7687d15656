"""Rules held against records: what each says of the last minutes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from apilog.aggregate.ddsketch import bucket_value_ms
from apilog.alerts.evaluation import RuleEvaluator
from apilog.alerts.hour_history import HOUR, HourHistory, HourSums
from apilog.alerts.rules import AlertRule, Observation, RuleVerdict
from apilog.schema import SCHEMA
from tests.alerts.alert_builders import MINUTE, START, rule

SECOND = timedelta(seconds=1)


def request(at: datetime, route: str = "/a", status: int = 200, ms: float = 10.0) -> dict[str, Any]:
    return {
        "timestamp": at,
        "gateway": "nginx",
        "method": "GET",
        "route": route,
        "status": status,
        "duration_ms": ms,
    }


def frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    columns = request(START)
    return pl.DataFrame(list(rows), schema={name: SCHEMA[name] for name in columns})


class Evaluated:
    """An evaluator of one rule, and its time."""

    def __init__(self, given: AlertRule, history: HourHistory | None = None) -> None:
        self.rule = given
        self.evaluator = RuleEvaluator([given], history or HourHistory(), 20)
        self.now = START

    def add(self, *rows: dict[str, Any]) -> None:
        records = frame(rows)
        self.now = max([self.now, *records["timestamp"]])
        self.evaluator.add_records(records, self.now)

    def all(self) -> list[Observation]:
        ((evaluated, observations),) = self.evaluator.observe_rules(self.now)
        assert evaluated is self.rule
        return observations

    def one(self) -> Observation:
        (observation,) = self.all()
        return observation


def every_second(count: int, **more: Any) -> list[dict[str, Any]]:
    return [request(START + i * SECOND, **more) for i in range(count)]


def test_a_rate_of_the_last_minutes() -> None:
    seen = Evaluated(rule("error_rate < 5%"))
    seen.add(*every_second(300))
    assert (seen.one().verdict, seen.one().value) == (RuleVerdict.HOLDS, 0)
    seen.add(*(request(START + 5 * MINUTE + i * SECOND, status=503) for i in range(60)))
    one = seen.one()
    assert (one.verdict, one.limit, one.labels) == (RuleVerdict.FAILS, 0.05, ())
    assert one.value == pytest.approx(60 / one.requests)
    assert 295 <= one.requests <= 300
    seen.now += 10 * MINUTE
    assert seen.one().verdict is RuleVerdict.ABSENT


def test_quantiles_come_from_all_requests_of_the_window() -> None:
    seen = Evaluated(rule("latency_p95 < 300ms"))
    for start in range(0, 300, 50):
        slow = 1000.0 if start else 10.0
        rows = every_second(300)[start : start + 50]
        seen.add(
            *({**row, "duration_ms": slow if i % 10 == 0 else 10.0} for i, row in enumerate(rows))
        )
    one = seen.one()
    assert one.verdict is RuleVerdict.FAILS
    assert one.value == pytest.approx(1000, rel=0.01)


def test_few_requests_decide_nothing() -> None:
    seen = Evaluated(rule("error_rate < 5%"))
    seen.add(*every_second(19, status=500))
    assert (seen.one().verdict, seen.one().requests) == (RuleVerdict.UNDECIDED, 19)
    seen.add(request(START + 19 * SECOND, status=500))
    assert seen.one().verdict is RuleVerdict.FAILS


def test_silence_is_an_answer_where_requests_are_counted() -> None:
    seen = Evaluated(rule("requests >= 10"))
    seen.add(*every_second(30))
    assert seen.one().verdict is RuleVerdict.UNDECIDED  # the window began before the log
    seen.now = START + 6 * MINUTE
    assert (seen.one().verdict, seen.one().value) == (RuleVerdict.FAILS, 0)
    seen.add(*(request(seen.now + i * SECOND) for i in range(15)))
    assert (seen.one().verdict, seen.one().value) == (RuleVerdict.HOLDS, 15)
    rate = Evaluated(rule("request_rate > 0.01/s"))
    rate.add(request(START))
    rate.now += 6 * MINUTE
    assert (rate.one().verdict, rate.one().value) == (RuleVerdict.FAILS, 0)


def test_too_many_are_known_at_once() -> None:
    seen = Evaluated(rule("requests < 10"))
    seen.add(*every_second(30))
    assert (seen.one().verdict, seen.one().value) == (RuleVerdict.FAILS, 30)
    seen = Evaluated(rule("requests < 100"))
    seen.add(*every_second(30))
    assert seen.one().verdict is RuleVerdict.UNDECIDED


def test_each_route_is_judged_by_itself() -> None:
    seen = Evaluated(rule('error_rate{method="GET"} < 5% for each route'))
    seen.add(*every_second(100), *every_second(50, route="/b", status=500))
    seen.add(*every_second(5, route="/c", status=500))
    verdicts = {one.labels: one.verdict for one in seen.all()}
    assert verdicts == {
        (("route", "/a"),): RuleVerdict.HOLDS,
        (("route", "/b"),): RuleVerdict.FAILS,
        (("route", "/c"),): RuleVerdict.UNDECIDED,
    }


def test_a_route_that_lost_all_its_successes_is_seen() -> None:
    seen = Evaluated(rule("error_rate < 5% for each route"))
    seen.add(*every_second(100, route="/a", status=200))
    seen.now = START + HOUR
    gone = every_second(100, route="/a", status=404) + every_second(100, route="/x", status=404)
    seen.add(*({**row, "timestamp": row["timestamp"] + HOUR - 2 * MINUTE} for row in gone))
    assert {one.labels: one.verdict for one in seen.all()} == {
        (("route", "/a"),): RuleVerdict.FAILS
    }
    seen.evaluator.know_routes(["/x"])
    assert {one.labels for one in seen.all()} == {(("route", "/a"),), (("route", "/x"),)}


def test_an_unusual_hour_fails_when_it_is_over() -> None:
    known = {START - day * 24 * HOUR: HourSums(100) for day in range(1, 6)}
    seen = Evaluated(rule("anomaly(requests)"), HourHistory(known))
    seen.add(*every_second(5))
    assert seen.one().verdict is RuleVerdict.UNDECIDED
    seen.now = START + HOUR
    one = seen.one()
    assert (one.verdict, one.limit, one.requests) == (RuleVerdict.FAILS, 6, 5)
    assert one.reason == "a drop at 2026-11-20 12:00 UTC: 5, expected 100"
    usual = Evaluated(rule("anomaly(requests)"), HourHistory(known))
    usual.add(*every_second(97))
    usual.now = START + HOUR
    assert usual.one().verdict is RuleVerdict.HOLDS


@pytest.mark.slow
def test_slow_and_failing_hours_are_judged_by_what_the_history_has_of_them() -> None:
    usual = HourSums(200, 4, 2, {100: 180, 150: 20})
    known = {START - day * 24 * HOUR: usual for day in range(1, 6)}
    for metric, reads_durations in (("latency_p95", True), ("server_error_rate", False)):
        for ms, status, verdict in (
            (bucket_value_ms(140), 200, RuleVerdict.HOLDS),
            (500.0, 503, RuleVerdict.FAILS),
        ):
            seen = Evaluated(rule(f"anomaly({metric})"), HourHistory(known))
            assert ("duration_ms" in seen.evaluator.columns) is reads_durations
            seen.add(*every_second(200, ms=ms, status=status))
            seen.now = START + HOUR
            assert seen.one().verdict is verdict


def test_rules_of_several_lengths_are_evaluated_side_by_side() -> None:
    rules = [rule(window=MINUTE, name="short"), rule(window=10 * MINUTE, name="long")]
    evaluator = RuleEvaluator(rules, HourHistory(), 20)
    rows = every_second(600)
    evaluator.add_records(
        frame({**row, "status": 500 if i >= 540 else 200} for i, row in enumerate(rows)),
        START + 10 * MINUTE,
    )
    short, long = (
        observations[0] for _, observations in evaluator.observe_rules(START + 10 * MINUTE - SECOND)
    )
    assert short.value == 1
    assert long.value == pytest.approx(0.1, abs=0.005)

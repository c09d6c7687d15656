"""Spikes and drops: what is unlike the same hour of the days before."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import ReportPlan, finish, merge, partial, select_tables
from apilog.aggregate.anomalies import find_anomalies, score_hours
from apilog.aggregate.state import MOST_HOURS
from apilog.time import TimeWindow
from tests.aggregate.oracle import frame_of
from tests.aggregate.record_strategies import property_of

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN = ReportPlan(tables=select_tables(["anomalies"]))


def until_after(length: timedelta) -> TimeWindow:
    return TimeWindow(since=START, until=START + length)


def log(requests: Callable[[int], int], hours: int, failed: Callable[[int], int]) -> pl.DataFrame:
    """Records with so many requests in each hour from START, so many of them failed."""
    status = [
        (START + h * HOUR, 500 if i < failed(h) else 200)
        for h in range(hours)
        for i in range(requests(h))
    ]
    # The last hour is complete only if something follows.
    status.append((START + hours * HOUR, 200))
    rows = frame_of([{}]).select(sorted(PLAN.columns)).clear()
    return pl.DataFrame(
        {"timestamp": [at for at, _ in status], "status": [s for _, s in status]},
        schema={"timestamp": rows.schema["timestamp"], "status": rows.schema["status"]},
    )


def found(
    requests: Callable[[int], int], hours: int, failed: Callable[[int], int] = lambda _: 0
) -> list[dict[str, Any]]:
    records = log(requests, hours, failed)
    state = merge(PLAN, [partial(PLAN, records[i::3]) for i in range(3)])
    return finish(PLAN, state).tables["anomalies"].to_dicts()


def daily(hour: int) -> int:
    """Busier by day than by night."""
    return 40 + 5 * min(hour % 24, 24 - hour % 24)


def test_a_log_like_every_day_has_none() -> None:
    assert found(daily, 24 * 8) == []


def test_a_spike_and_a_drop_are_found_in_their_hours() -> None:
    def requests(hour: int) -> int:
        return {24 * 6 + 3: 400, 24 * 7 + 12: 2}.get(hour, daily(hour))

    spike, drop = found(requests, 24 * 8)
    assert spike == {
        "timestamp": START + (24 * 6 + 3) * HOUR,
        "metric": "requests",
        "value": 400.0,
        "expected": 55.0,
        "score": 0.6745 * 345 / 55**0.5,
        "kind": "spike",
    }
    assert (drop["timestamp"], drop["kind"]) == (START + (24 * 7 + 12) * HOUR, "drop")
    assert (drop["value"], drop["expected"]) == (2, 100)


def test_an_hour_without_any_request_is_a_drop() -> None:
    (drop,) = found(lambda h: 0 if h == 24 * 6 + 12 else 100, 24 * 7)
    assert (drop["value"], drop["expected"], drop["kind"]) == (0, 100, "drop")


def test_an_outage_of_many_hours_is_listed_once_when_it_begins() -> None:
    began = 24 * 6 + 9
    (drop,) = found(lambda h: 0 if began <= h < began + 8 else 100, 24 * 7)
    assert drop["timestamp"] == START + began * HOUR
    assert (drop["value"], drop["expected"], drop["kind"]) == (0, 100, "drop")


def test_a_drop_and_a_spike_one_after_the_other_are_two() -> None:
    unusual = {24 * 6 + 9: 2, 24 * 6 + 10: 900, 24 * 6 + 11: 900, 24 * 6 + 13: 900}
    table = found(lambda h: unusual.get(h, 100), 24 * 7)
    assert [(row["timestamp"] - START) // HOUR - 24 * 6 for row in table] == [9, 10, 13]
    assert [row["kind"] for row in table] == ["drop", "spike", "spike"]


def test_hours_that_are_not_known_are_no_days_without_requests() -> None:
    hours = frame([100] * 24 * 5, HOUR).with_columns(
        pl.when(pl.col("timestamp").dt.hour() == 7)
        .then(None)
        .otherwise("requests")
        .alias("requests")
    )
    scored = score_hours(hours).filter(metric="requests")
    assert 7 not in scored["timestamp"].dt.hour()
    assert scored["score"].unique().to_list() == [0]
    assert scored.height == 2 * 23


def test_a_gap_of_weeks_is_not_a_drop() -> None:
    assert found(lambda h: 100 if h < 24 * 5 or h > 24 * 20 else 0, 24 * 25) == []


def test_failing_requests_are_a_spike_of_the_error_rate() -> None:
    (spike,) = found(lambda _: 100, 24 * 6, lambda h: 60 if h == 24 * 5 else 1)
    assert spike["metric"] == "error_rate"
    assert (spike["value"], spike["expected"], spike["kind"]) == (0.6, 0.01, "spike")


def test_one_failure_in_an_hour_of_few_requests_is_chance() -> None:
    assert found(lambda _: 2, 24 * 6, lambda h: int(h == 24 * 5)) == []


def test_hours_that_the_log_covers_in_part_are_not_judged() -> None:
    full = log(lambda _: 100, 24 * 6 + 1, lambda _: 0)
    begun = full.filter(pl.col("timestamp") < START + 24 * 6 * HOUR)
    last = full.filter(pl.col("timestamp") == START + 24 * 6 * HOUR).head(1)
    assert finish(PLAN, partial(PLAN, pl.concat([begun, last]))).tables["anomalies"].is_empty()


def test_a_short_log_is_judged_by_its_buckets() -> None:
    (spike,) = found(lambda h: 900 if h == 30 else 100, 48)
    assert (spike["timestamp"], spike["value"]) == (START + 30 * HOUR, 900)


def test_a_log_with_requests_now_and_then_is_not_judged() -> None:
    assert found(lambda _: 100, 10) == []


def frame(requests: list[int], step: timedelta) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "timestamp": [START + i * step for i in range(len(requests))],
            "end": [START + (i + 1) * step for i in range(len(requests))],
            "requests": requests,
            "errors": 0,
        },
        schema={
            **dict.fromkeys(("timestamp", "end"), pl.Datetime("us", "UTC")),
            **dict.fromkeys(("requests", "errors"), pl.Int64),
        },
    )


def test_a_few_buckets_are_not_judged() -> None:
    none, minute = frame([], HOUR).drop("end"), timedelta(minutes=1)
    for n, expected in ((11, 0), (12, 1)):
        buckets = frame([900] + [100] * (n - 1), minute)
        assert find_anomalies(none, buckets, until_after(n * minute)).height == expected


def test_hours_of_years_ago_are_forgotten_and_still_counted() -> None:
    plan = ReportPlan(tables=select_tables(["traffic", "anomalies"]))
    times = [{"timestamp": START + i * HOUR} for i in range(MOST_HOURS + 50)]
    records = frame_of(times).select(sorted(plan.columns))
    state = merge(plan, [partial(plan, records.head(9000)), partial(plan, records.tail(-9000))])
    hours = state.cubes[0].sums["hour"].drop_nulls()
    assert hours.n_unique() == MOST_HOURS
    assert hours.min() == START + 50 * HOUR
    assert finish(plan, state).tables["traffic"]["requests"].sum() == len(times)


def by_definition(requests: list[int]) -> list[tuple[int, float]]:
    """Hours and scores of the requests' anomalies, of each run the first."""
    result, last = [], (-2, 0)
    for hour, value in enumerate(requests):
        earlier = requests[hour % 24 : hour : 24][-28:]
        if len(earlier) < 3:
            continue
        expected = statistics.median(earlier)
        mad = statistics.median(abs(v - expected) for v in earlier)
        score = 0.6745 * (value - expected) / max(mad, expected**0.5, 1)
        sign = 1 if score > 0 else -1
        if abs(score) >= 6:
            if last != (hour - 1, sign):
                result.append((hour, score))
            last = (hour, sign)
    return result


@settings(max_examples=10)
@given(st.lists(st.sampled_from([0, 5, 50, 60, 900]), min_size=24 * 33, max_size=24 * 40))
def test_scores_are_those_of_the_definition(requests: list[int]) -> None:
    hours, buckets = frame(requests, HOUR).drop("end"), frame([], HOUR)
    table = find_anomalies(hours, buckets, until_after(len(requests) * HOUR))
    expected = by_definition(requests)
    assert table["timestamp"].to_list() == [START + h * HOUR for h, _ in expected]
    for found, (_, score) in zip(table["score"], expected, strict=True):
        assert abs(found - score) < 1e-9


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(st.sampled_from([0, 5, 50, 60, 900]), min_size=24 * 33, max_size=24 * 40))
def test_scores_are_those_of_the_definition_often(requests: list[int]) -> None:
    property_of(test_scores_are_those_of_the_definition)(requests)

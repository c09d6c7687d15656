"""Time: buckets that fit the window, in any zone, and the limits of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import FinishedTables, ReportPlan, finish, merge, partial, select_tables
from apilog.errors import UsageError
from apilog.time import TimeWindow, bucket_start, choose_step, iter_buckets
from tests.aggregate.oracle import Record, frame_of, within
from tests.examples import about

US = timedelta(microseconds=1)
ZONES = (
    *("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"),
    # Where days begin at one o'clock when clocks are put forward.
    *("America/Sao_Paulo", "Asia/Beirut"),
    # A day that was left out, and one whose first hour came twice.
    *("Pacific/Apia", "America/Havana"),
)


def traffic_plan(**more: Any) -> ReportPlan:
    return ReportPlan(tables=select_tables(["traffic"]), **more)


def report(plan: ReportPlan, times: Sequence[datetime], chunks: int = 1) -> FinishedTables:
    rows: list[Record] = [{"timestamp": at, "gateway": "nginx", "status": 200} for at in times]
    frame = frame_of(rows).select(sorted(plan.columns))
    parts = [partial(plan, frame[i::chunks]) for i in range(chunks)]
    return finish(plan, merge(plan, parts))


def traffic(finished: FinishedTables) -> dict[datetime, int]:
    return dict(finished.tables["traffic"].select("timestamp", "requests").rows())


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


spans = st.sampled_from([30, 3_000, 90_000, 1_000_000, 40_000_000])
starts = st.integers(0, 20 * 366 * 86_400).map(
    lambda s: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


@settings(max_examples=about(25))
@given(starts, spans, st.data(), st.sampled_from(ZONES))
def test_buckets_are_those_of_the_window(
    start: datetime, span: int, data: st.DataObject, timezone: str
) -> None:
    offsets = data.draw(st.lists(st.integers(0, span * 1_000_000), min_size=1, max_size=12))
    times = [start + o * US for o in offsets]
    finished = report(traffic_plan(timezone=timezone), times, chunks=3)
    zone, until = ZoneInfo(timezone), max(times) + US
    step = choose_step(min(times), until, zone)
    assert finished.bucket == step
    counted = Counter(bucket_start(at, step, zone) for at in times)
    expected = {at: counted[at] for at in iter_buckets(min(times), until, step, zone)}
    assert traffic(finished) == expected
    assert len(expected) <= 60 or step == "1w"


@settings(max_examples=about(20))
@given(
    starts,
    st.lists(st.integers(0, 20 * 86_400), min_size=1, max_size=12),
    st.sampled_from(["7m", "90m", "1h", "6h", "36h", "1d", "2d", "1w", "2w"]),
    st.sampled_from(ZONES),
)
def test_a_given_step_is_kept(
    start: datetime, offsets: list[int], step: str, timezone: str
) -> None:
    times = [start + timedelta(seconds=o) for o in offsets]
    finished = report(traffic_plan(bucket=step, timezone=timezone), times, chunks=2)
    zone = ZoneInfo(timezone)
    counted = Counter(bucket_start(at, step, zone) for at in times)
    assert finished.bucket == step
    assert traffic(finished) == {
        at: counted[at] for at in iter_buckets(min(times), max(times) + US, step, zone)
    }


def test_days_are_those_of_the_zone_when_clocks_change() -> None:
    times = [day("2026-03-28T00:00") + timedelta(hours=h) for h in range(72)]
    found = traffic(report(traffic_plan(bucket="1d", timezone="Europe/Paris"), times))
    assert found == {
        day("2026-03-27T23:00"): 23,
        day("2026-03-28T23:00"): 23,
        day("2026-03-29T22:00"): 24,
        day("2026-03-30T22:00"): 2,
    }


def test_a_long_log_has_the_days_of_its_zone() -> None:
    times = [day("2026-01-01") + timedelta(hours=h) for h in range(3000)]
    found = traffic(report(traffic_plan(bucket="1d", timezone="Europe/Paris"), times))
    zone = ZoneInfo("Europe/Paris")
    assert found == Counter(bucket_start(at, "1d", zone) for at in times)


def test_empty_buckets_have_no_requests_and_unknown_figures() -> None:
    times = [day("2026-11-21T10:00"), day("2026-11-21T10:20")]
    table = report(traffic_plan(bucket="5m"), times).tables["traffic"]
    assert table["requests"].to_list() == [1, 0, 0, 0, 1]
    empty = {k: v for k, v in table.row(1, named=True).items() if v is not None}
    assert empty == {
        "timestamp": day("2026-11-21T10:05"),
        **dict.fromkeys(("requests", "errors", "client_errors", "server_errors"), 0),
    }


def test_limits_are_the_window_whether_there_are_records_or_not() -> None:
    since, until = day("2026-11-21T10:00"), day("2026-11-21T11:00")
    plan = traffic_plan(window=TimeWindow(since=since, until=until), bucket="15m")
    finished = report(plan, [since, until - US, until, since - US])
    assert list(traffic(finished).values()) == [1, 0, 0, 1]
    assert (finished.since, finished.until) == (since, until)
    assert list(traffic(report(plan, [])).values()) == [0, 0, 0, 0]


@given(
    st.lists(st.integers(0, 100), max_size=8),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
)
def test_since_is_inclusive_and_until_exclusive(
    seconds: list[int], since: int | None, until: int | None
) -> None:
    start = day("2026-11-21")
    first, last = (None if s is None else start + timedelta(seconds=s) for s in (since, until))
    rows: list[Record] = [{"timestamp": start + timedelta(seconds=s)} for s in seconds]
    window = TimeWindow(since=first, until=last)
    plan = ReportPlan(tables=select_tables(["overview"]), window=window)
    frame = frame_of([*rows, {}]).select(sorted(plan.columns))
    overview = finish(plan, partial(plan, frame)).tables["overview"]
    assert overview["requests"][0] == len(within([*rows, {}], first, last))


def test_the_rate_is_per_second_of_the_limits() -> None:
    since = day("2026-11-21")
    window = TimeWindow(since=since, until=since + timedelta(seconds=100))
    plan = ReportPlan(tables=select_tables(["overview"]), window=window)
    rows: list[Record] = [{"timestamp": since + timedelta(seconds=s)} for s in (1, 2, 3, 4, 5)]
    frame = frame_of(rows).select(sorted(plan.columns))
    assert finish(plan, partial(plan, frame)).tables["overview"]["request_rate"][0] == 0.05


def test_a_window_without_length_has_no_rate() -> None:
    plan = ReportPlan(tables=select_tables(["overview"]))
    frame = frame_of([{"timestamp": day("2026-11-21")}] * 2).select(sorted(plan.columns))
    assert finish(plan, partial(plan, frame)).tables["overview"]["request_rate"][0] is None


def test_records_without_a_time_are_a_last_row() -> None:
    plan = traffic_plan()
    frame = frame_of([{}, {"timestamp": day("2026-11-21")}]).select(sorted(plan.columns))
    found = traffic(finish(plan, partial(plan, frame)))
    assert list(found.items()) == [(day("2026-11-21"), 1), (None, 1)]


def test_a_step_too_short_for_the_window_is_refused() -> None:
    times = [day("2026-01-01"), day("2026-11-21")]
    with pytest.raises(UsageError, match="the step 1s cuts the window") as error:
        report(traffic_plan(bucket="1s"), times)
    assert "--bucket" in error.value.hint


@pytest.mark.slow
def test_too_many_buckets_are_refused_while_they_are_collected() -> None:
    plan = traffic_plan(bucket="1s")
    times = [day("2026-01-01") + timedelta(seconds=s) for s in range(100_010)]
    frame = frame_of([{"timestamp": at} for at in times]).select(sorted(plan.columns))
    halves = [partial(plan, frame.head(50_005)), partial(plan, frame.tail(50_005))]
    with pytest.raises(UsageError, match="more than 100,000 buckets"):
        merge(plan, halves)


def test_a_chosen_step_never_fails_however_long_the_window() -> None:
    times = [datetime(1, 1, 3, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)]
    finished = report(traffic_plan(), times, chunks=2)
    assert finished.bucket == "1w"
    assert list(traffic(finished).values()) == [1, 1]


def test_rows_by_time_and_another_key_use_the_same_buckets() -> None:
    plan = ReportPlan(tables=select_tables(["endpoints"], ["timestamp", "method"]), bucket="1h")
    rows: list[Record] = [
        {"timestamp": day("2026-11-21T10:10"), "method": "GET"},
        {"timestamp": day("2026-11-21T10:50"), "method": "GET"},
        {"timestamp": day("2026-11-21T11:50"), "method": "GET"},
    ]
    table = finish(plan, partial(plan, frame_of(rows).select(sorted(plan.columns)))).tables
    assert table["endpoints"].select("timestamp", "method", "requests").rows() == [
        (day("2026-11-21T10:00"), "GET", 2),
        (day("2026-11-21T11:00"), "GET", 1),
    ]

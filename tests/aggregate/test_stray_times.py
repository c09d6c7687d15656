"""A few wrong times: the window does not stretch to them, and nothing of them is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import FinishedTables, ReportPlan, finish, merge, partial, select_tables
from apilog.aggregate.record_times import RecordTimes
from apilog.schema import TIMESTAMP
from apilog.time import STEPS, TimeWindow, bucket_start
from tests.aggregate.oracle import frame_of
from tests.examples import about

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
EPOCH, WRAPPED = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), datetime(2036, 2, 7, 6, 28, tzinfo=UTC)
ZONES = ("UTC", "Europe/Paris", "Asia/Kathmandu")

plans = st.sampled_from([TimeWindow(), TimeWindow(since=START), TimeWindow(until=START)])
moments = st.one_of(
    st.integers(0, 5_000).map(lambda s: START + timedelta(seconds=s)),
    st.integers(-400, 400).map(lambda d: START + timedelta(days=d)),
    st.sampled_from([EPOCH, WRAPPED, datetime(2000, 1, 1, tzinfo=UTC)]),
)


def an_hour(requests: int) -> list[datetime]:
    return [START + timedelta(seconds=3600 * i / requests) for i in range(requests)]


def finish_times(plan: ReportPlan, times: Sequence[datetime], chunks: int = 3) -> FinishedTables:
    rows = [{"timestamp": at, "status": 200} for at in times]
    frame = frame_of(rows).select(sorted(plan.columns))
    return finish(plan, merge(plan, [partial(plan, frame[i::chunks]) for i in range(chunks)]))


def plan_of(window: TimeWindow = TimeWindow(), bucket: str | None = None) -> ReportPlan:  # noqa: B008
    return ReportPlan(tables=select_tables(["overview", "traffic"]), window=window, bucket=bucket)


def traffic(finished: FinishedTables) -> dict[datetime | None, int]:
    return dict(finished.tables["traffic"].select("timestamp", "requests").rows())


@settings(max_examples=about(40))
@given(st.lists(moments, min_size=1, max_size=60), st.sampled_from(ZONES), st.randoms())
def test_parts_in_any_order_have_the_cells_of_the_whole(
    times: list[datetime], timezone: str, choice: random.Random
) -> None:
    most, zone = 6, ZoneInfo(timezone)
    parts = [
        RecordTimes.of_records(pl.Series("timestamp", part, TIMESTAMP), timezone, most)
        for part in (times[:7], times[7:20], times[20:])
    ]
    choice.shuffle(parts)
    nested = RecordTimes.merge(parts[:2], timezone, most)
    found = RecordTimes.merge([parts[2], nested], timezone, most)
    counted = {step: Counter(bucket_start(t, step, zone) for t in times) for step, _ in STEPS}
    step = next((s for s, _ in STEPS if len(counted[s]) <= most), "1w")
    assert found.step == step
    assert dict(found.cells.select("start", "requests").rows()) == counted[step]
    assert (found.oldest, found.newest) == (min(times), max(times))
    for start, first, last in found.cells.select("start", "first", "last").rows():
        own = [t for t in times if bucket_start(t, step, zone) == start]
        assert (first, last) == (min(own), max(own))


@pytest.mark.slow
@settings(max_examples=about(30))
@given(st.lists(moments, max_size=40), plans, st.integers(1, 5))
def test_no_request_is_lost_and_cuts_change_nothing(
    odd: list[datetime], window: TimeWindow, chunks: int
) -> None:
    times = [*an_hour(200), *odd]
    plan = plan_of(window)
    finished = finish_times(plan, times, chunks)
    inside = [t for t in times if window.contains(t, t)]
    assert sum(traffic(finished).values()) == len(inside)
    assert finished.tables["overview"]["requests"].item() == len(inside)
    whole = finish_times(plan, times, 1)
    assert (finished.since, finished.until, finished.bucket, finished.strays) == (
        *(whole.since, whole.until, whole.bucket, whole.strays),
    )
    assert traffic(finished) == traffic(whole)
    if finished.strays:
        outside = [t for t in inside if not whole.since <= t <= whole.until]  # type: ignore[operator]
        assert finished.strays.requests == len(outside) == traffic(finished)[None]
        assert (finished.strays.first, finished.strays.last) == (min(outside), max(outside))


@pytest.mark.parametrize("odd", [[EPOCH], [WRAPPED], [EPOCH, WRAPPED]])
@pytest.mark.parametrize("bucket", [None, "1m"])
def test_a_wrong_clock_does_not_stretch_the_window(odd: list[datetime], bucket: str | None) -> None:
    usual = an_hour(1000)
    finished = finish_times(plan_of(bucket=bucket), [*usual[:400], *odd, *usual[400:]])
    assert (finished.since, finished.until, finished.bucket) == (usual[0], usual[-1], "1m")
    assert finished.strays is not None
    assert finished.strays.requests == len(odd)
    rows = traffic(finished)
    assert rows.pop(None) == len(odd)
    assert rows == Counter(t.replace(second=0, microsecond=0) for t in usual)
    seconds = (usual[-1] - usual[0]).total_seconds()
    overview = finished.tables["overview"].row(0, named=True)
    assert overview["request_rate"] == pytest.approx((1000 + len(odd)) / seconds)


def test_limits_that_were_given_rule() -> None:
    times = [EPOCH, *an_hour(1000), WRAPPED]
    since, until = START - timedelta(days=20), datetime(2040, 1, 1, tzinfo=UTC)
    late = finish_times(plan_of(TimeWindow(since=since)), times)
    assert (late.since, late.until, late.bucket) == (since, times[-2], "1d")
    assert late.strays is not None
    assert (late.strays.requests, late.strays.first) == (1, WRAPPED)
    asked = finish_times(plan_of(TimeWindow(until=until)), times[1:])
    assert (asked.since, asked.until, asked.strays) == (START, until, None)
    assert None not in traffic(asked)


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ([START - timedelta(days=40), *an_hour(100)], "one of a hundred is no wrong clock"),
        ([*[EPOCH] * 3, *an_hour(1000)], "more than one in a thousand"),
        ([EPOCH, *an_hour(10)], "too few to tell which ones are wrong"),
        ([START - timedelta(hours=20), *an_hour(9000)], "less than a day away"),
        ([START + timedelta(days=d) for d in (0, 30, 400)], "a log with gaps"),
    ],
)
def test_what_may_be_right_is_no_stray(times: list[datetime], why: str) -> None:
    finished = finish_times(plan_of(), times)
    assert finished.strays is None, why
    assert (finished.since, finished.until) == (min(times), max(times))


def test_one_in_a_thousand_may_be_days_away() -> None:
    usual, odd = an_hour(9000), [START - timedelta(days=3 + d) for d in range(9)]
    finished = finish_times(plan_of(), [*usual, *odd])
    assert finished.strays is not None
    assert (finished.strays.requests, finished.since) == (9, START)


def test_what_was_read_outside_of_the_limits_is_known() -> None:
    plan = plan_of(TimeWindow(since=datetime(2026, 11, 25, tzinfo=UTC)))
    frame = frame_of([{"timestamp": at} for at in an_hour(10)]).select(sorted(plan.columns))
    times = merge(plan, [partial(plan, frame[:4]), partial(plan, frame[4:])]).times
    assert times.cells.is_empty()
    assert (times.oldest, times.newest) == (an_hour(10)[0], an_hour(10)[-1])

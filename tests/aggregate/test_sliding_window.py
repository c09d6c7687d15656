"""Rolling windows against a plain oracle: what lies in the window, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import ReportPlan, RowOrder, TableSpec, finish, partial
from apilog.aggregate.sliding_window import LONGEST_WINDOW, SlidingReport, slot_seconds
from apilog.schema import GUESSED_ROUTE, READ_COLUMNS
from tests.aggregate.record_strategies import property_of
from tests.examples import about

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
METRICS = ("requests", "errors", "latency_p50", "latency_p95", "latency_max")
PLAN = ReportPlan(
    tables=(
        TableSpec(name="overview", metrics=(*METRICS, "request_rate")),
        TableSpec(name="traffic", keys=("timestamp",), metrics=METRICS, order=RowOrder.KEYS),
        TableSpec(name="endpoints", keys=("route",), metrics=METRICS),
    )
)
COLUMNS = ("timestamp", "gateway", "route", "status", "duration_ms", GUESSED_ROUTE)

requests = st.lists(
    st.tuples(
        st.integers(0, 900), st.sampled_from("ab"), st.sampled_from([200, 500]), st.floats(0.1, 1e4)
    ),
    max_size=60,
)


def frame(rows: list[tuple[int, str, int, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(START + timedelta(seconds=at), "nginx", f"/{r}", s, ms, True) for at, r, s, ms in rows],
        schema={name: READ_COLUMNS[name] for name in COLUMNS},
        orient="row",
    )


@settings(max_examples=about(12))
@given(requests, st.sampled_from([60, 300, 600]), st.integers(1, 20))
def test_a_window_has_the_figures_of_its_records(
    rows: list[tuple[int, str, int, float]], seconds: int, size: int
) -> None:
    rolling = SlidingReport(PLAN, timedelta(seconds=seconds))
    newest = 0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        newest = max([newest, *(at for at, *_ in part)])
        rolling.window.add(frame(part), START + timedelta(seconds=newest))
    now = START + timedelta(seconds=newest)
    step = rolling.window.step
    first = newest // step * step - seconds + step
    inside = [row for row in rows if row[0] >= first]
    found = rolling.finish(now).tables
    expected = finish(PLAN, partial(PLAN, frame(inside))).tables
    assert found["endpoints"].equals(expected["endpoints"])
    assert found["overview"].drop("request_rate").equals(expected["overview"].drop("request_rate"))
    assert found["traffic"]["requests"].sum() == len(inside)
    assert rolling.window.late_records <= len(rows) - len(inside)


@pytest.mark.slow
@given(requests, st.sampled_from([60, 300, 600]), st.integers(1, 20))
def test_a_window_has_the_figures_of_its_records_often(
    rows: list[tuple[int, str, int, float]], seconds: int, size: int
) -> None:
    property_of(test_a_window_has_the_figures_of_its_records)(rows, seconds, size)


def test_the_window_begins_where_the_log_does() -> None:
    rolling = SlidingReport(PLAN, timedelta(minutes=5))
    now = START + timedelta(seconds=100)
    rolling.window.add(frame([(90, "a", 200, 1.0), (100, "a", 200, 1.0)]), now)
    assert rolling.window.since(now) == START + timedelta(seconds=90)
    assert not rolling.window.is_complete(now)
    assert rolling.finish(now).tables["overview"]["request_rate"][0] == pytest.approx(0.2, abs=1e-4)
    later = now + timedelta(minutes=5)
    assert rolling.window.is_complete(later)
    assert rolling.finish(later).tables["overview"].select("requests", "request_rate").row(0) == (
        (0, 0)
    )


def test_requests_of_one_instant_are_a_rate_per_second() -> None:
    rolling = SlidingReport(PLAN, timedelta(seconds=300))
    rolling.window.add(
        frame([(7, "a", 200, 1.0), (7, "b", 200, 1.0)]), START + timedelta(seconds=7)
    )
    tables = rolling.finish(START + timedelta(seconds=7)).tables
    assert tables["overview"]["request_rate"].to_list() == [2.0]


def test_what_comes_too_late_or_from_the_future_is_counted_apart() -> None:
    rolling = SlidingReport(PLAN, timedelta(minutes=1))
    rolling.window.add(frame([(100, "a", 200, 1.0), (30, "a", 200, 1.0)]), START)
    assert (rolling.window.late_records, rolling.window.ahead_records) == (0, 2)
    rolling.window.add(frame([(100, "a", 200, 1.0)]), START + timedelta(seconds=100))
    rolling.window.add(frame([(30, "a", 200, 1.0)]), START + timedelta(seconds=100))
    assert (rolling.window.late_records, rolling.window.ahead_records) == (1, 2)
    assert rolling.finish(START + timedelta(seconds=100)).tables["overview"]["requests"][0] == 1


def test_records_without_a_time_are_in_no_window() -> None:
    rolling = SlidingReport(PLAN, timedelta(minutes=1))
    rolling.window.add(frame([(0, "a", 200, 1.0)]).with_columns(timestamp=None), START)
    assert rolling.window.late_records == 1


@given(st.timedeltas(timedelta(milliseconds=100), LONGEST_WINDOW))
def test_a_window_has_a_bounded_number_of_slots(window: timedelta) -> None:
    step = slot_seconds(window)
    assert window.total_seconds() / step <= 60
    assert 86_400 % step == 0

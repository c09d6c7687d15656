"""The tables that are there only by name, against plain Python over the records."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apilog
from apilog.aggregate import ReportPlan, select_tables
from apilog.aggregate.table_specs import EXTRA_TABLES, TABLES
from tests.aggregate.definition_checks import run
from tests.aggregate.oracle import Record
from tests.aggregate.record_strategies import bare_records, records
from tests.examples import about

LOG = str(Path(__file__).parents[2] / "sample_logs" / "api.log")
Row = tuple[datetime, int | None, float | None]


@pytest.fixture(scope="module")
def log_rows() -> list[Row]:
    frame = apilog.scan([LOG]).select("timestamp", "status", "duration_ms").collect()
    return frame.rows()


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[math.floor(q * (len(values) - 1))]


# The last is off by three quarters of an hour, the second changes its clocks.
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_the_heat_map_is_of_the_hours_of_the_zone(log_rows: list[Row], zone: str) -> None:
    requests, failed = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    durations = defaultdict[tuple[int, int], list[float]](list)
    for moment, status, duration in log_rows:
        local = moment.astimezone(ZoneInfo(zone))
        key = local.isoweekday(), local.hour
        requests[key] += 1
        failed[key] += status is not None and status >= 400
        if duration is not None:
            durations[key].append(duration)
    frame = apilog.report([LOG], tables=["heatmap"], tz=zone).tables["heatmap"]
    keys = frame.select("weekday", "hour_of_day").rows()
    assert keys == sorted(requests)
    assert frame["requests"].to_list() == [requests[key] for key in keys]
    assert frame["errors"].to_list() == [failed[key] for key in keys]
    for key, p95 in zip(keys, frame["latency_p95_ms"], strict=True):
        assert p95 == pytest.approx(quantile(durations[key], 0.95), rel=0.011)


def test_the_histogram_counts_every_duration_in_its_range(log_rows: list[Row]) -> None:
    rows = apilog.report([LOG], tables=["histogram"]).tables["histogram"].rows()
    durations = [duration for _, _, duration in log_rows if duration is not None]
    assert sum(requests for *_, requests in rows) == len(durations)
    for low, high, requests in rows:
        slack = 1e-9 * high
        inside = [d for d in durations if low - slack < d <= high + slack or d == high == 0]
        assert len(inside) == requests


def test_statuses_over_time_add_up_to_the_traffic(log_rows: list[Row]) -> None:
    names = ["traffic", "status_traffic"]
    tables = apilog.report([LOG], tables=names, bucket="1h").tables
    counts = Counter(
        (moment.replace(minute=0, second=0, microsecond=0), status)
        for moment, status, _ in log_rows
    )
    assert {row[:2]: row[2] for row in tables["status_traffic"].rows()} == counts
    by_hour = tables["status_traffic"].group_by("timestamp").agg(requests="requests").rows()
    traffic = dict(tables["traffic"].select("timestamp", "requests").rows())
    assert {hour: sum(parts) for hour, parts in by_hour}.items() <= traffic.items()


def test_a_report_has_them_only_by_name() -> None:
    assert EXTRA_TABLES.keys().isdisjoint(TABLES)
    assert list(apilog.report([LOG]).tables) == list(TABLES)


@settings(max_examples=about(15))
@given(st.one_of(records, bare_records), st.sampled_from(["UTC", "Europe/Berlin"]))
def test_any_records_are_counted_once(rows: list[Record], zone: str) -> None:
    """Those without a time have a row of their own, those without a duration no bucket."""
    plan = ReportPlan(tables=select_tables([*EXTRA_TABLES]), timezone=zone)
    tables = run(plan, rows).tables
    local = [t and t.astimezone(ZoneInfo(zone)) for t in (r.get("timestamp") for r in rows)]
    counts = Counter((t.isoweekday(), t.hour) if t else (None, None) for t in local)
    heatmap = tables["heatmap"].select("weekday", "hour_of_day", "requests").rows()
    assert {row[:2]: row[2] for row in heatmap} == counts
    durations = [d for r in rows if is_duration(d := r.get("duration_ms"))]
    assert sum(tables["histogram"]["requests"]) == len(durations)
    assert sum(tables["status_traffic"]["requests"]) == len(rows)


def is_duration(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value <= 1e11

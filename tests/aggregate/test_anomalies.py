"""Anomalies of a report: spans of hours that are unlike what is usual at their time of the week."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from apilog.aggregate import ReportPlan, finish, merge, partial, select_tables
from apilog.aggregate.anomalies import HourLatencies, collect_counts, find_anomalies
from apilog.aggregate.anomalies.counts import HourCounts
from apilog.aggregate.anomalies.series import count_slow_within_routes
from apilog.aggregate.anomalies.table import SCHEMA
from apilog.aggregate.ddsketch import bucket_of
from apilog.aggregate.folding import MOST_HOURS
from apilog.schema import TIMESTAMP
from apilog.time import TimeWindow
from tests.aggregate.oracle import frame_of

START = datetime(2026, 11, 1, tzinfo=UTC)
"""A Sunday."""
HOUR = timedelta(hours=1)
PLAN = ReportPlan(tables=select_tables(["anomalies"]))
COUNTS = ("requests", "errors", "server_errors")


def until_after(length: timedelta) -> TimeWindow:
    return TimeWindow(since=START, until=START + length)


def log(requests: Callable[[int], int], hours: int, failed: Callable[[int], int]) -> pl.DataFrame:
    """Records with so many requests in each hour from START, so many of them failed."""
    rows = frame_of([{}]).select(sorted(PLAN.columns)).clear()
    counts = pl.DataFrame(
        {
            "timestamp": [START + h * HOUR for h in range(hours)],
            "status": [[500] * (n := failed(h)) + [200] * (requests(h) - n) for h in range(hours)],
        },
        schema={"timestamp": TIMESTAMP, "status": pl.List(rows.schema["status"])},
    )
    # The last hour is complete only if something follows.
    after = pl.DataFrame({"timestamp": [START + hours * HOUR]}, schema={"timestamp": TIMESTAMP})
    known = pl.concat([counts.explode("status").drop_nulls(), after], how="diagonal")
    return pl.concat([rows, known], how="diagonal").select(rows.columns)


def found(
    requests: Callable[[int], int], hours: int, failed: Callable[[int], int] = lambda _: 0
) -> list[dict[str, Any]]:
    records = log(requests, hours, failed)
    state = merge(PLAN, [partial(PLAN, records[i::3]) for i in range(3)])
    return finish(PLAN, state).tables["anomalies"].to_dicts()


def span(row: dict[str, Any]) -> tuple[int, int]:
    """The hours after START at which an anomaly began and ended."""
    return (row["timestamp"] - START) // HOUR, (row["end"] - START) // HOUR


def daily(hour: int) -> int:
    """Busier by day than by night."""
    return 40 + 5 * min(hour % 24, 24 - hour % 24)


def weekly(hour: int) -> int:
    """Busy in office hours only; the first and the last day of seven are a weekend."""
    return 100 if 8 <= hour % 24 < 18 and 1 <= hour // 24 % 7 <= 5 else 5


@pytest.mark.parametrize("usual", [daily, weekly])
def test_a_log_like_every_day_or_every_week_has_none(usual: Callable[[int], int]) -> None:
    assert found(usual, 24 * 15) == []


def test_a_spike_and_an_outage_are_found_in_their_hours() -> None:
    def requests(hour: int) -> int:
        return {24 * 6 + 3: 400, 24 * 7 + 12: 2}.get(hour, daily(hour))

    spike, drop = found(requests, 24 * 8)
    assert list(spike) == list(SCHEMA)
    assert (spike["timestamp"], spike["end"]) == (START + 147 * HOUR, START + 148 * HOUR)
    assert (spike["metric"], spike["kind"], spike["value"]) == ("requests", "spike", 400)
    assert spike["expected"] == pytest.approx(55, abs=3)
    assert spike["score"] > 6
    assert spike["p_value"] < 0.005
    assert (span(drop), drop["kind"], drop["value"]) == ((180, 181), "outage", 2)
    assert drop["expected"] == pytest.approx(100, abs=3)
    assert drop["score"] < -6


@pytest.mark.slow
def test_an_outage_of_many_hours_is_one_row_from_its_begin_to_its_end() -> None:
    began = 24 * 6 + 9
    (drop,) = found(lambda h: 0 if began <= h < began + 8 else 100, 24 * 7)
    assert (span(drop), drop["kind"], drop["value"]) == ((began, began + 8), "outage", 0)
    assert drop["expected"] == pytest.approx(800, rel=0.02)


@pytest.mark.slow
def test_an_outage_at_a_weekend_is_found() -> None:
    began = 24 * 13 + 9
    (drop,) = found(lambda h: 0 if began <= h < began + 9 else 2 * weekly(h), 24 * 16)
    assert span(drop) == (began, began + 9)
    assert drop["expected"] == pytest.approx(90, rel=0.1)


def test_an_outage_up_to_a_given_end_is_found() -> None:
    records = log(lambda _: 100, 24 * 9, lambda _: 0)
    for later, expected in ((5, [(216, 221)]), (24 * 8, [(216, 217)])):
        plan = replace(PLAN, window=until_after((24 * 9 + later) * HOUR))
        table = finish(plan, partial(plan, records)).tables["anomalies"]
        assert [span(row) for row in table.to_dicts()] == expected


def test_a_drop_and_a_spike_one_after_the_other_are_two() -> None:
    unusual = {24 * 6 + 9: 2, 24 * 6 + 10: 900, 24 * 6 + 11: 900}
    drop, spike = found(lambda h: unusual.get(h, 100), 24 * 7)
    assert (drop["kind"], span(drop)) == ("outage", (153, 154))
    assert (spike["kind"], span(spike)) == ("spike", (154, 156))


def test_a_gap_of_weeks_is_not_a_drop() -> None:
    assert found(lambda h: 100 if h < 24 * 5 or h > 24 * 20 else 0, 24 * 25) == []


def test_failing_requests_are_one_spike_of_errors_that_names_the_status() -> None:
    (spike,) = found(lambda _: 100, 24 * 6, lambda h: 60 if h == 24 * 5 else 1)
    assert spike["metric"] in ("error_rate", "server_error_rate")
    assert (span(spike), spike["value"]) == ((120, 121), 0.6)
    assert spike["expected"] == pytest.approx(0.01, rel=0.2)
    assert spike["statuses"] == "500 (100%)"


def test_one_failure_in_an_hour_of_few_requests_is_chance() -> None:
    assert found(lambda _: 2, 24 * 6, lambda h: int(h == 24 * 5)) == []


def test_hours_that_the_log_covers_in_part_are_not_judged() -> None:
    full = log(lambda _: 100, 24 * 6 + 1, lambda _: 0)
    begun = full.filter(pl.col("timestamp") < START + 24 * 6 * HOUR)
    last = full.filter(pl.col("timestamp") == START + 24 * 6 * HOUR).head(1)
    assert finish(PLAN, partial(PLAN, pl.concat([begun, last]))).tables["anomalies"].is_empty()


def test_a_short_log_is_judged_by_its_buckets() -> None:
    (spike,) = found(lambda h: 900 if h == 30 else 100, 48)
    assert (span(spike), spike["value"]) == ((30, 31), 900)


def test_a_log_with_requests_now_and_then_is_not_judged() -> None:
    assert found(lambda _: 100, 10) == []


def frame(requests: list[int], step: timedelta) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "timestamp": [START + i * step for i in range(len(requests))],
            "end": [START + (i + 1) * step for i in range(len(requests))],
            "requests": requests,
            "errors": 0,
            "server_errors": 0,
        },
        schema={
            **dict.fromkeys(("timestamp", "end"), TIMESTAMP),
            **dict.fromkeys(COUNTS, pl.Int64),
        },
    )


def test_a_few_buckets_are_not_judged() -> None:
    minute = timedelta(minutes=1)
    whole, status = frame([], HOUR).drop("end"), {"status": pl.Int16}
    names: dict[str, Any] = dict.fromkeys(("gateway", "method", "route"), pl.String)
    none = pl.DataFrame(schema={"id": pl.UInt32, "bucket": pl.Int16, "n": pl.Int64})
    hour = pl.DataFrame(schema={"timestamp": TIMESTAMP})
    counts = collect_counts(
        whole,
        pl.DataFrame(schema={**status, "timestamp": TIMESTAMP, "requests": pl.Int64}),
        HourLatencies(keys=hour, cells=none),
        pl.DataFrame(schema={**names, **whole.schema}),
        HourLatencies(keys=pl.DataFrame(schema={**names, **hour.schema}), cells=none),
        pl.DataFrame(schema={"consumer": pl.String, **whole.schema}),
    )
    for n, expected in ((11, 0), (12, 1)):
        buckets = frame([900] + [100] * (n - 1), minute)
        table = find_anomalies(counts, buckets, until_after(n * minute), "UTC")
        assert table.height == expected
        assert table.schema == pl.Schema(SCHEMA)


@pytest.mark.slow
def test_hours_of_years_ago_are_forgotten_and_still_counted() -> None:
    plan = ReportPlan(tables=select_tables(["traffic", "anomalies"]))
    times = [{"timestamp": START + i * HOUR} for i in range(MOST_HOURS + 50)]
    records = frame_of(times).select(sorted(plan.columns))
    state = merge(plan, [partial(plan, records.head(9000)), partial(plan, records.tail(-9000))])
    (hours,) = (s.keys["hour"] for s in state.cubes if s.keys.columns == ["fold", "hour"])
    assert hours.n_unique() == MOST_HOURS
    assert hours.min() == START + 50 * HOUR
    assert finish(plan, state).tables["traffic"]["requests"].sum() == len(times)


def records_of_routes(slow: range) -> pl.DataFrame:
    """Nine days of three routes with 30 requests an hour each, one of them slower for a while."""
    chance = random.Random(13)
    routes = ("/orders", "/prices", "/quotes")
    rows = [
        {
            "timestamp": START + h * HOUR,
            "gateway": "nginx",
            "method": "GET",
            "route": route,
            "status": 200,
            "consumer": f"app {i % 4}",
            "duration_ms": chance.lognormvariate(3, 0.5)
            * (3 if route == "/quotes" and h in slow else 1),
        }
        for h in range(24 * 9)
        for route in routes
        for i in range(30)
    ]
    return frame_of([*rows, {"timestamp": START + 24 * 9 * HOUR}])


@pytest.mark.slow
def test_a_route_that_gets_slower_is_named() -> None:
    plan = ReportPlan(tables=select_tables(["anomalies"]))
    records = records_of_routes(range(150, 156)).select(sorted(plan.columns))
    state = merge(plan, [partial(plan, records.head(9000)), partial(plan, records.tail(-9000))])
    rows = finish(plan, state).tables["anomalies"].to_dicts()
    assert {row["metric"] for row in rows} == {"latency_p95"}
    (began, ended), *others = [span(row) for row in rows]
    assert not others
    assert 148 <= began <= 151
    assert 155 <= ended <= 158
    named = (rows[0]["route"], rows[0]["routes"])
    assert any("/quotes" in str(name) for name in named)
    assert rows[0]["value"] > 1.3 * rows[0]["expected"]


def latencies_by(records: pl.DataFrame, *keys: str) -> HourLatencies:
    cells = records.group_by(*keys, "bucket").agg(n=pl.len().cast(pl.Int64))
    return HourLatencies(
        keys=cells.select(keys), cells=cells.select("bucket", "n").with_row_index("id")
    )


def rows_with_keys(latencies: HourLatencies) -> pl.DataFrame:
    keys = latencies.keys[latencies.cells["id"]]
    return keys.hstack(latencies.cells.select("bucket", "n"))


MEDIANS_MS = {"/tokens": 20.0, "/orders": 60.0, "/models": 200.0}


def counts_of_routes(hourly: int, hours: int, slower: Callable[[int, str], float]) -> HourCounts:
    """Hours of routes with so many requests each, whose durations differ widely."""
    chance = random.Random(5)
    rows = [
        (route, START + h * HOUR, bucket_of(chance.lognormvariate(0, 0.5) * ms * slower(h, route)))
        for h in range(hours)
        for route, ms in MEDIANS_MS.items()
        for _ in range(hourly)
    ]
    schema: dict[str, Any] = {"route": pl.String, "timestamp": TIMESTAMP, "bucket": pl.Int16}
    records = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        gateway=pl.lit("nginx"), method=pl.lit("GET")
    )
    keys, n = ["gateway", "method", "route"], pl.len().cast(pl.Int64)
    none = pl.lit(0, pl.Int64)
    consumers: dict[str, Any] = {"consumer": pl.String, "timestamp": TIMESTAMP}
    consumers |= dict.fromkeys(COUNTS, pl.Int64)
    tallies = (n.alias("requests"), none.alias("errors"), none.alias("server_errors"))
    return collect_counts(
        records.group_by("timestamp").agg(tallies),
        records.group_by("timestamp").agg(requests=n).with_columns(status=pl.lit(200, pl.Int16)),
        latencies_by(records, "timestamp"),
        records.group_by(*keys, "timestamp").agg(tallies),
        latencies_by(records, *keys, "timestamp"),
        pl.DataFrame(schema=consumers),
    )


def test_what_is_slow_for_its_route_is_counted_as_defined() -> None:
    counts = counts_of_routes(9, 24 * 3, lambda _, __: 1.0)
    names = {row["part"]: row["route"] for row in counts.parts.to_dicts() if row["route"]}
    assert sorted(names.values()) == sorted(MEDIANS_MS)
    slow = {
        (names[row["part"]], row["timestamp"]): (row["timed"], row["slow"])
        for row in count_slow_within_routes(counts, "UTC").to_dicts()
    }
    for part, route in names.items():
        cells = rows_with_keys(counts.latencies).filter(pl.col("part") == part).to_dicts()
        durations = sorted(b for cell in cells for b in [cell["bucket"]] * cell["n"])
        # An hour of the day has 27 durations only: the p95 is that of the route.
        usual = durations[int(0.95 * (len(durations) - 1))]
        for h in range(24 * 3):
            own = [c for c in cells if c["timestamp"] == START + h * HOUR]
            above = sum(c["n"] for c in own if c["bucket"] > usual)
            assert slow[route, START + h * HOUR] == (9, above)


def test_routes_that_are_no_parts_are_taken_together() -> None:
    counts = counts_of_routes(9, 24 * 3, lambda _, __: 1.0)
    kept = counts.parts.filter(pl.col("route").is_null() | (pl.col("route") == "/models"))
    rows = rows_with_keys(counts.latencies)
    own = rows.filter(pl.col("part").is_in(kept["part"].implode()))
    kept_counts = replace(counts, parts=kept, latencies=HourLatencies.of_rows(own))
    slow = count_slow_within_routes(kept_counts, "UTC")
    per_hour = slow.group_by("part").agg(pl.col("timed").unique())
    assert dict(per_hour.rows()) == {
        None: [18],
        kept.filter(pl.col("route").is_not_null())["part"].item(): [9],
    }
    nothing = replace(counts, parts=kept.filter(pl.col("route").is_null()))
    assert count_slow_within_routes(nothing, "UTC").is_empty()


def rows_of(counts: HourCounts, days: int) -> list[dict[str, Any]]:
    window = until_after(days * 24 * HOUR)
    return find_anomalies(counts, pl.DataFrame(), window, "UTC").to_dicts()


@pytest.mark.slow
def test_a_p95_that_doubles_in_two_hours_of_few_requests_is_one_row() -> None:
    counts = counts_of_routes(18, 24 * 14, lambda h, _: 2.0 if 291 <= h < 293 else 1.0)
    (row,) = rows_of(counts, 14)
    assert (row["metric"], span(row), row["route"], row["routes"]) == (
        "latency_p95",
        (291, 293),
        None,
        None,
    )
    assert row["value"] == pytest.approx(2 * row["expected"], rel=0.25)


@pytest.mark.slow
def test_a_fast_route_alone_that_gets_slower_has_the_row() -> None:
    def slower(hour: int, route: str) -> float:
        return 2.5 if 291 <= hour < 297 and route == "/tokens" else 1.0

    (row,) = rows_of(counts_of_routes(18, 24 * 14, slower), 14)
    assert (row["metric"], row["route"]) == ("latency_p95", "/tokens")
    assert row["value"] > 1.5 * row["expected"]


@pytest.mark.slow
def test_durations_that_are_all_alike_may_be_a_little_longer() -> None:
    for longer, expected in ((1, 0), (8, 1)):
        counts = counts_of_routes(18, 24 * 8, lambda _, __: 1.0)
        alike = pl.when(pl.col("timestamp").dt.date() == (START + 150 * HOUR).date())
        bucket = alike.then(100 + longer).otherwise(100).cast(pl.Int16)
        latencies = rows_with_keys(counts.latencies).with_columns(bucket=bucket)
        replaced = replace(counts, latencies=HourLatencies.of_rows(latencies))
        assert len(rows_of(replaced, 8)) == expected

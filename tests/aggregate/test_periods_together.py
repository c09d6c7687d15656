"""Periods that are summed up and finished together have the tables that each has alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import polars as pl
import pytest

from apilog.aggregate import (
    PartialState,
    ReportPlan,
    finish,
    merge,
    partial,
    select_tables,
    split_by_time,
)
from apilog.aggregate.finish_periods import finish_periods
from apilog.aggregate.split_states import (
    partial_of_periods,
    periods_of,
    requests_of_periods,
    split_state,
    states_of_periods,
)
from apilog.time import PeriodLength, TimeWindow
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.test_merge import assert_same

HOURS, REQUESTS = 4, 600
START = datetime(2026, 11, 21, 21, tzinfo=UTC)
STEPS = {"1h": (PeriodLength.HOUR, "1m"), "1d": (PeriodLength.DAY, "1h")}
EXTRA = ("overview", "endpoints", "histogram", "heatmap", "status_traffic")


@cache
def make_records() -> pl.DataFrame:
    """Busy hours: ids in one of them only, a scanner, a burst of errors, unknown durations."""
    rng = random.Random(20_261_130)
    rows: list[Record] = []
    for hour in range(HOURS):
        for n in range(REQUESTS):
            failed = hour == 2 and n % 4 == 0
            seconds = rng.uniform(1800, 2099) if failed else rng.uniform(0, 3599)
            at = START + timedelta(hours=hour, seconds=seconds)
            shop = f"/shops/s{rng.choice('abcdef')}{n}x" if hour == 1 else "/shops"
            path = rng.choice([shop, "/orders/{id}", "/health", f"/wp/{n}.php"])
            unfound = path.startswith("/wp")
            rows.append(
                {
                    "timestamp": at,
                    "gateway": rng.choice(["nginx", "kong"]),
                    "method": rng.choice(["GET", "POST", None]),
                    "route": path,
                    "status": 404 if unfound else 503 if failed else rng.choice([200, 200, 401]),
                    "duration_ms": rng.choice([None, 0.0, rng.lognormvariate(3, 1)]),
                    "upstream_duration_ms": rng.lognormvariate(2, 1) if n % 3 else None,
                    "response_bytes": rng.randrange(5000),
                    "consumer": rng.choice(["a", "b", None]),
                    "client_ip": f"203.0.113.{rng.randrange(40)}",
                }
            )
    return frame_of(rows)


def together(plan: ReportPlan, step: str) -> ReportPlan:
    return replace(plan, period_step=step, bucket=plan.bucket or STEPS[step][1])


def windows_of(state: PartialState, step: str) -> list[TimeWindow]:
    length = timedelta(hours=1) if step == "1h" else timedelta(days=1)
    return [TimeWindow(since=start, until=start + length) for start in periods_of(state)]


def merged_in_parts(plan: ReportPlan, records: pl.DataFrame) -> PartialState:
    states = [partial_of_periods(plan, part) for part in records.iter_slices(900)]
    return merge(plan, [state for state in states if state])


PLANS: dict[str, tuple[str, ReportPlan]] = {
    "all": ("1h", ReportPlan(tables=select_tables())),
    "few routes": ("1h", ReportPlan(tables=select_tables(), max_routes=2, top=3)),
    "odd buckets": (
        "1h",
        ReportPlan(
            tables=select_tables(EXTRA, ["consumer", "timestamp"]),
            bucket="7m",
            timezone="Asia/Kolkata",
            learns_routes=False,
        ),
    ),
    "days": (
        "1d",
        ReportPlan(tables=select_tables(metrics=["request_rate"]), timezone="Etc/GMT+1"),
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        "all",
        "odd buckets",
        pytest.param("few routes", marks=pytest.mark.slow),
        pytest.param("days", marks=pytest.mark.slow),
    ],
)
def test_every_period_has_the_tables_that_it_has_alone(name: str) -> None:
    step, plan = PLANS[name]
    records = make_records()
    whole = together(plan, step)
    state = merged_in_parts(whole, records)
    windows = windows_of(state, step)
    found = finish_periods(whole, state, windows)

    parts = list(split_by_time(records, step, plan.timezone))
    assert sorted(start for start, _ in parts if start) == [w.since for w in windows]
    for window, tables in zip(windows, found, strict=True):
        alone = replace(plan, window=window)
        assert_same(tables, finish(alone, partial(alone, records)))
    if name == "all":
        routes = found[1].tables["endpoints"]["route"].to_list()
        assert "/shops/{value}" in routes
        assert "(not found)" in routes
        assert [tables.tables["anomalies"].height > 0 for tables in found].count(True) == 1


def test_parts_of_a_state_are_what_their_periods_are_alone() -> None:
    plan = ReportPlan(tables=select_tables(["endpoints", "latency", "consumers"]))
    records, whole = make_records(), together(plan, "1h")
    state = merged_in_parts(whole, records)
    halves = dict(split_state(state, lambda start: start.day))
    assert sorted(halves) == [21, 22]
    for start, own in (pair for half in halves.values() for pair in states_of_periods(half)):
        window = TimeWindow(since=start, until=start + timedelta(hours=1))
        alone = replace(plan, window=window, bucket="1m")
        assert_same(finish(alone, own), finish(alone, partial(alone, records)))
    assert requests_of_periods(state) == dict.fromkeys(periods_of(state), REQUESTS)


@pytest.mark.parametrize(
    "crowded", [lambda n: {"route": f"/x/{n}"}, lambda n: {"consumer": f"caller {n}"}]
)
def test_a_chunk_with_keys_that_may_have_to_fold_is_not_summed_up_together(
    crowded: Callable[[int], dict[str, str]],
) -> None:
    plan = together(replace(PLANS["all"][1], max_keys=80), "1h")
    records = make_records().head(60)
    assert partial_of_periods(plan, records.with_columns(route=pl.lit("/a")))
    values = pl.DataFrame([crowded(n) for n in range(60)])
    assert partial_of_periods(plan, records.with_columns(values.get_columns())) is None

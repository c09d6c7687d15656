"""Hours of routes and consumers are bounded: the busiest parts stay, and totals stay exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from apilog.aggregate import ReportPlan, finish, merge, partial, select_tables
from apilog.aggregate.anomalies.counts import PART_WEEKS
from apilog.aggregate.cube import CubeState
from apilog.aggregate.folding import MOST_PART_HOURS
from apilog.aggregate.plan import cube_layout
from apilog.aggregate.state import PartialState
from apilog.aggregate.table_specs import CONSUMER_HOURS, HOURS, ROUTE_HOURS
from tests.aggregate.oracle import frame_of

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLES = select_tables(["endpoints", "anomalies"])


def records(hours: int, routes: int) -> pl.DataFrame:
    """In each hour a request of each route, of the first ones more."""
    rows = [
        {
            "timestamp": START + h * HOUR,
            "gateway": "nginx",
            "method": "GET",
            "route": f"/r{r}",
            "status": 200,
            "consumer": f"app {r}",
            "duration_ms": 10.0,
        }
        for h in range(hours)
        for r in range(routes)
        for _ in range(5 if r < 2 else 1)
    ]
    return frame_of(rows)


def state_of(plan: ReportPlan, frame: pl.DataFrame) -> PartialState:
    chosen = frame.select(sorted(plan.columns))
    return merge(plan, [partial(plan, part) for part in chosen.iter_slices(200)])


def cube(plan: ReportPlan, state: PartialState, table: str) -> CubeState:
    return state.cubes[cube_layout(plan).cube_of_table[table]]


@pytest.mark.parametrize("limits", [{"max_keys": 60}, {"max_cells": 60}])
def test_the_busiest_routes_and_consumers_keep_all_their_hours(limits: dict[str, Any]) -> None:
    plan = ReportPlan(tables=TABLES, learns_routes=False, **limits)
    state = state_of(plan, records(12, 30))
    for table, key in ((ROUTE_HOURS, "route"), (CONSUMER_HOURS, "consumer")):
        own = cube(plan, state, table.name)
        assert own.keys.height <= max(limits.get("max_keys", 0), 30 * 12)
        kept = own.keys.filter(pl.col("fold") == 0).group_by(key).len()
        if table is ROUTE_HOURS or "max_keys" in limits:
            assert set(kept["len"].to_list()) == {12}
            assert {name[-1] for name in kept[key].to_list()} >= {"0", "1"}
        hourly = (
            own.keys[own.sums["id"]]
            .hstack(own.sums.drop("id"))
            .group_by("hour")
            .agg(pl.col("requests").sum())
        )
        assert set(hourly["requests"].to_list()) == {38}


@pytest.mark.slow
def test_only_the_newest_hours_of_parts_are_kept() -> None:
    plan = ReportPlan(tables=TABLES)
    hours = MOST_PART_HOURS + 30
    state = state_of(plan, records(hours, 1))
    parts = cube(plan, state, ROUTE_HOURS.name).keys["hour"]
    assert (parts.n_unique(), parts.min()) == (MOST_PART_HOURS, START + 30 * HOUR)
    assert cube(plan, state, HOURS.name).keys["hour"].n_unique() == hours
    assert timedelta(weeks=PART_WEEKS) < MOST_PART_HOURS * HOUR
    tables = finish(plan, state).tables
    assert tables["endpoints"]["requests"].sum() == 5 * hours


def test_of_many_latencies_the_newest_hours_are_kept() -> None:
    plan = ReportPlan(tables=TABLES, max_cells=20)
    state = state_of(plan, records(30, 5))
    whole = cube(plan, state, HOURS.name)
    assert whole.histograms["duration_ms"].height <= 20
    assert whole.keys["hour"].max() == START + 29 * HOUR
    assert finish(plan, state).tables["endpoints"]["requests"].sum() == 13 * 30


def test_of_equally_busy_parts_the_same_ones_stay_in_any_order() -> None:
    plan = ReportPlan(tables=TABLES, learns_routes=False, max_keys=40)
    chosen = records(4, 50).select(sorted(plan.columns))
    states = [partial(plan, part) for part in chosen.iter_slices(40)]
    kept = []
    for order in (states, states[::-1]):
        keys = cube(plan, merge(plan, order), CONSUMER_HOURS.name).keys.filter(fold=0)
        kept.append(sorted(keys["consumer"].unique()))
        assert keys.height == 4 * len(kept[-1])
    assert kept[0] == kept[1]
    assert {"app 0", "app 1"} < {*kept[0]}

"""The summary of the calls is the same in any order, any grouping and any shards."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from apilog.developer_success import call_summary, latency_cells
from apilog.developer_success.call_facts import partial_calls
from apilog.developer_success.call_plan import CallPlan, CallSummary, CohortPeriod
from apilog.developer_success.call_summary import CallAccumulator
from apilog.developer_success.consumer_lookup import ConsumerLookup
from apilog.developer_success.latency_cells import LatencyCells
from apilog.schema import SCHEMA
from tests.examples import about
from tests.success.random_worlds import AS_OF, START, world
from tests.success.success_oracle import World

FRAMES = ("accounts", "activations", "active", "lasts", "minutes", "later", "periods")


def plan_of(one: World) -> CallPlan:
    claims = [
        (consumer, number)
        for number, row in enumerate(one.accounts)
        for consumer in row["consumers"] or [row["account"]]
    ]
    schema = {"consumer": pl.String, "id": pl.UInt32}
    return CallPlan(
        consumers=ConsumerLookup(pl.DataFrame(claims, schema=schema, orient="row")),
        trials=pl.DataFrame(
            [
                (r["trial_started_at"], r["trial_ends_at"], r["variant"] is not None)
                for r in one.accounts
            ],
            schema={
                "trial_started_at": SCHEMA["timestamp"],
                "trial_ends_at": SCHEMA["timestamp"],
                "is_detailed": pl.Boolean,
            },
            orient="row",
        ),
        as_of=one.as_of,
        recent_from=one.as_of - timedelta(days=30),
        activation_calls=3,
        cohort=CohortPeriod.WEEK,
    )


def records_of(plan: CallPlan, one: World) -> pl.DataFrame:
    rows = [
        {
            "timestamp": call.at,
            "consumer": call.consumer,
            "status": call.status,
            "duration_ms": call.ms,
            "route": call.route,
            "gateway": random.Random(call.at.timestamp()).choice((None, "nginx", "apigee")),
        }
        for call in one.calls
    ]
    schema = {name: SCHEMA[name] for name in sorted(plan.columns)}
    return pl.DataFrame(rows, schema=schema)


def summary_of(plan: CallPlan, parts: Iterable[pl.DataFrame]) -> CallSummary:
    accumulator = CallAccumulator(plan)
    for part in parts:
        accumulator.add(partial_calls(plan, part))
    return accumulator.summary()


def counted_latencies(summary: CallSummary) -> pl.DataFrame:
    parts = [
        shard.ranked(in_trial=in_trial).select(
            pl.col("place").cast(pl.Int64) + shard.first, "bucket", "n", in_trial=pl.lit(in_trial)
        )
        for shard in summary.latencies
        for in_trial in (False, True)
    ]
    frame = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(CELL, pl.Int64))
    return frame.group_by(CELL).agg(pl.col("n").sum()).sort(CELL)


CELL = ("place", "bucket", "in_trial")


def assert_same(one: CallSummary, other: CallSummary) -> None:
    assert (one.first, one.last, one.late) == (other.first, other.last, other.late)
    for name in FRAMES:
        assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    if one.latencies:
        assert_frame_equal(counted_latencies(one), counted_latencies(other))


CUTTINGS = (st.integers(0, 10**6), st.integers(0, 25), st.lists(st.integers(0, 300), max_size=6))


@pytest.mark.slow
@settings(max_examples=about(15))
@given(*CUTTINGS)
def test_any_cutting_and_any_order_give_the_same_state(
    seed: int, accounts: int, cuts: list[int]
) -> None:
    check_cutting(seed, accounts, cuts)


@pytest.mark.slow
@settings(max_examples=about(40))
@given(*CUTTINGS)
def test_many_cuttings_give_the_same_state(seed: int, accounts: int, cuts: list[int]) -> None:
    check_cutting(seed, accounts, cuts)


def check_cutting(seed: int, accounts: int, cuts: list[int]) -> None:
    one = world(seed, accounts, 300)
    plan = plan_of(one)
    records = records_of(plan, one)
    edges = sorted({0, 300, *cuts})
    parts = [records[a:b] for a, b in pairwise(edges)]
    whole = summary_of(plan, [records])
    random.Random(seed).shuffle(parts)
    assert_same(summary_of(plan, parts), whole)
    # Added up after each part, too, and asked for in between.
    accumulator = CallAccumulator(plan)
    for part in parts:
        accumulator.add(partial_calls(plan, part))
        accumulator.summary()
    assert_same(accumulator.summary(), whole)


def test_text_may_be_dictionary_encoded() -> None:
    one = world(3, 20, 300)
    plan = plan_of(one)
    records = records_of(plan, one)
    encoded = records.with_columns(pl.col("consumer", "route").cast(pl.Categorical))
    assert_same(summary_of(plan, [encoded]), summary_of(plan, [records]))


def test_consumers_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = pl.DataFrame(
        {"consumer": ["b", "", "a"], "id": [0, 1, 2]},
        schema={"consumer": pl.String, "id": pl.UInt32},
    )
    asked = pl.Series("consumer", ["a", None, "c", "b", "", "a", "zz"])
    expected = [2, None, None, 0, 1, 2, None]
    assert ConsumerLookup(claims).find(asked).to_list() == expected
    monkeypatch.setattr(pl.Expr, "hash", lambda key: pl.lit(7, pl.UInt64))
    assert ConsumerLookup(claims).find(asked).to_list() == expected


def test_shards_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(4, 50, 2_000)
    plan = plan_of(one)
    records = records_of(plan, one)
    parts = [records[i : i + 250] for i in range(0, 2_000, 250)]
    whole = summary_of(plan, parts)
    for module in (call_summary, latency_cells):
        monkeypatch.setattr(module, "SHARD_ACCOUNTS", 8)
    sharded = summary_of(plan, parts)
    assert len(sharded.latencies) == 7
    assert_same(sharded, whole)


@pytest.mark.slow
def test_counting_cells_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(5, 40, 2_000)
    plan = plan_of(one)
    records = records_of(plan, one)
    parts = [records[i : i + 100] for i in range(0, 2_000, 100)]
    whole = summary_of(plan, [records])
    monkeypatch.setattr(LatencyCells, "_FEWEST_GATHERED", 50)
    monkeypatch.setattr(call_summary, "_FEWEST_PENDING", 50)
    monkeypatch.setattr(call_summary, "_MOST_PENDING", 50)
    assert_same(summary_of(plan, parts), whole)


@pytest.mark.parametrize(
    ("most", "is_counted"), [(3, True), (40, True), (1 << 31, False)], ids=["few", "some", "many"]
)
def test_cells_are_counted_only_where_they_repeat(
    monkeypatch: pytest.MonkeyPatch, most: int, is_counted: bool
) -> None:
    monkeypatch.setattr(LatencyCells, "_FEWEST_GATHERED", 50)
    chance = random.Random(9)
    met = [chance.randrange(most) for _ in range(1_000)]
    cells = LatencyCells(0)
    for start in range(0, 1_000, 20):
        cells.add(pl.Series(met[start : start + 20], dtype=pl.UInt32))
    shard = cells.shard()
    assert (shard.counts is not None) == is_counted
    counts = [1] * len(shard.cells) if shard.counts is None else shard.counts
    expanded = [c for c, n in zip(shard.cells, counts, strict=True) for _ in range(n)]
    assert expanded == sorted(met)
    assert LatencyCells(0).shard().cells.is_empty()


def test_what_is_kept_of_an_account_does_not_grow_with_its_calls() -> None:
    one = world(6, 10, 0)
    plan = plan_of(one)
    key = one.accounts[0]["consumers"] or [one.accounts[0]["account"]]
    times = [START + timedelta(seconds=7 * i) for i in range(20_000)]
    records = (
        pl.DataFrame(
            {"timestamp": times, "consumer": [key[0]] * 20_000, "status": [200] * 20_000},
        )
        .with_columns(
            duration_ms=pl.lit(5.0),
            route=pl.lit("/v1"),
            gateway=pl.lit("nginx").cast(SCHEMA["gateway"]),
        )
        .cast({"status": pl.Int16, "timestamp": SCHEMA["timestamp"]})
    )
    state = summary_of(plan, [records])
    assert (state.accounts.height, state.activations.height, state.lasts.height) == (1, 1, 1)
    assert state.active.height <= 2
    assert sum(len(shard.cells) for shard in state.latencies) <= 2
    assert state.minutes.height <= (AS_OF - START).total_seconds() / 60

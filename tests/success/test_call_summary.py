"""The summary of the calls is the same in any order, any grouping and any shards."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from apilog.developer_success import call_summary
from apilog.developer_success.call_plan import CallPlan, CallSummary, CohortPeriod
from apilog.developer_success.call_summary import CallAccumulator, merge_calls, partial_calls
from apilog.schema import SCHEMA
from tests.examples import about
from tests.success.random_worlds import AS_OF, START, world
from tests.success.success_oracle import World

FRAMES = (
    *("accounts", "successes", "active", "lasts", "latencies", "minutes"),
    *("later", "periods"),
)


def plan_of(one: World) -> CallPlan:
    claims = [
        (consumer, number)
        for number, row in enumerate(one.accounts)
        for consumer in row["consumers"] or [row["account"]]
    ]
    schema = {"consumer": pl.String, "id": pl.UInt32}
    return CallPlan(
        claims=pl.DataFrame(claims, schema=schema, orient="row").sort("consumer"),
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


def assert_same(one: CallSummary, other: CallSummary) -> None:
    assert (one.first, one.last, one.late) == (other.first, other.last, other.late)
    for name in FRAMES:
        assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


CUTTINGS = (st.integers(0, 10**6), st.integers(0, 25), st.lists(st.integers(0, 300), max_size=6))


@settings(max_examples=15)
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
    whole = partial_calls(plan, records)
    edges = sorted({0, 300, *cuts})
    parts = [records[a:b] for a, b in pairwise(edges)]
    random.Random(seed).shuffle(parts)
    states = [partial_calls(plan, part) for part in parts]
    assert_same(merge_calls(plan, states), merge_calls(plan, [whole]))
    assert_same(
        merge_calls(plan, [merge_calls(plan, states[:2]), *states[2:]]), merge_calls(plan, [whole])
    )


def test_text_may_be_dictionary_encoded() -> None:
    one = world(3, 20, 300)
    plan = plan_of(one)
    records = records_of(plan, one)
    encoded = records.with_columns(pl.col("consumer", "route").cast(pl.Categorical))
    assert_same(partial_calls(plan, encoded), partial_calls(plan, records))


def test_shards_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(4, 50, 2_000)
    plan = plan_of(one)
    records = records_of(plan, one)
    states = [partial_calls(plan, records[i : i + 250]) for i in range(0, 2_000, 250)]
    whole = merge_calls(plan, states)
    monkeypatch.setattr(call_summary, "_SHARD_ACCOUNTS", 7)
    assert_same(merge_calls(plan, states), whole)


def test_folding_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(5, 40, 2_000)
    plan = plan_of(one)
    records = records_of(plan, one)
    states = [partial_calls(plan, records[i : i + 100]) for i in range(0, 2_000, 100)]
    monkeypatch.setattr(call_summary, "_MERGE_ROWS", 50)
    accumulator = CallAccumulator(plan)
    for state in states:
        accumulator.add(state)
    assert_same(accumulator.merged_summary(), merge_calls(plan, states))


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
    state = partial_calls(plan, records)
    assert (state.accounts.height, state.successes.height, state.lasts.height) == (1, 3, 1)
    assert state.active.height <= 2
    assert state.latencies.height <= 2
    assert state.minutes.height <= (AS_OF - START).total_seconds() / 60

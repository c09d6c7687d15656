"""Every figure of every table against a plain-Python oracle."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings

from apilog.developer_success import build_success_report
from apilog.options import PlanTerms, SuccessOptions
from apilog.report_model import Report
from tests.examples import about
from tests.success.random_worlds import AS_OF, START, account, call, world, worlds, write
from tests.success.success_oracle import Oracle, Row, World

# A latency is within 1 % of the one that has the rank.
PAID = "revenue_per_1000_requests"
SHIFTED = ("value", "typical", "lift", "low", "high")
LATENCIES = ("latency_p95_ms", "latency_p95_ms_converted", "latency_p95_ms_lost")


def options(world: World, table: Path, **more: object) -> SuccessOptions:
    return SuccessOptions(
        accounts=str(table),
        plans={n: PlanTerms(quota=q, price=p) for n, (q, p) in world.plans.items()},
        as_of=world.as_of,
        activation_calls=world.activation_calls,
        cohort=world.cohort,
        control=world.control,
        min_accounts=world.min_accounts,
        since=world.since,
        until=world.until,
        **more,  # type: ignore[arg-type]
    )


def success_report(world: World) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        log, table = write(world, Path(folder))
        return build_success_report([log], options(world, table))


def assert_table(name: str, table: pl.DataFrame, expected: list[Row]) -> None:
    assert table.height == len(expected), (name, table, expected)
    for got, wanted in zip(table.iter_rows(named=True), expected, strict=True):
        assert set(got) == set(wanted), name
        for column, value in wanted.items():
            if isinstance(value, float) and got[column] is not None:
                is_latency = column in LATENCIES or (
                    wanted.get("metric") == "latency_p95" and column in SHIFTED
                )
                # Of a lift its distance from -1 is what may be off by so much.
                shift = 1 if column in ("lift", "low", "high") else 0
                # What each account paid is rounded to millionths.
                rel = 0.045 if is_latency else 1e-5 if column == PAID else 1e-9
                close = pytest.approx(value + shift, rel=rel, abs=1e-9)
                assert got[column] + shift == close, (name, column, got, wanted)
            else:
                assert got[column] == value, (name, column, got, wanted)


def check(world: World) -> None:
    report = success_report(world)
    expected = Oracle(world).tables()
    assert set(report.tables) == {*expected, "goals"}
    for name, rows in expected.items():
        assert_table(name, report.tables[name], rows)
    assert report.input.records == len(world.calls)


@settings(max_examples=about(6))
@given(worlds)
@example(world(1, 0, 0))
@example(world(2, 0, 50))
@example(world(3, 20, 0))
@example(world(4, 25, 400, 1.0))
def test_every_figure_is_the_oracles(world: World) -> None:
    check(world)


@pytest.mark.slow
@settings(max_examples=about(25))
@given(worlds)
def test_every_figure_is_the_oracles_in_many_worlds(world: World) -> None:
    check(world)


@pytest.mark.slow
def test_many_accounts_and_calls() -> None:
    check(dataclasses.replace(world(11, 300, 8_000), min_accounts=50, activation_calls=10))


def test_all_have_converted() -> None:
    one = world(5, 30, 300)
    for row in one.accounts:
        row["converted_at"] = START
    check(one)


@pytest.mark.slow
def test_nobody_has_a_trial() -> None:
    one = world(6, 30, 300)
    for row in one.accounts:
        row["trial_started_at"] = None
    assert Oracle(one).trials() == []
    check(one)


@pytest.mark.slow
def test_accounts_that_sign_up_later_are_left_out_and_told() -> None:
    one = world(7, 30, 300)
    for row in one.accounts[:10]:
        row["signed_up_at"] = AS_OF + timedelta(days=1)
    check(one)
    left_out = len(one.accounts) - len(Oracle(one).accounts)
    assert left_out >= 10
    note = f"{left_out} accounts signed up after 2026-11-18 09:30 UTC: left out"
    assert note in success_report(one).notes


def test_times_at_the_very_limits() -> None:
    one = world(8, 0, 0)
    rng = random.Random(8)
    row = account(rng, 1, 1.0) | {"consumers": ["key"], "trial_kind": "reverse"}
    row |= {
        "signed_up_at": AS_OF,
        "trial_started_at": AS_OF - timedelta(days=3),
        "trial_ends_at": AS_OF,
        "converted_at": None,
        "churned_at": AS_OF - timedelta(days=30),
    }
    calls = [call(rng, ["key"]) for _ in range(4)]
    times = (
        AS_OF,
        AS_OF - timedelta(days=3),
        AS_OF - timedelta(days=30),
        AS_OF - timedelta(seconds=1),
    )
    calls = [dataclasses.replace(c, at=at) for c, at in zip(calls, times, strict=True)]
    check(dataclasses.replace(one, accounts=[row], calls=calls, since=None, until=None))

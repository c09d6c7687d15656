"""Quantiles from log buckets: within 1 %, and exact where they can be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import ReportPlan, TableSpec, finish, merge, partial
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.record_strategies import START
from tests.examples import about

QUANTILES = (50, 90, 95, 99)
PLAN = ReportPlan(
    tables=(
        TableSpec(
            name="overview",
            metrics=("latency_min", "latency_max", *(f"latency_p{q}" for q in QUANTILES)),
        ),
    )
)


def quantiles(values: Sequence[float | None], chunks: int = 1) -> dict[int, float | None]:
    rows: list[Record] = [{"timestamp": START, "duration_ms": v} for v in values]
    frame = frame_of(rows).select(sorted(PLAN.columns))
    state = merge(PLAN, [partial(PLAN, frame[i::chunks]) for i in range(chunks)])
    row = finish(PLAN, state).tables["overview"].row(0, named=True)
    return {q: row[f"latency_p{q}_ms"] for q in QUANTILES}


@given(st.lists(st.floats(0.001, 1e10), min_size=1, max_size=200), st.integers(1, 3))
def test_quantiles_are_within_one_percent(values: list[float], chunks: int) -> None:
    ordered = sorted(values)
    for q, value in quantiles(values, chunks).items():
        exact = ordered[math.floor(q / 100 * (len(ordered) - 1))]
        assert value == pytest.approx(exact, rel=0.01)


@given(st.floats(0.1, 1e9).map(lambda v: round(v, 3)), st.integers(1, 30))
def test_a_constant_is_exact(value: float, n: int) -> None:
    assert set(quantiles([value] * n).values()) == {value}


@settings(max_examples=about(25))
@given(st.lists(st.sampled_from([0.0, -0.0, -5.0]), min_size=1))
def test_zero_is_exactly_zero_and_nothing_is_below(values: list[float]) -> None:
    assert set(quantiles(values).values()) == {0.0}


def test_zero_has_a_bucket_of_its_own() -> None:
    assert quantiles([0.0, 0.0, 0.0, 7.0, 7.0]) == {50: 0, 90: 7, 95: 7, 99: 7}


def test_the_rank_is_rounded_down() -> None:
    assert quantiles([1.0, 1000.0])[99] == pytest.approx(1, rel=0.01)


@settings(max_examples=about(25))
@given(st.lists(st.sampled_from([None, math.nan, math.inf, -math.inf, 1e12]), max_size=5))
def test_what_is_no_duration_is_left_out(values: list[float | None]) -> None:
    assert set(quantiles(values).values()) == {None}
    assert set(quantiles([*values, 3.0]).values()) == {3.0}


def test_shorter_than_a_microsecond_is_not_zero() -> None:
    found = quantiles([0.0004] * 3)[50]
    assert found is not None
    assert 0 < found <= 0.001


def test_durations_are_written_as_the_log_has_them() -> None:
    for micros in (183_878, 101, 1_001, 4_350, 29_000, 123_456_789, 3_600_000_001):
        row: Record = {"timestamp": START, "duration_ms": micros / 1000}
        table = finish(PLAN, partial(PLAN, frame_of([row]).select(sorted(PLAN.columns))))
        assert set(table.tables["overview"].row(0)) == {micros / 1000}

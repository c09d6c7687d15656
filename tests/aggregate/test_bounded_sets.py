"""Distinct values: counted one by one while they are few, estimated alike however they are cut."""

from __future__ import annotations

import random
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import (
    FinishedTables,
    PartialState,
    ReportPlan,
    finish,
    merge,
    partial,
    select_tables,
)
from apilog.aggregate.bounded_sets import hash_values, relative_error
from apilog.report_model import EstimatedColumn
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.record_strategies import START, property_of
from tests.aggregate.test_merge import assert_same, pieces, tree
from tests.examples import about

callers = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.just(START),
            "gateway": st.just("nginx"),
            "method": st.sampled_from(["GET", None]),
            "route": st.sampled_from(["/a", "/b", "/c", None]),
            "status": st.just(200),
            "client_ip": st.integers(0, 30).map(lambda n: f"192.0.2.{n}") | st.none(),
            "consumer": st.integers(0, 40).map(lambda n: f"user{n}"),
        }
    ),
    max_size=120,
)
plans = st.builds(
    ReportPlan,
    tables=st.sampled_from(
        [
            select_tables(["overview", "endpoints", "consumers"]),
            select_tables(["overview", "endpoints"], ["route", "consumer"]),
        ]
    ),
    max_members=st.sampled_from([3, 8, 20]),
    max_cells=st.sampled_from([40, 2_000_000]),
    learns_routes=st.just(value=False),
)


def state_of(plan: ReportPlan, rows: Sequence[Record]) -> PartialState:
    return merge(plan, [partial(plan, frame_of(rows).select(sorted(plan.columns)))])


def found(plan: ReportPlan, rows: Sequence[Record]) -> FinishedTables:
    return finish(plan, state_of(plan, rows))


@settings(max_examples=about(15))
@given(plans, callers, st.randoms(use_true_random=False))
def test_any_chunks_in_any_order_give_the_same_estimates(
    plan: ReportPlan, rows: list[Record], choice: random.Random
) -> None:
    whole = found(plan, rows)
    merged = finish(plan, tree(plan, [state_of(plan, p) for p in pieces(rows, choice)], choice))
    assert_same(merged, whole)
    assert merged.estimates == whole.estimates


@pytest.mark.slow
@settings(max_examples=about(30))
@given(plans, callers, st.randoms(use_true_random=False))
def test_any_chunks_in_any_order_give_the_same_estimates_often(
    plan: ReportPlan, rows: list[Record], choice: random.Random
) -> None:
    property_of(test_any_chunks_in_any_order_give_the_same_estimates)(plan, rows, choice)


@pytest.mark.slow
@settings(max_examples=about(15))
@given(callers)
def test_what_no_set_is_too_small_for_is_exact(rows: list[Record]) -> None:
    tables = select_tables(["overview", "endpoints", "consumers"])
    clients = {row["client_ip"] for row in rows} - {None}
    most = max(len(clients), len({row["consumer"] for row in rows})) + 1
    plan = ReportPlan(tables=tables, max_members=most)
    bounded = found(plan, rows)
    assert_same(bounded, found(ReportPlan(tables=tables), rows))
    assert bounded.tables["overview"]["clients"].to_list() == [len(clients) or None]
    assert bounded.estimates == ()


def crowd(callers: int, more: int) -> pl.DataFrame:
    """Calls of so many callers, each of a consumer and address of its own, by one route each.

    There are as many `more` calls of a second route by few of them.
    """
    number = pl.concat([pl.int_range(callers, eager=True), pl.int_range(more, eager=True)])
    return pl.DataFrame({"n": number}).select(
        timestamp=pl.lit(START),
        gateway=pl.lit("nginx"),
        method=pl.lit("GET"),
        route=pl.when(pl.int_range(pl.len()) < callers)
        .then(pl.lit("/many"))
        .otherwise(pl.lit("/few")),
        status=pl.lit(200, pl.Int16),
        consumer=pl.format("user{}", "n"),
        client_ip=pl.format("192.0.2.{}", "n"),
    )


def test_estimates_are_about_right_and_named() -> None:
    plan = ReportPlan(tables=select_tables(["overview", "endpoints"]), max_members=1000)
    rows = frame_of([]).clear()
    calls = pl.concat([rows, crowd(20_000, 300)], how="diagonal_relaxed")
    parts = [
        partial(plan, calls[start : start + 7_000].select(sorted(plan.columns)))
        for start in range(0, calls.height, 7_000)
    ]
    finished = finish(plan, merge(plan, parts))
    error = relative_error(1000)
    (overview,) = finished.tables["overview"].to_dicts()
    many, few = finished.tables["endpoints"].sort("requests", descending=True).to_dicts()
    for count in (overview["clients"], overview["consumers"], many["consumers"]):
        assert abs(count - 20_000) < 4 * error * 20_000
    assert few["consumers"] == 300
    assert [(e.table, e.column) for e in finished.estimates] == [
        ("overview", "consumers"),
        ("overview", "clients"),
        ("endpoints", "consumers"),
    ]
    assert {e.relative_error for e in finished.estimates} == {error}
    assert isinstance(finished.estimates[0], EstimatedColumn)


@pytest.mark.parametrize(
    "values",
    [
        pl.int_range(100_000, eager=True).cast(pl.String),
        pl.select(pl.format("/a/long/name/of/a/consumer/{}", pl.int_range(100_000))).to_series(),
        pl.int_range(100_000, eager=True),
        pl.int_range(100_000, eager=True) / 8,
    ],
    ids=["short", "long", "numbers", "fractions"],
)
def test_hashes_are_spread_evenly(values: pl.Series) -> None:
    shares = (hash_values(values).sort() / 2**64).to_list()
    distance = max(abs(share - place / len(shares)) for place, share in enumerate(shares))
    # Kolmogorov-Smirnov: farther in one of 10 000 samples by chance.
    assert distance < 2.23 / len(shares) ** 0.5

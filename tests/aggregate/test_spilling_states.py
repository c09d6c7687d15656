"""States of many reports in one pass: in memory or not, they are what they would be alone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import (
    ReportPlan,
    finish,
    merge,
    partial,
    select_tables,
    split_by_time,
)
from apilog.aggregate.spilling_states import SpillingStates
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.record_strategies import property_of, records
from tests.aggregate.test_merge import assert_same, pieces
from tests.examples import about

PLANS = {
    "all": ReportPlan(tables=select_tables()),
    "by": ReportPlan(tables=select_tables(["endpoints", "consumers"], ["client_ip"]), bucket="90s"),
    "few": ReportPlan(tables=select_tables(["statuses"]), timezone=str(ZoneInfo("Asia/Kathmandu"))),
}


@settings(max_examples=about(6))
@given(st.dictionaries(st.sampled_from(sorted(PLANS)), records), st.randoms(), st.booleans())
def test_what_is_taken_is_all_that_was_added(
    rows: dict[str, list[Record]], choice: object, in_memory: bool
) -> None:
    held: SpillingStates[str] = SpillingStates(
        PLANS.__getitem__, most_bytes=1 << 30 if in_memory else 0
    )
    states = [
        (key, partial(PLANS[key], frame_of(piece)))
        for key, own in rows.items()
        for piece in pieces(own, choice)  # type: ignore[arg-type]
    ]
    choice.shuffle(states)  # type: ignore[attr-defined]
    for key, state in states:
        held.add(key, state)
    assert held.keys() == set(rows)
    for key, own in rows.items():
        plan = PLANS[key]
        assert_same(finish(plan, held.take(key)), finish(plan, partial(plan, frame_of(own))))
    assert held.keys() == set()
    held.close()


@pytest.mark.slow
@settings(max_examples=about(15))
@given(st.dictionaries(st.sampled_from(sorted(PLANS)), records), st.randoms(), st.booleans())
def test_what_is_taken_is_all_that_was_added_often(
    rows: dict[str, list[Record]], choice: object, in_memory: bool
) -> None:
    property_of(test_what_is_taken_is_all_that_was_added)(rows, choice, in_memory)


def test_a_key_that_was_never_met_has_no_state() -> None:
    held: SpillingStates[str] = SpillingStates(PLANS.__getitem__)
    with pytest.raises(KeyError):
        held.take("all")


@pytest.mark.slow
@settings(max_examples=about(5))
@given(records)
def test_the_parts_of_a_split_are_all_of_it(rows: list[Record]) -> None:
    plan = PLANS["all"]
    states = [
        partial(plan, part) for _, part in split_by_time(frame_of(rows), "1h", "Europe/Paris")
    ]
    assert_same(finish(plan, merge(plan, states)), finish(plan, partial(plan, frame_of(rows))))


@pytest.mark.slow
@settings(max_examples=about(12))
@given(records)
def test_the_parts_of_a_split_are_all_of_it_often(rows: list[Record]) -> None:
    property_of(test_the_parts_of_a_split_are_all_of_it)(rows)

"""Merging: however the records are cut up and put together, the report is the same."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from apilog.aggregate import (
    FinishedTables,
    PartialState,
    ReportPlan,
    finish,
    merge,
    partial,
    select_tables,
)
from apilog.aggregate.chunk_cubes import ChunkCubes, list_cubes
from apilog.aggregate.cube import CubeState, EncodedRecords, partial_cube
from apilog.aggregate.distinct_keys import number_by_hash, number_keys
from apilog.aggregate.plan import Cube, cube_layout
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.record_strategies import START, property_of, records
from tests.examples import about

plans = st.builds(
    ReportPlan,
    tables=st.sampled_from(
        [
            select_tables(),
            select_tables(["overview", "endpoints"], ["route", "consumer"]),
            select_tables(["traffic", "endpoints"], ["timestamp", "client_ip"]),
        ]
    ),
    bucket=st.sampled_from([None, None, "90s", "1h", "1d"]),
    timezone=st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu"]),
    max_routes=st.sampled_from([1, 1000]),
    top=st.sampled_from([None, 2]),
)


def tree(plan: ReportPlan, partials: list[PartialState], choice: random.Random) -> PartialState:
    """Merges random ones, a few at a time, until one is left."""
    while len(partials) != 1:
        choice.shuffle(partials)
        some = choice.randint(0, min(4, len(partials)))
        partials = [*partials[some:], merge(plan, partials[:some])]
    return partials[0]


def assert_same(left: FinishedTables, right: FinishedTables) -> None:
    assert (left.since, left.until, left.bucket) == (right.since, right.until, right.bucket)
    assert list(left.tables) == list(right.tables)
    for name, table in left.tables.items():
        assert_frame_equal(table, right.tables[name], check_exact=True)


def pieces(rows: Sequence[Record], choice: random.Random) -> list[list[Record]]:
    cut: list[list[Record]] = [[] for _ in range(choice.randint(1, 6))]
    for row in rows:
        choice.choice(cut).append(row)
    return cut


@settings(max_examples=about(8))
@given(plans, records, st.randoms(use_true_random=False))
def test_any_chunks_in_any_order_give_the_same_report(
    plan: ReportPlan, rows: list[Record], choice: random.Random
) -> None:
    columns = sorted(plan.columns)
    whole = finish(plan, partial(plan, frame_of(rows).select(columns)))
    parts = [partial(plan, frame_of(p).select(columns)) for p in pieces(rows, choice)]
    assert_same(finish(plan, tree(plan, parts, choice)), whole)


@pytest.mark.slow
@settings(max_examples=about(20))
@given(plans, records, st.randoms(use_true_random=False))
def test_any_chunks_in_any_order_give_the_same_report_often(
    plan: ReportPlan, rows: list[Record], choice: random.Random
) -> None:
    property_of(test_any_chunks_in_any_order_give_the_same_report)(plan, rows, choice)


@settings(max_examples=about(6))
@given(plans, records)
def test_cubes_of_one_family_are_what_each_is_of_the_records(
    plan: ReportPlan, rows: list[Record]
) -> None:
    # Records that come eight times have few groups, as those of logs.
    frame = frame_of(rows * 8).select(sorted(plan.columns))
    chunk, layout = EncodedRecords(plan, frame), cube_layout(plan)
    alone = tuple(partial_cube(cube, chunk) for cube in layout.cubes)
    summed: list[Cube] = []

    def sum_records(cube: Cube) -> CubeState:
        summed.append(cube)
        return partial_cube(cube, chunk)

    together = list_cubes(layout, [ChunkCubes.of_records(layout, chunk, sum_records)])
    families = [family for family in layout.families if len(family.members) > 1]
    if rows:
        assert len(summed) == len(layout.cubes) - sum(len(f.members) for f in families)
    assert_same(
        finish(plan, PartialState(chunk.times, tuple(state for (state,) in together))),
        finish(plan, PartialState(chunk.times, alone)),
    )


def test_merging_nothing_is_an_empty_report() -> None:
    plan = ReportPlan(tables=select_tables())
    finished = finish(plan, merge(plan, []))
    assert (finished.since, finished.until, finished.bucket) == (None, None, None)
    overview = finished.tables.pop("overview").to_dicts()
    known = {name: value for name, value in overview[0].items() if value is not None}
    assert len(overview) == 1
    assert known == {"requests": 0, "errors": 0, "client_errors": 0, "server_errors": 0}
    assert {table.height for table in finished.tables.values()} == {0}


def test_an_empty_report_has_the_types_of_a_full_one() -> None:
    plan = ReportPlan(tables=select_tables())
    row = {"timestamp": START, "gateway": "nginx", "consumer": "anna", "duration_ms": 1.0}
    full = finish(plan, partial(plan, frame_of([row]).select(sorted(plan.columns))))
    empty = finish(plan, merge(plan, []))
    for name, table in full.tables.items():
        assert empty.tables[name].schema == table.schema


@settings(max_examples=about(6))
@given(records)
def test_a_state_and_its_plan_survive_pickling(rows: list[Record]) -> None:
    plan = ReportPlan(tables=select_tables())
    state = partial(plan, frame_of(rows).select(sorted(plan.columns)))
    sent_plan, sent = pickle.loads(pickle.dumps((plan, state)))
    assert sent_plan == plan
    assert_same(
        finish(sent_plan, merge(sent_plan, [sent, sent])), finish(plan, merge(plan, [state, state]))
    )


_OTHER_PROCESS = """
import pickle, sys
from apilog.aggregate import partial
from tests.examples import about
sys.stdout.buffer.write(pickle.dumps(partial(*pickle.load(sys.stdin.buffer))))
"""


@pytest.mark.slow
def test_states_of_two_processes_merge() -> None:
    plan = ReportPlan(tables=select_tables(["overview", "endpoints"]))
    rows: list[Record] = [
        {"timestamp": START, "consumer": f"c{i}", "client_ip": f"192.0.2.{i}"} for i in range(9)
    ]
    records = frame_of(rows).select(sorted(plan.columns))
    done = subprocess.run(
        [sys.executable, "-c", _OTHER_PROCESS],
        input=pickle.dumps((plan, records)),
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    state = merge(plan, [partial(plan, records), pickle.loads(done.stdout)])
    overview = finish(plan, state).tables["overview"].row(0, named=True)
    assert (overview["requests"], overview["consumers"], overview["clients"]) == (18, 9, 9)


@pytest.mark.slow
@settings(max_examples=about(6))
@given(records)
def test_text_may_come_as_codes_of_any_dictionary(rows: list[Record]) -> None:
    plan = ReportPlan(tables=select_tables())
    text = frame_of(rows).select(sorted(plan.columns))
    coded = text.with_columns(
        text[c].cast(pl.Categorical(pl.Categories.random()))
        for c, dtype in text.schema.items()
        if dtype == pl.String
    )
    shared = text.with_columns(pl.col(pl.String).cast(pl.Categorical))
    expected = finish(plan, merge(plan, [partial(plan, text)] * 2))
    assert_same(finish(plan, merge(plan, [partial(plan, coded), partial(plan, text)])), expected)
    assert_same(finish(plan, merge(plan, [partial(plan, shared), partial(plan, coded)])), expected)


def test_keys_numbered_by_hashes_are_those_numbered_by_their_values() -> None:
    rng = random.Random(5)
    texts = (None, "", "a", "b", "ß")
    keys = pl.DataFrame(
        {
            "fold": [rng.randrange(3) for _ in range(400)],
            "route": [rng.choice(texts) for _ in range(400)],
            "timestamp": [rng.choice((None, START)) for _ in range(400)],
        }
    )
    unique, ids, is_alone = number_keys(keys)
    numbered = number_by_hash(keys, keys.hash_rows(1))
    assert numbered is not None
    assert_frame_equal(numbered.unique, unique)
    assert numbered.ids.to_list() == ids.to_list()
    assert numbered.is_alone.to_list() == is_alone.to_list()
    assert is_alone.to_list() == [keys.rows().count(row) == 1 for row in keys.rows()]
    assert unique.rows() == list(dict.fromkeys(keys.rows()))
    assert [unique.row(i) for i in ids] == keys.rows()
    assert number_by_hash(keys, pl.repeat(1, 400, eager=True)) is None

"""Chunks with very many keys: few are kept, sums stay exact, and busy ones survive."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from apilog.aggregate import ReportPlan, finish, merge, partial, select_tables
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.test_folding import AT, record

MOST = 40
KEPT = MOST // 4


def crowd(chunk: int) -> list[Record]:
    """Ten requests of one busy route in each chunk, and a hundred of a route each."""
    busy = [record("/busy", consumer="anna", duration_ms=5.0)] * 10
    return [
        *busy,
        *(
            record(f"/{chunk}/{i}", 404 if i % 3 else 200, consumer=f"c{chunk}.{i}")
            for i in range(100)
        ),
    ]


def counted(plan: ReportPlan, table: str, *keys: str) -> dict[tuple[object, ...], int]:
    states = [partial(plan, frame_of(crowd(n)).select(sorted(plan.columns))) for n in range(3)]
    found = finish(plan, merge(plan, states)).tables[table]
    return {row[:-1]: row[-1] for row in found.select(*keys, "requests").rows()}


def test_a_crowded_chunk_keeps_its_busiest_routes_and_counts_the_others_by_what_they_are() -> None:
    plan = ReportPlan(tables=select_tables(["endpoints"]), max_keys=MOST, learns_routes=False)
    (cube,) = partial(plan, frame_of(crowd(0)).select(sorted(plan.columns))).cubes
    assert cube.keys.height == KEPT + 2
    assert "/busy" in cube.keys["route"]
    found = counted(plan, "endpoints", "method", "route")
    assert found["GET", "/busy"] == 30
    # Every third of a hundred was answered.
    answered = sum(n for (_, route), n in found.items() if route not in ("(not found)", "/busy"))
    assert (found["GET", "(not found)"], answered) == (3 * 66, 3 * 34)


def test_routes_that_the_plan_knows_stay_in_a_crowded_chunk() -> None:
    known = frozenset({"/0/97", "/1/98"})
    plan = ReportPlan(tables=select_tables(["endpoints"]), max_keys=MOST, known_routes=known)
    found = counted(plan, "endpoints", "route")
    assert [found["/0/97",], found["/1/98",]] == [1, 1]


@pytest.mark.parametrize("by", [["consumer"], ["consumer", "route"], ["consumer", "status"]])
def test_whatever_the_keys_are_the_sums_of_a_crowded_chunk_are_exact(by: list[str]) -> None:
    plan = ReportPlan(tables=select_tables(["endpoints"], by), max_keys=MOST)
    found = counted(plan, "endpoints", *by)
    assert sum(found.values()) == 330
    assert max(found, key=lambda key: (key[0] == "anna", found[key]))[0] == "anna"
    assert sum(n for key, n in found.items() if key[0] == "anna") == 30


def test_a_part_folds_in_all_its_hours() -> None:
    plan = ReportPlan(tables=select_tables(["anomalies"]), max_keys=MOST)
    rows = [
        {**row, "timestamp": AT.replace(hour=n % 5)} for n, row in enumerate(crowd(0) + crowd(0))
    ]
    state = partial(plan, frame_of(rows).select(sorted(plan.columns)))
    for cube in state.cubes:
        if "consumer" not in cube.keys.columns or "hour" not in cube.keys.columns:
            continue
        keys = cube.keys.with_row_index("id").join(cube.sums, on="id")
        hours: Counter[str] = Counter()
        for consumer, requests in keys.select("consumer", "requests").rows():
            hours[consumer] += requests
        assert hours["anna"] == 20
        assert sum(hours.values()) == len(rows)
        assert keys["consumer"].drop_nulls().n_unique() == KEPT


def test_texts_of_what_folded_are_not_kept() -> None:
    plan = ReportPlan(tables=select_tables(["consumers"]), max_keys=MOST)
    (cube,) = partial(plan, frame_of(crowd(0)).select(sorted(plan.columns))).cubes
    assert cube.keys.filter(pl.col("fold") > 0)["consumer"].to_list() == [None]

"""Folding: few rows whatever the log holds, and totals that stay exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from threading import enumerate as enumerate_threads
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import (
    FinishedTables,
    ReportPlan,
    finish,
    merge,
    partial,
    select_tables,
    state,
)
from apilog.aggregate.folding import first_of
from apilog.aggregate.state import PartialState, merge_in_batches
from apilog.errors import UsageError
from tests.aggregate import oracle
from tests.aggregate.definition_checks import check, run
from tests.aggregate.oracle import OTHERS, Key, Record, frame_of
from tests.aggregate.record_strategies import property_of, records
from tests.examples import about

AT = datetime(2026, 11, 21, tzinfo=UTC)
FOLDED = ("endpoints", "latency", "errors", "consumers", "gateways")


def record(route: str | None, status: int | None = 200, **more: Any) -> Record:
    return {
        "timestamp": AT,
        "gateway": "nginx",
        "method": "GET",
        "route": route,
        "status": status,
        **more,
    }


def endpoints(plan: ReportPlan, rows: Sequence[Record]) -> dict[Key, int]:
    """Requests of each row of the table."""
    table = run(plan, rows).tables["endpoints"]
    keys = [name for name in table.columns if name in plan.tables[0].keys]
    return {tuple(row[k] for k in keys): row["requests"] for row in table.to_dicts()}


def plan_of(*tables: str, by: Sequence[str] = (), **more: Any) -> ReportPlan:
    return ReportPlan(tables=select_tables(tables or ["endpoints"], by), **more)


def test_a_route_that_nobody_ever_found_folds() -> None:
    rows = [
        *[record("/wp-login.php", 404), record("/.env", 404), record("/.env", 404)],
        *[record("/users/{id}", 404), record("/users/{id}", 200)],
        *[record("/.env", 404, method="POST"), record("/secret", 403)],
        record("/users/{id}", 404, method="HEAD"),
    ]
    assert endpoints(plan_of(), rows) == {
        ("nginx", "GET", "(not found)"): 3,
        ("nginx", "GET", "/users/{id}"): 2,
        ("nginx", "HEAD", "/users/{id}"): 1,
        ("nginx", "POST", "(not found)"): 1,
        ("nginx", "GET", "/secret"): 1,
    }


def test_routes_that_a_gateway_names_never_fold() -> None:
    rows = [record(f"/{i}", 404, gateway="aws-apigateway") for i in range(3)]
    found = endpoints(plan_of(max_routes=1), rows)
    assert found == {("aws-apigateway", "GET", f"/{i}"): 1 for i in range(3)}


def test_a_missing_route_never_folds() -> None:
    assert endpoints(plan_of(max_routes=1), [record(None, 404), record("/a"), record("/a")]) == {
        ("nginx", "GET", "/a"): 2,
        ("nginx", "GET", None): 1,
    }


def test_the_busiest_routes_stay_and_the_others_fold_by_gateway_and_method() -> None:
    rows = [
        *(record("/a") for _ in range(4)),
        *(record("/b") for _ in range(3)),
        *(record("/c") for _ in range(2)),
        *[record("/d"), record("/f", method="POST"), record("/e", 404)],
    ]
    assert endpoints(plan_of(max_routes=2), rows) == {
        ("nginx", "GET", "/a"): 4,
        ("nginx", "GET", "/b"): 3,
        ("nginx", "GET", "(other)"): 3,
        ("nginx", "POST", "(other)"): 1,
        ("nginx", "GET", "(not found)"): 1,
    }


def test_a_route_folds_by_its_template_whatever_else_the_rows_are_grouped_by() -> None:
    rows = [
        *[record("/a", 404, consumer="anna"), record("/a", 200, consumer="bert")],
        *[record("/b", 404, consumer="anna")],
        *[record("/c", 404), record("/c", 404, gateway="apigee")],
    ]
    assert endpoints(plan_of(by=["route", "consumer"]), rows) == {
        ("/a", "anna"): 1,
        ("/a", "bert"): 1,
        ("(not found)", "anna"): 1,
        ("/c", None): 2,
    }


def test_a_log_that_holds_the_text_of_a_folded_row_keeps_its_own() -> None:
    rows = [record("(not found)"), record("/x", 404), record("/y", consumer="(other)")]
    table = run(plan_of(), rows).tables["endpoints"]
    assert table.select("route", "requests", "errors").rows() == [
        ("(not found)", 1, 0),
        ("(not found)", 1, 1),
        ("/y", 1, 0),
    ]


def test_a_route_that_is_known_never_folds() -> None:
    rows = [*(record("/a", 404) for _ in range(3)), record("/b", 404), record("/c"), record("/d")]
    plan = plan_of(by=["route"], max_routes=1, known_routes=frozenset({"/a", "/d", "/none"}))
    assert endpoints(plan, rows) == {
        ("/a",): 3,
        ("(not found)",): 1,
        ("/c",): 1,
        ("/d",): 1,
    }


def test_a_route_that_is_known_stays_in_a_state_that_outgrows_its_limit() -> None:
    plan = plan_of(max_keys=10, known_routes=frozenset({"/lost"}))
    scanned = [record(f"/{i}", 403, method=f"M{i}") for i in range(60)]
    rows = [*scanned[:30], record("/lost", 404), *scanned[30:]]
    state = merge(plan, [])
    for i in range(0, len(rows), 10):
        chunk = frame_of(rows[i : i + 10]).select(sorted(plan.columns))
        state = merge(plan, [state, partial(plan, chunk)])
    table = finish(plan, state).tables["endpoints"]
    assert dict(table.select("route", "requests").rows())["/lost"] == 1
    assert table["requests"].sum() == len(rows)


BY = st.lists(st.sampled_from(["gateway", "method", "route", "consumer", "status"]), unique=True)


@given(records, BY, st.integers(1, 3), st.sets(st.sampled_from(["/a", "/wp-login.php"])))
def test_the_same_requests_fold_whatever_they_are_grouped_by(
    rows: list[Record], by: list[str], max_routes: int, known: set[str]
) -> None:
    shown = oracle.counts(oracle.with_folded_routes(rows, max_routes, known), "route")
    plan = plan_of(
        by=["route", *(k for k in by if k != "route")],
        max_routes=max_routes,
        known_routes=frozenset(known),
    )
    table = run(plan, rows).tables["endpoints"].group_by("route").agg(pl.col("requests").sum())
    assert {(route,): n for route, n in table.rows()} == shown


@settings(max_examples=about(12))
@given(records, st.integers(1, 3), st.integers(1, 3))
def test_all_tables_fold_alike_and_exactly(rows: list[Record], top: int, max_routes: int) -> None:
    plan = plan_of(*FOLDED, top=top, max_routes=max_routes)
    finished = run(plan, rows)
    shown = oracle.with_folded_routes(rows, max_routes)
    for spec in plan.tables:
        found = [r for r in shown if spec.name != "errors" or oracle.error_source(r)]
        groups = oracle.topped(oracle.grouped(found, spec.keys, oracle.key_of("1s", "UTC")), top)
        if rest := groups.pop((OTHERS,), None):
            table = finished.tables[spec.name]
            last = table.tail(1)
            assert set(last.select(spec.keys).row(0)) <= {"(other)", None}
            groups[last.select(spec.keys).row(0)] = rest
        check(finished.tables[spec.name], spec, groups, rows)


@pytest.mark.slow
@settings(max_examples=about(25))
@given(records, st.integers(1, 3), st.integers(1, 3))
def test_all_tables_fold_alike_and_exactly_often(
    rows: list[Record], top: int, max_routes: int
) -> None:
    property_of(test_all_tables_fold_alike_and_exactly)(rows, top, max_routes)


def test_rows_are_sorted_by_requests_then_keys() -> None:
    rows = [
        *[record("/b"), record("/a"), record(None), record("/b", method=None)],
        *[record("/z"), record("/z"), record("/a", gateway="apigee")],
    ]
    assert list(endpoints(plan_of(), rows)) == [
        ("nginx", "GET", "/z"),
        ("apigee", "GET", "/a"),
        ("nginx", "GET", "/a"),
        ("nginx", "GET", "/b"),
        ("nginx", "GET", None),
        ("nginx", None, "/b"),
    ]


def test_statuses_are_sorted_by_status_and_all_there() -> None:
    rows = [record("/", s) for s in (500, 500, 404, 200, 200, 200, None)]
    table = run(plan_of("statuses", top=1), rows).tables["statuses"]
    assert table.select("status", "requests").rows() == [(200, 3), (404, 1), (500, 2), (None, 1)]


def test_top_counts_each_distinct_value_of_the_others_once() -> None:
    rows = [
        *[record("/a") for _ in range(3)],
        *[record(f"/{i}", consumer="anna", duration_ms=float(i)) for i in range(1, 6)],
    ]
    last = run(plan_of(top=1), rows).tables["endpoints"].row(-1, named=True)
    assert (last["gateway"], last["method"], last["route"]) == ("(other)",) * 3
    assert (last["requests"], last["consumers"]) == (5, 1)
    assert last["latency_p50_ms"] == pytest.approx(3, rel=0.01)


def test_a_table_keeps_so_many_rows_at_most() -> None:
    rows = [record("/", consumer=f"c{i}") for i in range(50)]
    table = run(plan_of("consumers", max_rows=10), rows).tables["consumers"]
    assert table.height == 11
    assert table.row(-1, named=True)["consumer"] == "(other)"
    assert table["requests"].to_list() == [1] * 10 + [40]


def scan_of(chunk: int) -> list[Record]:
    """A hostile log: most requests are for new paths, methods and clients."""
    real = [record("/a", duration_ms=5.0, consumer="anna", client_ip="192.0.2.1")] * 30
    scanned = [
        record(f"/{chunk}/{i}", 404 if i % 2 else 200, method=("GET", f"M{i}")[i % 10 == 0])
        for i in range(60)
    ]
    named = [record(f"n{chunk}/{i}", gateway="apigee", consumer=f"c{chunk}.{i}") for i in range(20)]
    return [*real, *scanned, *named]


def crowded(plan: ReportPlan) -> tuple[FinishedTables, list[Record]]:
    state = merge(plan, [])
    for chunk in range(6):
        part = partial(plan, frame_of(scan_of(chunk)).select(sorted(plan.columns)))
        assert max(cube.keys.height for cube in part.cubes) <= plan.max_keys
        state = merge(plan, [state, part])
        assert max(cube.keys.height for cube in state.cubes) <= plan.max_keys
    return finish(plan, state), [r for chunk in range(6) for r in scan_of(chunk)]


@pytest.mark.slow
def test_a_state_that_outgrows_its_limit_folds_and_stays_exact_in_total() -> None:
    finished, rows = crowded(ReportPlan(tables=select_tables(), max_keys=40))
    overview = finished.tables["overview"].row(0, named=True)
    assert overview["requests"] == len(rows)
    assert overview["errors"] == sum(r["status"] == 404 for r in rows)
    assert overview["consumers"] == len({r["consumer"] for r in rows if "consumer" in r})
    for name in ("endpoints", "latency", "consumers", "gateways", "statuses"):
        assert finished.tables[name]["requests"].sum() == len(rows)
    gateways = dict(finished.tables["gateways"].select("gateway", "requests").rows())
    assert gateways == {k: n for (k,), n in oracle.counts(rows, "gateway").items()}
    statuses = dict(finished.tables["statuses"].select("status", "requests").rows())
    assert statuses == {k: n for (k,), n in oracle.counts(rows, "status").items()}


@pytest.mark.slow
def test_a_state_that_outgrows_its_limit_keeps_the_busy_keys() -> None:
    finished, rows = crowded(ReportPlan(tables=select_tables(), max_keys=40, learns_routes=False))
    # What nobody found is as much, and comes first by its name.
    nobody, first = finished.tables["endpoints"].head(2).to_dicts()
    assert nobody["route"] == "(not found)"
    busy = [r for r in rows if r["route"] == "/a"]
    assert nobody["requests"] == len(busy)
    assert (first["route"], first["requests"], first["consumers"]) == ("/a", len(busy), 1)
    assert first["latency_p50_ms"] == 5.0
    by_method = finished.tables["endpoints"].group_by("method").agg(pl.col("requests").sum())
    assert dict(by_method.rows()) == {m: n for (m,), n in oracle.counts(rows, "method").items()}


def test_a_state_with_too_many_cells_folds_too() -> None:
    plan = plan_of("endpoints", by=["client_ip"], max_cells=40)
    rows = [
        record("/a", client_ip=f"192.0.2.{i}", duration_ms=1.1**j, consumer="anna")
        for i in range(20)
        for j in range(i)
    ]
    state = merge(plan, [partial(plan, frame_of(rows).select(sorted(plan.columns)))])
    assert state.cubes[0].histograms["duration_ms"].height <= 40
    table = finish(plan, state).tables["endpoints"]
    assert table["requests"].sum() == len(rows)
    assert table.row(0)[:2] == ("192.0.2.19", 19)
    last = table.row(-1, named=True)
    assert (last["client_ip"], last["consumers"]) == ("(other)", 1)


def test_scanned_routes_fold_by_gateway_and_method_before_anything_else() -> None:
    plan = plan_of(max_keys=10)
    state = merge(plan, [])
    rows = [record(f"/{i}", 404 if i % 3 else 200) for i in range(60)]
    for i in range(0, 60, 10):
        chunk = frame_of(rows[i : i + 10]).select(sorted(plan.columns))
        state = merge(plan, [state, partial(plan, chunk)])
    table = finish(plan, state).tables["endpoints"]
    assert set(table["method"]) == {"GET"}
    folded = dict(table.group_by("route").agg(pl.col("requests").sum()).rows())
    assert folded["(not found)"] + folded["(other)"] >= 50
    assert table["requests"].sum() == 60
    assert table["errors"].sum() == 40


def test_states_of_many_keys_are_merged_before_there_are_many_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_of()
    parts = [partial(plan, frame_of(scan_of(n)).select(sorted(plan.columns))) for n in range(7)]
    sizes: list[int] = []

    def merge_some(states: Sequence[PartialState]) -> PartialState:
        sizes.append(len(states))
        return merge(plan, states)

    expected = finish(plan, merge_in_batches(parts, merge_some)).tables
    assert sizes == [7]
    monkeypatch.setattr(state, "_BATCH_KEYS", 150)
    found = finish(plan, merge_in_batches(parts, merge_some)).tables
    assert max(sizes[1:]) == 2
    assert found["endpoints"].equals(expected["endpoints"])


def test_what_merging_raises_ends_it_and_its_thread() -> None:
    plan = plan_of()
    parts = [partial(plan, frame_of([record("/")]).select(sorted(plan.columns)))] * 60
    made: list[int] = []

    def make() -> Iterator[PartialState]:
        for number, part in enumerate(parts):
            made.append(number)
            yield part

    def refuse(states: Sequence[PartialState]) -> PartialState:
        raise UsageError("too many buckets")

    with pytest.raises(UsageError, match="too many buckets"):
        merge_in_batches(make(), refuse)
    assert len(made) < len(parts)
    assert not [thread for thread in enumerate_threads() if thread.name.startswith("apilog_merge")]


@given(counts=st.lists(st.integers(0, 5), max_size=30), most=st.integers(0, 30))
@settings(max_examples=about(50))
def test_the_busiest_are_kept_and_of_equal_ones_the_first(counts: list[int], most: int) -> None:
    kept = first_of(pl.Series(counts, dtype=pl.Int64), most)
    ranked = sorted(range(len(counts)), key=lambda i: (-counts[i], i))
    assert kept.arg_true().to_list() == sorted(ranked[:most])


def test_a_crowd_of_callers_costs_no_route_its_row() -> None:
    plan = ReportPlan(tables=select_tables(["endpoints"]), max_cells=1000, max_members=1000)
    rows = [record(f"/{n % 5}", consumer=f"user{n}") for n in range(3000)]
    parts = [partial(plan, frame_of(rows[start : start + 600])) for start in range(0, 3000, 600)]
    table = finish(plan, merge(plan, parts)).tables["endpoints"]
    assert sorted(table["route"]) == ["/0", "/1", "/2", "/3", "/4"]
    assert table["requests"].to_list() == [600] * 5
    assert all(450 < count < 750 for count in table["consumers"])

"""Every table and metric against plain Python, on any records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import ReportPlan, select_tables
from apilog.time import iter_buckets
from tests.aggregate import oracle
from tests.aggregate.definition_checks import check, run
from tests.aggregate.oracle import Record
from tests.aggregate.record_strategies import START, bare_records, property_of, records
from tests.examples import about


def overview(rows: Sequence[Record]) -> dict[str, Any]:
    return (
        run(ReportPlan(tables=select_tables(["overview"])), rows)
        .tables["overview"]
        .row(0, named=True)
    )


@settings(max_examples=about(12))
@given(st.one_of(records, bare_records))
def test_every_table_is_what_its_definitions_say(rows: list[Record]) -> None:
    plan = ReportPlan(tables=select_tables())
    finished = run(plan, rows)
    step = finished.bucket or "1s"
    shown = oracle.with_folded_routes(rows)
    for spec in plan.tables:
        if spec.name == "anomalies":
            continue
        found = [r for r in shown if spec.name != "errors" or oracle.error_source(r)]
        groups = oracle.grouped(found, spec.keys, oracle.key_of(step, "UTC"))
        if spec.name == "overview":
            groups.setdefault((), [])
        if spec.name == "traffic" and (times := oracle.known(rows, "timestamp")):
            for start in iter_buckets(
                min(times), max(times) + max(times).resolution, step, ZoneInfo("UTC")
            ):
                groups.setdefault((start,), [])
        check(finished.tables[spec.name], spec, groups, rows)


@pytest.mark.slow
@settings(max_examples=about(25))
@given(st.one_of(records, bare_records))
def test_every_table_is_what_its_definitions_say_often(rows: list[Record]) -> None:
    property_of(test_every_table_is_what_its_definitions_say)(rows)


def test_a_missing_status_is_a_request_and_no_error() -> None:
    row = overview([{"status": None}, {"status": 503}])
    assert (row["requests"], row["errors"], row["error_rate"]) == (2, 1, 0.5)


def test_what_no_record_tells_is_null_and_not_zero() -> None:
    row = overview([{"status": 200}])
    known = {name for name, value in row.items() if value is not None}
    assert known == {
        *("requests", "errors", "error_rate", "client_errors", "client_error_rate"),
        *("server_errors", "server_error_rate"),
    }


def test_a_size_of_zero_is_known() -> None:
    row = overview([{"response_bytes": 0}, {"response_bytes": None}])
    assert (row["response_bytes"], row["request_bytes"]) == (0, None)


def test_a_row_without_consumers_has_none_where_others_have_some() -> None:
    rows = [{"route": "/a", "consumer": "anna", "status": 200}, {"route": "/b", "status": 200}]
    table = run(ReportPlan(tables=select_tables(["endpoints"])), rows).tables["endpoints"]
    assert table.select("route", "consumers").rows() == [("/a", 1), ("/b", None)]


def test_rates_are_the_nearest_numbers() -> None:
    at = [START + timedelta(seconds=s) for s in (0, 1, 5)]
    rows = [{"route": r, "timestamp": t, "status": 200} for r in ("/a", "/b") for t in at]
    table = run(ReportPlan(tables=select_tables(["endpoints"])), rows).tables["endpoints"]
    assert table["request_rate"].to_list() == [3 / 5, 3 / 5]

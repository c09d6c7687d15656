"""Grouping by any column, of any type and any number of values."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import ReportPlan, select_tables
from apilog.aggregate.packed_keys import combine_keys, encode_column, pack_columns
from apilog.aggregate.time_buckets import bucket_ends
from apilog.schema import SCHEMA
from apilog.time import TimeWindow
from tests.aggregate import oracle
from tests.aggregate.definition_checks import check, run
from tests.aggregate.oracle import OTHERS, Record
from tests.aggregate.record_strategies import records
from tests.examples import about

START = datetime(2026, 11, 21, tzinfo=UTC)
GROUPABLE = sorted(SCHEMA.keys() - {"route"})


@settings(max_examples=about(20))
@given(records, st.lists(st.sampled_from(GROUPABLE), min_size=1, max_size=4, unique=True))
def test_any_columns_can_be_grouped_by(rows: list[Record], by: list[str]) -> None:
    for number, row in enumerate(rows):
        for column in ("duration_ms", "upstream_duration_ms"):
            row[column] = None if row[column] is None else float(number % 3)
        row.update(line_number=number % 5 * 10**15, path=f"/{number % 7}", source="access.log")
    plan = ReportPlan(tables=select_tables(["overview", "endpoints"], by))
    finished = run(plan, rows)
    value = oracle.key_of(finished.bucket or "1s", "UTC")
    (spec,) = (t for t in plan.tables if t.name == "endpoints")
    groups = oracle.grouped(rows, spec.keys, value)
    table = finished.tables["endpoints"]
    if by == ["timestamp"]:  # then empty buckets are rows, too
        table = table.filter(pl.col("requests") > 0)
    check(table, spec, groups, rows, finished.bucket or "1s")
    overview = plan.tables[0]
    check(finished.tables["overview"], overview, {(): rows}, rows)


def test_more_values_than_rows_are_kept_fold_into_the_last() -> None:
    rows: list[Record] = [{"timestamp": START, "path": f"/{i % 30}"} for i in range(45)]
    plan = ReportPlan(tables=select_tables(["endpoints"], ["path"]), max_rows=20)
    table = run(plan, rows).tables["endpoints"]
    (spec,) = plan.tables
    groups = oracle.topped(oracle.grouped(rows, ["path"], lambda r, k: r[k]), 20)
    groups["(other)",] = groups.pop((OTHERS,))
    check(table, spec, groups, rows)


def test_a_number_of_all_others_is_null() -> None:
    rows: list[Record] = [{"timestamp": START, "line_number": i} for i in range(4)]
    plan = ReportPlan(tables=select_tables(["endpoints"], ["line_number"]), top=1)
    table = run(plan, rows).tables["endpoints"]
    assert table.select("line_number", "requests").rows() == [(0, 1), (None, 3)]


def wide_frame(rows: int) -> pl.DataFrame:
    choice = random.Random(1)

    def some(value: object) -> object:
        return None if choice.random() < 0.2 else value

    return pl.DataFrame(
        {
            "small": [some(choice.randrange(-3, 3)) for _ in range(rows)],
            "huge": [some(choice.choice([-(2**63), 2**63 - 1, 0])) for _ in range(rows)],
            "text": [some(f"t{choice.randrange(rows)}") for _ in range(rows)],
            "float": [some(choice.random()) for _ in range(rows)],
            "time": [some(START + timedelta(days=choice.randrange(9999))) for _ in range(rows)],
            "code": [some(str(choice.randrange(rows))) for _ in range(rows)],
        },
        schema_overrides={"small": pl.Int16},
    )


@pytest.mark.parametrize("rows", [0, 1, 2000])
def test_packed_keys_unpack_to_the_values(rows: int) -> None:
    frame = wide_frame(rows)
    coded = [encode_column(frame[c]) for c in frame.columns]
    key = combine_keys(pack_columns(coded[:-1], rows), coded[-1])
    assert key.codes.dtype in (pl.UInt32, pl.UInt64)
    assert (key.codes < key.size).all()
    codes = key.codes.alias("code").to_frame()
    assert codes.select(key.decode(pl.col("code"))).equals(frame)
    assert key.codes.n_unique() == frame.n_unique() if rows else True


def test_a_bucket_is_shorter_where_clocks_are_put_forward() -> None:
    night = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight in Berlin, 00:00 to 06:00 is 5 hours
    starts = pl.Series([night, None, night + timedelta(hours=5)], dtype=SCHEMA["timestamp"])
    ends = bucket_ends(starts, "6h", "Europe/Berlin")
    assert ends.to_list() == [night + timedelta(hours=5), None, night + timedelta(hours=11)]
    assert bucket_ends(starts, "1d", "Europe/Berlin")[0] == night + timedelta(hours=23)


def test_a_bucket_has_the_rate_of_its_part_of_the_window() -> None:
    at = [timedelta(minutes=m) for m in (30, 31, 60, 61, 62, 119, 120, 150)]
    rows: list[Record] = [{"timestamp": START + after, "route": "/a"} for after in at]
    rows.append({"timestamp": None, "route": "/a"})
    plan = ReportPlan(tables=select_tables(["endpoints"], ["timestamp", "route"]), bucket="1h")
    table = run(plan, rows).tables["endpoints"].sort("timestamp", nulls_last=True)
    assert table["request_rate"].to_list() == [2 / 1800, 4 / 3600, 2 / 1800, None]
    top = run(replace(plan, top=1), rows).tables["endpoints"]
    assert top["request_rate"].to_list() == [4 / 3600, 5 / 7200]  # the others, of no hour
    limits = TimeWindow(since=START + timedelta(minutes=45), until=START + timedelta(hours=3))
    within = [r for r in rows if r["timestamp"] and r["timestamp"] >= limits.since]
    table = run(replace(plan, window=limits), within).tables["endpoints"].sort("timestamp")
    assert table["request_rate"].to_list() == [4 / 3600, 2 / 3600]

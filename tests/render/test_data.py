"""Data outputs: exact values, nulls, types, and which table they hold."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars import selectors as cs
from polars.testing import assert_frame_equal

from apilog.errors import UsageError
from apilog.render import OUTPUTS, OutputOptions
from apilog.render.data.cell_values import SLICE_ROWS
from tests.examples import about
from tests.render.hostile_report import hostile_report

ONE_TABLE = ("ndjson", "csv", "md", "parquet")


def report_of(**tables: pl.DataFrame):
    return replace(hostile_report(), tables=tables, timezone="UTC")


def load(document: bytes):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(document, parse_constant=refuse)


@given(st.lists(st.floats() | st.none(), min_size=1))
@settings(max_examples=about(50))
def test_json_numbers_are_exact_and_what_is_no_number_is_null(values):
    report = report_of(result=pl.DataFrame({"x": values}, schema={"x": pl.Float64}))
    stream = io.BytesIO()
    OUTPUTS["json"].write(report, stream, OutputOptions())
    read = [row["x"] for row in load(stream.getvalue())["tables"]["result"]]
    no_numbers = (None, float("inf"), float("-inf"))
    assert read == [None if v in no_numbers or v != v else v for v in values]


def test_json_has_the_keys_of_the_contract(draw):
    read = load(draw("json", hostile_report()))
    assert list(read) == ["apilog", "filters", "window", "previous", "input", "tables"]
    assert list(read["apilog"]) == ["version", "command", "schema_version"]
    assert list(read["window"]) == ["since", "until"]
    counts = ["lines", "records", "rejects", "skipped"]
    assert list(read["input"]) == [*counts, "files"]
    assert list(read["input"]["files"][0]) == ["path", "format", *counts, "error", "doubts"]
    assert list(read["tables"]) == list(hostile_report().tables)


def test_json_rows_are_all_the_rows_of_a_table_longer_than_a_slice(draw):
    rows = SLICE_ROWS + 3
    read = load(draw("json", report_of(result=pl.DataFrame({"i": range(rows)}))))
    assert [row["i"] for row in read["tables"]["result"]] == list(range(rows))


def test_csv_rows_are_all_the_rows_of_a_table_longer_than_a_slice(draw):
    rows = SLICE_ROWS + 3
    drawn = draw("csv", report_of(result=pl.DataFrame({"i": range(rows)})))
    assert drawn.decode().split() == ["i", *map(str, range(rows))]


@pytest.mark.parametrize(
    ("timezone", "whole", "parts"),
    [
        ("UTC", "2026-07-01T12:00:00Z", "2026-01-01T00:00:00.000250Z"),
        ("Europe/Berlin", "2026-07-01T14:00:00+02:00", "2026-01-01T01:00:00.000250+01:00"),
    ],
)
def test_timestamps_are_iso_8601_in_the_zone_of_the_report(draw, timezone, whole, parts):
    moments = [datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 250, tzinfo=UTC)]
    frame = pl.DataFrame({"t": [*moments, None]}, schema={"t": pl.Datetime("us", "UTC")})
    report = replace(report_of(result=frame), since=moments[0], until=moments[1], timezone=timezone)
    read = load(draw("json", report))
    assert read["window"] == {"since": whole, "until": parts}
    assert [row["t"] for row in read["tables"]["result"]] == [whole, parts, None]
    assert draw("csv", report).decode() == f't\n{whole}\n{parts}\n""\n'.replace('""', "")


def test_columns_of_every_type_that_sql_may_give_are_drawn(draw):
    frame = pl.DataFrame(
        {
            "flag": [True, None],
            "day": [date(2026, 11, 20), None],
            "clock": [time(1, 2, 3), None],
            "span": [timedelta(seconds=-90), None],
            "money": [Decimal("1.50"), None],
            "bytes": [b"\xff\x00", None],
            "list": [["=a", None], None],
            "struct": [{"a": 1, "b": "x"}, None],
            "nothing": [None, None],
            "naive": [datetime(2026, 1, 1), None],  # noqa: DTZ001 - the point of it
        }
    )
    report = report_of(result=frame)
    row = load(draw("json", report))["tables"]["result"][0]
    assert row == {
        "flag": True,
        "day": "2026-11-20",
        "clock": "01:02:03",
        "span": "-PT1M30S",
        "money": 1.5,
        "bytes": "ff00",
        "list": ["=a", None],
        "struct": {"a": 1, "b": "x"},
        "nothing": None,
        "naive": "2026-01-01T00:00:00",
    }
    assert '"[""=a"", null]"' in draw("csv", report).decode()
    for output in OUTPUTS:
        assert draw(output, report)


def test_duckdb_reads_the_same_rows_and_plain_types_from_parquet(draw, tmp_path):
    report = hostile_report()
    for name, frame in report.tables.items():
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(draw("parquet", report, table=name))
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            read = connection.sql(f"select * from '{path}'")
            types = {
                column: str(dtype) for column, dtype in zip(read.columns, read.types, strict=True)
            }
            rows = read.pl()
        assert types.get("gateway", "VARCHAR") == "VARCHAR"
        assert types.get("error_source", "VARCHAR") == "VARCHAR"
        assert types.get("last_seen", "TIMESTAMP WITH TIME ZONE") == "TIMESTAMP WITH TIME ZONE"
        numbers = cs.float()
        assert_frame_equal(
            rows,
            frame.with_columns(
                pl.when(numbers.is_finite()).then(numbers), cs.categorical().cast(pl.String)
            ).with_columns(cs.enum().cast(pl.String)),
        )


@pytest.mark.parametrize("output", ONE_TABLE)
def test_one_table_outputs_hold_the_endpoints_unless_told_otherwise(draw, output):
    report = hostile_report()
    assert draw(output, report) == draw(output, report, table="endpoints")
    assert draw(output, report) != draw(output, report, table="traffic")


def test_a_report_without_endpoints_gives_its_first_table(draw):
    assert draw("csv", report_of(result=pl.DataFrame({"n": [1]}))) == b"n\n1\n"


def test_json_holds_one_table_if_told_so(draw):
    assert list(load(draw("json", hostile_report(), table="latency"))["tables"]) == ["latency"]


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_unknown_table_names_the_nearest_ones(draw, output):
    with pytest.raises(UsageError, match="no table 'endpoint'") as caught:
        draw(output, hostile_report(), table="endpoint")
    assert caught.value.hint == "did you mean endpoints?"


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_table_unlike_any_other_lists_them_all(draw, output):
    with pytest.raises(UsageError) as caught:
        draw(output, hostile_report(), table="zzzzzzzz")
    assert "overview, gateways, traffic" in caught.value.hint


def test_one_table_of_a_report_without_tables_is_an_error(draw):
    with pytest.raises(UsageError):
        draw("csv", report_of())


def test_listing_the_outputs_imports_nothing_heavy():
    code = "import sys, apilog.render; print(*{'polars', 'pyarrow', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == []

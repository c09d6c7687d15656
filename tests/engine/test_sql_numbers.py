"""SQL counts, divides and names as databases do; DuckDB is the oracle."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.engine.sql_numbers import name_counts, says_name, widen_columns, widen_numbers
from apilog.engine.where import parse_where
from apilog.schema import SCHEMA
from tests.examples import about

START = datetime(2026, 11, 20, 23, 17, 58, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "timestamp": [START + timedelta(minutes=37 * i) for i in range(7)],
        "status": [200, 404, 500, None, 200, 301, 599],
        "duration_ms": [0.3, 183.878, 5.0, 12.25, None, 7.125, 2_500_000_000.0],
        "method": ["GET", "PUT", "GET", "DELETE", "GET", None, "POST"],
        "response_bytes": [5, 70_000, None, 3_000_000_000, 12, 0, 1],
    },
    schema_overrides={"status": SCHEMA["status"]},
)
EXPRESSIONS = [
    "COUNT(*) FILTER (WHERE status >= 500) * 1.0 / COUNT(*)",
    "SUM(CASE WHEN status >= 500 THEN 1.0 ELSE 0.0 END) / COUNT(*)",
    "100.0 * COUNT(status) / COUNT(*)",
    "SUM(CASE WHEN status >= 200 THEN 1 ELSE 0 END) * 1000000000 / COUNT(*)",
    "SUM(status >= 500) - SUM(status < 500)",
    "SUM(status BETWEEN 400 AND 599) * 3000000000",
    "SUM(IF(status >= 500, 1, 0)) * 1000000000",
    "SUM(IF(status > 0, 1000, IF(status IS NULL, 7, 0))) * 1000000",
    "SUM(response_bytes) * 0.001 / 3",
    "MIN(status) - MAX(status)",
    "MAX(status * 100)",
    "MIN(LENGTH(method) - 5)",
    "MIN(STRPOS(method, 'E') - 3)",
    "MAX(EXTRACT(HOUR FROM timestamp) * 60 + EXTRACT(MINUTE FROM timestamp))",
    "MAX(DATE_PART('hour', timestamp) * 3600 + date_part('second', timestamp))",
    "MAX(CAST(status AS SMALLINT) * 1000)",
    "MAX(CAST(duration_ms AS INTEGER) * 1000)",
    "MAX(duration_ms::BIGINT * 1000)",
    "SUM(CAST(response_bytes AS BIGINT))",
    "COUNT(*) FILTER (WHERE status >= 500)::NUMERIC / COUNT(*)",
    "CAST(COUNT(status) AS DECIMAL) / COUNT(*)",
    "MAX(CAST(status AS REAL) / 7)",
    "MAX(POW(status, 2))",
    "AVG(1.5 * status)",
    "COUNT(*) - COUNT(status) * 5",
    "SUM(LENGTH('1.0'))",
]


def answer(sql: str) -> object:
    frame = widen_columns(ROWS.lazy())
    return pl.SQLContext({"requests": frame}).execute(widen_numbers(sql)).collect().item()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_numbers_are_those_of_a_database(expression: str) -> None:
    sql = f"SELECT {expression} AS x FROM requests"
    wide = ROWS.with_columns(pl.col("status").cast(pl.Int64))  # DuckDB refuses what is too large
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.register("requests", wide.to_arrow())
        oracle = re.sub(r"\b(?:INTEGER|SMALLINT)\b", "BIGINT", expression)
        oracle = re.sub(r"\b(?:NUMERIC|DECIMAL|REAL)\b", "DOUBLE", oracle)
        row = connection.execute(f"SELECT {oracle} AS x FROM requests").fetchone()
    assert row is not None
    found = answer(sql)
    assert isinstance(found, int | float)
    assert math.isclose(found, float(row[0]), rel_tol=1e-15), (found, row[0])


def test_a_decimal_is_a_double_in_a_condition_too() -> None:
    records = pl.DataFrame({"status": [200, 404]}, schema={"status": SCHEMA["status"]})
    for condition in ("status * 200 > 70000", "status / 3.0 > 134.6666666", "status - 300 > 0"):
        assert parse_where(condition).filter(records)["status"].to_list() == [404]


@pytest.mark.parametrize(
    ("selected", "names"),
    [
        ("COUNT(*)", ["count"]),
        ("count( * ), COUNT(1)", ["count", "count_2"]),
        (
            "COUNT(*), COUNT(*) FILTER (WHERE status > 1), MAX(status)",
            ["count", "count_2", "status"],
        ),
        ("COUNT(*) AS n, COUNT(*)", ["n", "count"]),
        ("COUNT(*) AS count_2, COUNT(*), COUNT(*) AS m", ["count_2", "count", "m"]),
        ("COUNT(status)", ["status"]),
        ("1 + (SELECT COUNT(*) FROM requests) AS x", ["x"]),
    ],
)
def test_counts_without_a_name_get_one(selected: str, names: list[str]) -> None:
    sql = name_counts(f"SELECT {selected} FROM requests")
    frame = pl.SQLContext({"requests": ROWS.lazy()}).execute(sql)
    assert frame.collect_schema().names() == names


def test_only_the_selection_gets_names() -> None:
    for sql in (
        "SELECT method FROM requests GROUP BY method HAVING COUNT(*) > 1 ORDER BY COUNT(*)",
        "SELECT method, COUNT(*) FROM requests GROUP BY method ORDER BY len DESC",
        "SELECT 'COUNT(*)' AS x, len FROM (SELECT COUNT(*) FROM requests) AS t -- COUNT(*)",
    ):
        assert name_counts(sql) == sql
    assert says_name('SELECT "len" FROM t', "len")
    assert not says_name("SELECT LENGTH(path) FROM t", "len")
    inner = "SELECT MAX(count) AS most FROM (SELECT method, COUNT(*) FROM requests GROUP BY method)"
    frame = pl.SQLContext({"requests": ROWS.lazy()}).execute(name_counts(inner))
    assert frame.collect().rows() == [(3,)]
    both = "SELECT COUNT(*) FROM a UNION ALL SELECT COUNT(*) FROM b"
    assert name_counts(both).count('AS "count"') == 2


@pytest.mark.parametrize(
    "text",
    ["'1.5'", '"1.5"', "`1.5`", "-- 1.5", "/* 1.5 */", "'it''s 1.5'", "a.b", "LIMIT 10", "1e3"],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert widen_numbers(text) == text


@settings(max_examples=about(50))
@given(st.text(alphabet="COUNT(*)SUM LENGTH1.5'\"`-/, \n", max_size=40))
def test_any_text_is_read(text: str) -> None:
    assert len(widen_numbers(name_counts(text))) >= len(text)
    assert isinstance(says_name(text, "len"), bool)

"""What `apilog query` refuses: in one line, with a hint, and without touching another file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from apilog.render.text.escape import UNSAFE
from apilog.reports.sql import FUNCTIONS
from apilog.schema import SCHEMA
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = SAMPLE_LOGS / "api.log"
UNSAFE_CHARACTER = re.compile(f"[{UNSAFE}]")


def rows(run: Run, sql: str) -> object:
    return json.loads(run("query", sql, LOG, "-f", "json").text)["tables"]["result"]


def refused(run: Run, sql: str) -> tuple[str, str]:
    """The error and the hint of a query that can't be run: a line each, and no output."""
    result = run("query", sql, LOG)
    assert (result.code, result.stdout) == (2, b"")
    error, hint = result.stderr.splitlines()
    assert error.startswith("apilog: error: ")
    assert hint.startswith("hint: ")
    return error.removeprefix("apilog: error: "), hint.removeprefix("hint: ")


@pytest.mark.parametrize(
    ("sql", "error", "hint"),
    [
        ("SELECT stauts FROM requests", "query: no column 'stauts'", "did you mean 'status'?"),
        ("SELECT r.stauts FROM requests r", "query: no column 'stauts'", "mean 'status'?"),
        ("SELECT 1 FROM requests ORDER BY STATUS", "query: no column 'STATUS'", "mean 'status'?"),
        ('SELECT 1 FROM requests WHERE method = "GET"', "no column 'GET'", "single quotes"),
        (
            "WITH a AS (SELECT status AS code FROM requests) SELECT cod FROM a",
            "query: no column 'cod'",
            "did you mean 'code'?",
        ),
        ("SELECT status FROM request", "query: no table 'request'", "is 'requests'"),
        ("SELECT x.status FROM requests", "query: no table 'x'", "is 'requests'"),
        ("SELECT 1 FROM '/etc/passwd'", "query: no table '/etc/passwd'", "is 'requests'"),
        ("SELECT medain(status) FROM requests", "no function 'medain'", "did you mean 'MEDIAN'?"),
        ("SELECT percentile_cont(1) FROM requests", "no function", "write QUANTILE_CONT("),
        ("SELECT * FROM glob('*')", "query: no table function 'glob'", "is 'requests'"),
        ("SELECT status, status FROM requests", "columns are called 'status'", "with AS"),
        ("SELECT FROM requests", "selects no column", "SELECT *"),
        ("SELECT 1; SELECT 2", "one statement", "write one statement"),
        ("SELECT status FROM requests WHERE", "query: sql parser error", "write one SELECT"),
        ("SELECT * INTO t FROM requests", "is not supported", "write one SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM requests", "unsupported", "write one SELECT"),
        ("SELECT CAST(path AS INT) FROM requests", "query: conversion", "TRY_CAST"),
        ("SELECT 1 FROM requests WHERE CAST(path AS INT) = 1", "query: conversion", "TRY_CAST"),
        ("SELECT status = 'x' FROM requests", "query: cannot compare", "their types"),
        ("SELECT 1 FROM requests WHERE timestamp > 'soon'", "cannot compare", "as a text"),
        ('SELECT "\x1b[2J\u202e" FROM requests', "no column", "`apilog schema`"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(run: Run, sql: str, error: str, hint: str) -> None:
    told = refused(run, sql)
    assert error in told[0].replace("one (and only one)", "one")
    assert hint in told[1]
    assert not UNSAFE_CHARACTER.search("".join(told))


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-",
        "DROP TABLE requests",
        "TRUNCATE TABLE requests",
        "DELETE FROM requests",
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO requests SELECT 1",
        "EXPLAIN SELECT 1",
        "SHOW TABLES",
        "VALUES (1)",
        "FROM requests",
        "SELECTED",
    ],
)
def test_only_a_select_is_run(run: Run, sql: str) -> None:
    assert refused(run, sql)[0] == "the query is not a SELECT"


@pytest.mark.parametrize("reader", ["read_csv", "read_parquet", "read_ipc", "read_json", "scan_x"])
@pytest.mark.parametrize(
    "call",
    [
        "{}('{}')",
        "\"{}\"('{}')",
        "`{}` ('{}')",
        "'{}'('{}')",
        "{}\n\t('{}')",
        "{}/* ( */('{}')",
        "{} -- (\n ('{}')",
        "{}/**/ -- x\n/* /* */ */('{}')",
    ],
)
def test_no_other_file_is_read(run: Run, tmp_path: Path, reader: str, call: str) -> None:
    for name in (reader, reader.upper()):
        source = call.format(name, tmp_path / "missing")
        for sql in (
            f"SELECT * FROM {source}",
            f"SELECT 1 FROM requests WHERE status IN (SELECT a FROM {source})",
            f"WITH t AS (SELECT * FROM {source}) SELECT * FROM t, requests",
        ):
            assert refused(run, sql)[0] == "the query calls a function that reads files"


def test_names_that_only_look_like_readers_are_fine(run: Run) -> None:
    sql = "SELECT 'read_csv' AS read_csv, COUNT(*) AS thread_n FROM requests WHERE path <> '--'"
    assert rows(run, sql) == [{"read_csv": "read_csv", "thread_n": 1500}]


def test_comments_and_parentheses_may_stand_before_the_select(run: Run) -> None:
    for sql in ("/* how many */ SELECT 1 AS a;", "\n-- how many\n(SELECT 1 AS a)", "select 1 a"):
        assert rows(run, sql) == [{"a": 1}]


def test_every_function_that_is_proposed_exists() -> None:
    context = pl.SQLContext({"requests": pl.LazyFrame(schema=SCHEMA)})
    unknown = []
    for name in FUNCTIONS.split():
        try:
            context.execute(f"SELECT {name}(status) FROM requests").collect_schema()
        except pl.exceptions.PolarsError as error:
            unknown += [name] if "unsupported function" in str(error) else []
    assert unknown == []
    with pytest.raises(pl.exceptions.PolarsError, match="unsupported function"):
        context.execute("SELECT nonsense(status) FROM requests").collect_schema()

"""Reports of one's own: their tables against DuckDB, their order, and what is refused."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import apilog
from apilog.config import load_config
from apilog.errors import UsageError
from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import Report
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = SAMPLE_LOGS / "api.log"
METRICS: dict[str, dict[str, object]] = {
    "fast_share": {"numerator": "duration_ms <= 50", "denominator": "duration_ms IS NOT NULL"},
    "sent_p50": {"quantile": 0.5, "column": "response_bytes"},
}
SHOP: dict[str, Any] = {
    "title": "The shop",
    "tables": [
        {"metrics": ["requests", "fast_share"]},
        {
            "name": "slow",
            "title": "Worst routes",
            "by": ["method", "route"],
            "metrics": ["requests", "fast_share", "errors", "response_bytes"],
            "where": "status <> 304",
            "sort": "fast_share asc",
            "top": 3,
            "chart": "bar",
        },
        {"by": "status", "metrics": ["requests"], "sort": "requests"},
        {"by": ["timestamp"], "metrics": ["requests", "sent_p50"], "chart": "line"},
        {
            "name": "callers",
            "sql": "SELECT consumer, COUNT(*) AS n FROM requests GROUP BY consumer ORDER BY n DESC",
        },
    ],
}


def build(declared: Mapping[str, Any] = SHOP, **more: Any) -> Report:
    reports = {"shop": declared}
    return apilog.report(LOG, report="shop", reports=reports, own_metrics=METRICS, **more)


@pytest.fixture(scope="module")
def records() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.register("requests", apilog.scan(LOG).collect().to_arrow())
    return database


def test_tables_are_what_duckdb_makes_of_the_records(records: duckdb.DuckDBPyConnection) -> None:
    report = build()
    assert [*report.tables] == ["total", "slow", "status", "timestamp", "callers"]
    fast = "AVG(CASE WHEN duration_ms <= 50 THEN 1.0 ELSE 0.0 END)"
    expected = records.query(f"SELECT COUNT(*), {fast} FROM requests").fetchall()[0]
    assert report.tables["total"].row(0) == pytest.approx(expected)
    rows = records.query(
        f"SELECT method, route, COUNT(*) AS n, {fast} AS fast, COUNT(*) FILTER (status >= 400), "
        "SUM(response_bytes) FROM requests WHERE status <> 304 GROUP BY ALL "
        "ORDER BY fast, n DESC"
    ).fetchall()
    worst = report.tables["slow"].rows()
    # Routes nobody found are one row of the report.
    known = {row[:2]: row for row in rows}
    for row in worst[:-1]:
        if row[1] != "(not found)":
            assert row == pytest.approx(known[row[:2]])
    assert [row[3] for row in worst[:3]] == sorted(row[3] for row in worst[:3])
    assert worst[-1][:2] == ("(other)", "(other)")
    assert sum(row[2] for row in worst) == sum(row[2] for row in rows)
    assert sum(row[5] for row in worst) == sum(row[5] for row in rows)
    assert min(row[3] for row in rows) == worst[0][3]
    status = records.query("SELECT status, COUNT(*) n FROM requests GROUP BY 1 ORDER BY n DESC")
    assert report.tables["status"].rows() == status.fetchall()
    callers = records.query("SELECT consumer, COUNT(*) n FROM requests GROUP BY 1 ORDER BY n DESC")
    assert report.tables["callers"].rows() == callers.fetchall()
    assert report.tables["timestamp"]["requests"].sum() == 1500


def test_options_hold_for_every_table(records: duckdb.DuckDBPyConnection) -> None:
    report = build(where="method = 'GET'", since="2026-11-20T18:00", tables=["total", "callers"])
    count = records.query(
        "SELECT COUNT(*) FROM requests WHERE method = 'GET' AND timestamp >= '2026-11-20 18:00+00'"
    ).fetchall()[0]
    assert report.tables["total"]["requests"].to_list() == list(count)
    assert report.tables["callers"]["n"].sum() == report.tables["total"]["requests"].item()


@pytest.mark.slow
def test_the_rest_below_the_top_is_exact_by_any_order() -> None:
    def rows(**table: Any) -> pl.DataFrame:
        base = {"by": ["route"], "metrics": ["requests", "latency_p95", "clients"]}
        return build({"tables": [base | table]}).tables["route"]

    whole = rows(sort="latency_p95")
    values = whole["latency_p95_ms"].to_list()
    known = [value for value in values if value is not None]
    assert values == [*sorted(known, reverse=True), *[None] * (len(values) - len(known))]
    for order in ("latency_p95", "latency_p95 asc", "requests asc", "route", "route desc"):
        cut = rows(sort=order, top=2)
        assert cut.height == 3
        assert cut["requests"].sum() == whole["requests"].sum()
        assert cut["route"][2] == "(other)"
        if not order.startswith("route"):
            assert cut.head(2).equals(rows(sort=order).head(2))


def test_every_output_draws_it() -> None:
    report = build()
    for name, output in OUTPUTS.items():
        if output.needs_verdicts or name in ("png", "svg"):
            continue
        stream = io.BytesIO()
        table = None if output.holds_all_tables else "slow"
        output.write(report, stream, OutputOptions(table=table, width=100))
        drawn = stream.getvalue()
        if name in ("json", "ndjson", "md", "csv", "table"):
            assert b"(other)" in drawn, name
        if name == "json":
            document = json.loads(drawn)
            assert [*document["tables"]] == [*report.tables]
            assert document["report"]["title"] == "The shop"
        if name == "table":
            lines = drawn.decode().splitlines()
            assert "The shop" in lines[0]
            assert any(line.startswith("Worst routes") for line in lines)
            assert any("█" in line for line in lines)
            assert max(map(len, lines)) <= 100


def test_a_page_draws_its_charts_and_titles() -> None:
    stream = io.BytesIO()
    evil = "</h2><script>alert(1)</script>"
    declared = {**SHOP, "title": evil, "tables": [{**t, "title": evil} for t in SHOP["tables"]]}
    OUTPUTS["html"].write(build(declared), stream, OutputOptions())
    page = stream.getvalue().decode()
    # Bars of one table, and lines of two metrics of another.
    assert page.count("<svg") == 3
    assert page.count(f"<h1>{html.escape(evil)}</h1>") == 1
    assert "<script>alert" not in page
    assert page.count("&lt;/h2&gt;") >= len(SHOP["tables"])


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no tables": ({"title": "T"}, "tables is no list of tables", "[[reports.shop.tables]]"),
    "a text": ({"tables": ["a"]}, "is no table", "[[reports.shop.tables]]"),
    "column": ({"tables": [{"by": ["rout"]}]}, "'rout', which is no column", "route"),
    "metric": ({"tables": [{"metrics": ["fastshare"]}]}, "no metric 'fastshare'", "fast_share"),
    "a key": ({"tables": [{"by": ["response_bytes"], "metrics": ["response_bytes"]}]}, "key", ""),
    "sort": ({"tables": [{"sort": "apdex"}]}, "sort is 'apdex'", "requests"),
    "order": ({"tables": [{"sort": "requests up"}]}, "sort is 'requests up'", ""),
    "top": ({"tables": [{"top": 0}]}, "top is not a whole number", "from 1"),
    "where": ({"tables": [{"where": "statu = 5"}]}, "no column 'statu'", "status"),
    "chart": ({"tables": [{"chart": "pie"}]}, "chart is 'pie'", "bar, line"),
    "both": ({"tables": [{"sql": "SELECT 1", "by": ["route"]}]}, "does not go with sql", "SELECT"),
    "no select": ({"tables": [{"sql": "DELETE FROM requests"}]}, "not a SELECT", ""),
    "sql": ({"tables": [{"sql": "SELECT rout FROM requests"}]}, "no column 'rout'", ""),
    "file": ({"tables": [{"sql": "SELECT * FROM read_csv('/etc/passwd')"}]}, "reads files", ""),
    "name": ({"tables": [{"name": "../x"}]}, "name is '../x'", "letters"),
    "usual": ({"tables": [{"name": "endpoints"}]}, "a table of the usual reports", "another"),
    "twice": ({"tables": [{"name": "a"}, {"name": "a"}]}, "as that of a table before", "another"),
    "key": ({"tables": [{"metric": []}]}, "is no setting", "metrics"),
    "report key": ({"tables": [{}], "titel": "T"}, "titel is no setting", "title"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_meant_is_refused_before_reading(case: str) -> None:
    declared, problem, hint = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        apilog.report("missing.log", report="shop", reports={"shop": declared}, own_metrics=METRICS)
    assert problem in str(caught.value)
    assert hint in caught.value.hint


def test_unknown_reports_and_options_that_do_not_go_with_one() -> None:
    with pytest.raises(UsageError, match="no report 'shp'"):
        apilog.report(LOG, report="shp", reports={"shop": SHOP})
    with pytest.raises(UsageError, match="--by does not go with --report"):
        build(by=["route"])
    with pytest.raises(UsageError, match="has no table 'endpoints'"):
        build(tables=["endpoints"])
    with pytest.raises(UsageError, match="can't be read twice"):
        apilog.report("-", report="shop", reports={"shop": SHOP}, own_metrics=METRICS)


def test_the_configuration_names_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "apilog.toml"
    file.write_text('[[reports.a.tables]]\nby = "route"\n[[reports.a.tables]]\nby = "rout"\n')
    with pytest.raises(UsageError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}:4:1: reports.a.tables[1].by names 'rout'")


def test_the_command_draws_a_configured_report(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apilog.toml").write_text(
        '[metrics.hits_share]\nnumerator = "status < 300"\n'
        '[reports.week]\ntitle = "A \\u001b[31mweek"\n'
        '[[reports.week.tables]]\nname = "a"\nby = "route"\nmetrics = ["hits_share"]\n'
        '[[reports.week.tables]]\nname = "b"\nmetrics = ["requests"]\n'
    )
    drawn = run("report", LOG, "--report", "week")
    assert drawn.code == 0, drawn.stderr
    assert "\x1b" not in drawn.text
    assert "hits share" in drawn.text
    csv = run("report", LOG, "--report", "week", "-f", "csv", "--table", "b")
    assert csv.text.split() == ["requests", "1500"]
    assert run("report", LOG, "--report", "week", "-f", "csv").text.startswith("route,hits_share")
    assert run("report", LOG, "--report", "wek").code == 2
    assert run("config", "check").code == 0


@pytest.mark.slow
def test_each_table_is_a_picture_and_all_are_one(tmp_path: Path, run: Run) -> None:
    config = tmp_path / "apilog.toml"
    config.write_text(
        '[[reports.shop.tables]]\nmetrics = ["requests", "latency_p95"]\n'
        '[[reports.shop.tables]]\nname = "slow"\ntitle = "Slow <b>"\nby = "route"\ntop = 2\n'
        '[[reports.shop.tables]]\nby = "timestamp"\nmetrics = ["requests", "error_rate"]\n'
        '[[reports.shop.tables]]\nname = "odd"\nsql = "SELECT method FROM requests LIMIT 2"\n'
    )
    command = ("report", str(LOG), "--report", "shop", "--config", str(config))
    whole = run(*command, "-f", "svg").stdout.decode()
    tables = json.loads(run(*command, "-f", "json").stdout)["tables"]
    assert whole.count("<svg ") == 1 + 1 + 1 + 2 + 1
    assert "1,500" in whole
    assert "Slow &lt;b&gt;" in whole
    assert "There is nothing to draw." in whole
    busiest, second, rest = tables["slow"]
    for row in (busiest, second):
        assert row["route"] in whole
        assert f">{row['requests']}<" in whole
    assert rest["route"] == "(other)"
    assert "and all others in 1 row" in whole
    one = run(*command, "-f", "svg", "--table", "slow", "--top", "1").stdout.decode()
    assert (one.count("<svg "), busiest["route"] in one) == (1, True)
    assert second["route"] not in one
    made = run(*command, "-f", "svg", "-o", f"{tmp_path / 'pictures'}/")
    assert made.code == 0
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == [
        *("odd.svg", "slow.svg", "timestamp.svg", "total.svg")
    ]
    wrong = run(*command, "-f", "svg", "--table", "traffic")
    assert (wrong.code, "has no table 'traffic'" in wrong.stderr) == (2, True)

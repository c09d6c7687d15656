"""`apilog query`: SQL over logs and stores, through the command itself."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import apilog
from apilog.engine import source_pass
from apilog.formats.contract import Format, MatchFailure, ParsedRecords
from apilog.formats.file_plan import FormatChoice, choose_format
from apilog.render.text.escape import UNSAFE
from apilog.store import StoreWriter
from apilog.values.event_lines import EventLines
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, line, write

LOG = SAMPLE_LOGS / "api.log"
HOSTILE = ["\x1b[2J", "a\u202eb", "=cmd|' /C calc'!A0", "<b>|`x`", "two\nlines", "zero\u200bwidth"]
UNSAFE_CHARACTER = re.compile(f"[{UNSAFE}]")


def document(run: Run, sql: str, *argv: str | Path) -> dict[str, Any]:
    """The JSON of a query; it has to succeed, and to say nothing else."""
    result = run("query", sql, *argv, "-f", "json")
    assert (result.code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.text)
    return found


def rows(run: Run, sql: str, *argv: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(run, sql, *argv)["tables"]["result"]
    return found


def test_the_document_has_the_keys_of_the_contract(run: Run) -> None:
    found = document(run, "SELECT COUNT(*) AS n FROM requests", LOG)
    assert list(found) == ["apilog", "filters", "window", "input", "tables"]
    assert found["apilog"]["command"] == "query"
    assert found["window"] == {"since": "2026-11-20T12:00:28Z", "until": "2026-11-20T23:59:59Z"}
    report = json.loads(run("report", LOG, "-f", "json", "--table", "overview").text)
    assert (found["input"], found["window"]) == (report["input"], report["window"])
    assert found["tables"] == {"result": [{"n": 1500}]}


QUERIES = {
    "totals": "SELECT COUNT(*) AS n, MIN(status) AS a, SUM(response_bytes) AS s FROM requests",
    "groups": "SELECT route, COUNT(*) AS n FROM requests GROUP BY route ORDER BY n DESC, route",
    "filter": """
        SELECT method, status, COUNT(*) AS n FROM requests WHERE status >= 400
        GROUP BY method, status ORDER BY method, status""",
    "distinct": """
        SELECT COUNT(DISTINCT client_ip) AS n FROM requests
        WHERE timestamp >= '2026-11-20T15:00:00Z'""",
    "nothing told": """
        SELECT gateway, MAX(duration_ms) AS d FROM requests WHERE gateway IS NULL
        GROUP BY gateway""",
    "steps": """
        WITH slow AS (SELECT consumer, duration_ms FROM requests WHERE duration_ms > 1000)
        SELECT consumer, COUNT(*) AS n FROM slow GROUP BY consumer HAVING COUNT(*) > 1
        ORDER BY consumer""",
    "join": """
        SELECT COUNT(*) AS n FROM requests AS a JOIN requests AS b ON a.line_number = b.line_number
        WHERE a.status = 500 AND b.method = 'GET'""",
    "rows": "SELECT path, status FROM requests WHERE status >= 500 ORDER BY line_number",
    "union": "SELECT status FROM requests UNION SELECT 999 AS status ORDER BY status",
}


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES)
def test_duckdb_gives_the_same(run: Run, sql: str) -> None:
    records = apilog.scan(LOG).with_columns(pl.col("gateway").cast(pl.String)).collect()
    with duckdb.connect() as connection:
        connection.register("requests", records.to_arrow())
        found = connection.execute(sql)
        names = [column[0] for column in found.description]
        expected = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert expected
    assert rows(run, sql, LOG) == expected


def test_several_sources_are_one_table(run: Run) -> None:
    sql = "SELECT source, COUNT(*) AS n FROM requests GROUP BY source ORDER BY source"
    sources = [SAMPLE_LOGS / "docker.log", SAMPLE_LOGS / "api.log.1.gz"]
    counts = {row["source"]: row["n"] for row in rows(run, sql, *sources)}
    assert list(counts) == sorted(map(str, sources))
    for source in sources:
        alone = rows(run, "SELECT COUNT(*) AS n FROM requests", source)
        assert alone == [{"n": counts[str(source)]}]


@dataclass(frozen=True, slots=True)
class Watching:
    """A format that writes down which columns it is asked for."""

    inner: Format
    asked: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def gateway(self) -> str | None:
        return self.inner.gateway

    @property
    def columns(self) -> frozenset[str]:
        return self.inner.columns

    @property
    def doubts(self) -> tuple[str, ...]:
        return self.inner.doubts

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        self.asked.update(columns)
        return self.inner.parse(lines, columns)

    def explain(self, line: str) -> MatchFailure:
        return self.inner.explain(line)


@pytest.mark.parametrize(
    ("sql", "parsed"),
    [
        ("SELECT COUNT(*) FROM requests", set()),
        ("SELECT status, COUNT(*) FROM requests GROUP BY status", {"status"}),
        ("SELECT AVG(duration_ms) FROM requests WHERE method = 'GET'", {"duration_ms", "method"}),
        ("SELECT gateway, MAX(status) FROM requests GROUP BY gateway", {"gateway", "status"}),
        ("WITH a AS (SELECT * FROM requests) SELECT path FROM a LIMIT 3", {"path"}),
        ("SELECT route FROM requests ORDER BY status DESC LIMIT 2", {"path", "status"}),
    ],
)
def test_only_the_columns_that_a_query_needs_are_parsed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, parsed: set[str]
) -> None:
    path = write(tmp_path / "a.log", [line(ms=i) for i in range(9)])
    choice = choose_format("combined-request-time")
    assert choice
    watching = Watching(choice.formats[0])
    monkeypatch.setattr(source_pass, "parse_choice", lambda *_: FormatChoice((watching,)))
    assert rows(run, sql, path)
    assert watching.asked - {"gateway", "route"} <= parsed | {"timestamp"}


def test_limits_of_time_are_limits_of_the_table(run: Run) -> None:
    sql = "SELECT COUNT(*) AS n, MIN(timestamp) AS a, MAX(timestamp) AS b FROM requests"
    argv = ["--since", "2026-11-20 14:00", "--until", "2026-11-20 15:00", "--tz", "Europe/Berlin"]
    found = document(run, sql, LOG, *argv)
    (row,) = found["tables"]["result"]
    limits = ("2026-11-20T14:00:00+01:00", "2026-11-20T15:00:00+01:00")
    assert (found["window"]["since"], found["window"]["until"]) == limits
    assert limits[0] <= row["a"] <= row["b"] < limits[1]
    in_sql = "timestamp >= '2026-11-20T13:00:00Z' AND timestamp < '2026-11-20T14:00:00Z'"
    counted = rows(run, f"SELECT COUNT(*) AS n FROM requests WHERE {in_sql}", LOG)
    assert counted == [{"n": row["n"]}]
    assert run("query", sql, LOG, "--since", "2026-11-21", "--until", "2026-11-20").code == 2


def test_formats_routes_and_query_strings_are_chosen_as_in_a_report(
    run: Run, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.log", [line("/shop/cats?page=2&token=s3cret")])
    sql = "SELECT path, route FROM requests"
    argv = ["--keep-query", "--route", "/shop/{animal}", "-l", "combined"]
    expected = {"path": "/shop/cats?page=2&token=***", "route": "/shop/{animal}"}
    assert rows(run, sql, path, *argv) == [expected]
    assert rows(run, sql, path)[0]["path"] == "/shop/cats"
    conf = write(tmp_path / "nginx.conf", ["log_format mine '$msec|$uri|$status';"])
    own = write(tmp_path / "own.log", ["1700000000.5|/x|200"])
    conf.write_text("http { log_format mine '$msec|$uri|$status'; access_log a.log mine; }")
    assert rows(run, "SELECT status FROM requests", own, "--nginx-conf", conf) == [{"status": 200}]


def test_every_output_draws_every_type(run: Run, tmp_path: Path) -> None:
    sql = (
        "SELECT method, ARRAY_AGG(path) AS paths, ARRAY_AGG(timestamp) AS times, "
        "MAX(timestamp) - MIN(timestamp) AS span, NULL AS nothing, MAX(duration_ms) / 0 AS inf, "
        "CAST(MAX(timestamp) AS DATE) AS day, COUNT(*) > 1 AS many, COUNT(*) AS request_rate "
        "FROM requests GROUP BY method"
    )
    path = write(tmp_path / "a.log", [line("/a", ms=5), line("/b", after=90.0, ms=7)])
    (row,) = rows(run, sql, path)
    assert row["paths"] == ["/a", "/b"]
    assert (row["span"], row["nothing"], row["inf"]) == ("PT1M30S", None, None)
    assert (row["day"], row["many"]) == ("2026-11-20", True)
    assert json.loads(run("query", sql, path, "-f", "ndjson").text) == row
    (cells,) = csv.DictReader(io.StringIO(run("query", sql, path, "-f", "csv").text))
    assert (cells["paths"], cells["span"], cells["nothing"]) == ('["/a", "/b"]', "PT1M30S", "")
    kept = tmp_path / "rows.parquet"
    assert run("query", sql, path, "-f", "parquet", "-o", kept).code == 0
    assert pl.read_parquet(kept)["paths"].to_list() == [["/a", "/b"]]
    for format in ("table", "md"):
        drawn = run("query", sql, path, "-f", format)
        assert (drawn.code, drawn.stderr) == (0, "")
        assert '"/a", "/b"' in drawn.text
        assert "0:01:30" in drawn.text
        assert "datetime" not in drawn.text
    assert re.search(r"rate +2/s", run("query", sql, path).text)


@pytest.mark.parametrize("format", ["table", "json", "ndjson", "csv", "md", "parquet"])
def test_no_rows_are_no_error(run: Run, tmp_path: Path, format: str) -> None:
    target = tmp_path / "out"
    sql = "SELECT status, path FROM requests WHERE status = 999"
    result = run("query", sql, LOG, "-f", format, "-o", target)
    assert (result.code, result.stderr) == (0, "")
    shown = {"table": b"no rows", "json": b'"result": []', "ndjson": b"", "csv": b"status,path\n"}
    assert shown.get(format, b"") in target.read_bytes()
    (tmp_path / "empty.log").touch()
    assert rows(run, sql, tmp_path / "empty.log") == []


@pytest.mark.slow
def test_a_wide_terminal_shows_more_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT * FROM requests LIMIT 3"
    texts = {}
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        texts[width] = run("query", sql, LOG).text
        assert max(map(len, texts[width].splitlines())) <= width
    shown = [text.splitlines()[1].split() for text in texts.values()]
    assert len(shown[0]) < len(shown[1]) < len(shown[2])
    assert "No room for " in texts[200]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    def escaped(text: str) -> str:
        return "".join(
            char if " " <= char < "\x7f" and char not in '"\\' else f"\\x{byte:02X}"
            for byte in text.encode()
            for char in [chr(byte)]
        )

    lines = [line(after=i, agent=escaped(text)) for i, text in enumerate(HOSTILE)]
    return write(tmp_path / "hostile.log", lines)


@pytest.mark.parametrize("format", ["table", "json", "ndjson", "md"])
def test_no_output_steers_a_display(run: Run, hostile: Path, format: str) -> None:
    for sql in (
        'SELECT user_agent AS "\x1b]0;x\x07\u202e" FROM requests',
        "SELECT ARRAY_AGG(user_agent) AS a FROM requests",
    ):
        result = run("query", sql, hostile, "-f", format)
        assert (result.code, result.stderr) == (0, "")
        assert set(UNSAFE_CHARACTER.findall(result.text)) <= {"\n"}


def test_programs_get_the_exact_text_and_spreadsheets_run_nothing(run: Run, hostile: Path) -> None:
    sql = "SELECT user_agent AS a FROM requests ORDER BY line_number"
    assert [row["a"] for row in rows(run, sql, hostile)] == HOSTILE
    raw = run("query", sql, hostile, "-f", "csv", "--raw").text
    assert [row["a"] for row in csv.DictReader(io.StringIO(raw, newline=""))] == HOSTILE
    text = run("query", sql, hostile, "-f", "csv").text
    cells = [row["a"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert not [cell for cell in cells if cell.startswith("=")]


def test_output_goes_to_a_file_or_folder_and_replaces_none_unasked(
    run: Run, tmp_path: Path
) -> None:
    sql = "SELECT COUNT(*) AS n FROM requests"
    target = tmp_path / "n.csv"
    for argv, code in (([], 0), ([], 2), (["--force"], 0)):
        assert run("query", sql, LOG, "-f", "csv", "-o", target, *argv).code == code
    assert target.read_text() == "n\n1500\n"
    assert run("query", sql, LOG, "-f", "csv", "-o", f"{tmp_path}/tables/").code == 0
    assert (tmp_path / "tables" / "result.csv").read_text() == "n\n1500\n"


@pytest.mark.slow
def test_what_cannot_be_read_is_told_and_the_rest_is_queried(run: Run, tmp_path: Path) -> None:
    sql = "SELECT COUNT(*) AS n FROM requests"
    path = write(tmp_path / "a.log", [line(), "no log line", "", line()])
    noted = run("query", sql, path, "-f", "csv")
    assert (noted.code, noted.text) == (0, "n\n2\n")
    assert noted.stderr == "apilog: note: 1 of 3 lines could not be read\n"
    assert run("query", sql, path, "-f", "csv", "--quiet").stderr == ""
    strict = run("query", sql, path, "-f", "csv", "--strict", "--quiet")
    assert (strict.code, strict.stderr.count("error")) == (2, 1)
    partly = run("query", sql, path, "nowhere.log", "-f", "csv", "-q")
    assert (partly.code, partly.text) == (2, "n\n2\n")
    assert "nowhere.log: no such file" in partly.stderr
    nothing = run("query", sql, "nowhere.log", "-f", "csv")
    assert (nothing.code, nothing.text) == (2, "")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with StoreWriter(tmp_path / "store") as writer:
        writer.add_records(apilog.scan(LOG).collect())
        writer.commit()
    return tmp_path / "store"


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES)
def test_a_store_gives_what_its_logs_gave(run: Run, store: Path, sql: str) -> None:
    assert rows(run, sql, store) == rows(run, sql, LOG)


def test_a_store_and_logs_are_one_table(run: Run, store: Path) -> None:
    sql = "SELECT COUNT(*) AS n FROM requests"
    found = document(run, sql, store, SAMPLE_LOGS / "combined.log")
    other = rows(run, sql, SAMPLE_LOGS / "combined.log")[0]["n"]
    assert found["tables"]["result"] == [{"n": 1500 + other}]
    assert [file["records"] for file in found["input"]["files"]] == [1500, other]
    assert document(run, sql, store)["window"] == document(run, sql, LOG)["window"]
    limits = ["--since", "2026-11-20T13:00", "--until", "2026-11-20T14:00"]
    assert rows(run, sql, store, *limits) == rows(run, sql, LOG, *limits)


@pytest.mark.slow
def test_a_process_reads_standard_input(run_forked: Run) -> None:
    sql = "SELECT status, COUNT(*) AS n FROM requests GROUP BY status ORDER BY n DESC LIMIT 1"
    result = run_forked("query", sql, "-", "-f", "csv", stdin=LOG.read_bytes())
    assert (result.code, result.text, result.stderr) == (0, "status,n\n200,1266\n", "")
    wrong = run_forked("query", "SELECT stauts FROM requests", "-", stdin=LOG.read_bytes())
    assert (wrong.code, wrong.stdout) == (2, b"")
    assert len(wrong.stderr.splitlines()) == 2

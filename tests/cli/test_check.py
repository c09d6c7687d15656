"""`apilog check` as a CI job runs it: exit codes, what is on which stream, every output."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from tests.checks.traffic_logs import log, traffic
from tests.commands import Run
from tests.weblog import write


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of two routes: one with 1 % errors, a slow one without any."""
    path = tmp_path_factory.mktemp("logs")
    log(
        path / "access.log",
        traffic(1000, 10),
        traffic(500, 0, path="/v1/search", ms=300, seed=2),
        traffic(20, 5, path="/v1/rare", method="POST", seed=3),
    )
    write(path / "empty.log", [])
    return path


@pytest.fixture
def folder(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of copies of these logs, in which commands run."""
    shutil.copytree(logs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path


HOLDS = ["-t", "error_rate < 2%"]
FAILS = ["-t", "error_rate < 0.1%"]
OPEN = ["-t", 'error_rate{route="/v1/rare"} < 1%']


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["access.log", *HOLDS], 0),
        (["access.log", *FAILS], 1),
        (["access.log", *HOLDS, *FAILS], 1),
        (["access.log", *OPEN], 3),
        (["access.log", *HOLDS, *OPEN], 3),
        (["access.log", *FAILS, *OPEN], 1),
        (["access.log", *OPEN, "--inconclusive", "pass"], 0),
        (["access.log", *OPEN, "--inconclusive", "fail"], 1),
        (["access.log", *OPEN, "--inconclusive", "3"], 3),
        (["access.log", *OPEN, "--min-requests", "20"], 1),
        (["access.log", *FAILS, "--min-requests", "2000"], 3),
        (["empty.log", *HOLDS], 3),
        (["empty.log", "-t", "requests >= 0"], 3),
        (["empty.log", "-t", "requests < 5", "--min-requests", "0"], 3),
        (["access.log", "--since", "2030-01-01", *HOLDS], 3),
        (["access.log", "-t", "requests >= 1520"], 0),
        (["access.log", "-t", "requests >= 1521"], 1),
        (["access.log", "-t", "error_rate < 2% for each route"], 0),
        (["access.log", "-t", "error_rate < 0.3% for each route"], 1),
        (["access.log", "-t", "error_rate < 0.9%"], 0),
        (["access.log", "-t", "error_rate < 0.9%", "--strict-limits"], 1),
        (["access.log", "-t", "error_rate < 0.9%", "--confidence", "0.5"], 1),
        (["access.log", "--where", "method = 'POST'", *FAILS], 3),
        (["access.log"], 2),
        (["access.log", "-t", "eror_rate < 1%"], 2),
        (["access.log", *FAILS, "--since", "never"], 2),
        (["access.log", "-t", "error_rate <= baseline"], 2),
        (["access.log", *HOLDS, "--baseline", "none.json"], 2),
        (["access.log", *HOLDS, "--config", "none.toml"], 2),
        (["access.log", *HOLDS, "--confidence", "1"], 2),
        (["none.log", *FAILS], 2),
        (["none.log", "access.log", *FAILS], 2),
        (["none.log", "access.log", *HOLDS], 2),
    ],
)
def test_exit_codes(folder: Path, run: Run, argv: list[str], code: int) -> None:
    assert run("check", *argv).code == code


@pytest.mark.slow
def test_a_rejected_line_is_an_error_only_if_strict(folder: Path, run: Run) -> None:
    with (folder / "access.log").open("a") as stream:
        stream.write("no request at all\n")
    assert run("check", "access.log", *FAILS).code == 1
    strict = run("check", "access.log", *FAILS, "--strict")
    assert strict.code == 2
    assert "--strict allows none" in strict.stderr
    kept = run("check", "access.log", *HOLDS, "--rejects", "rejects.ndjson")
    assert kept.code == 0
    assert json.loads((folder / "rejects.ndjson").read_text())["line"] == "no request at all"


def test_usage_is_checked_before_anything_is_read(folder: Path, run: Run) -> None:
    result = run("check", "none.log", "-t", "error_rate < 1% for each root")
    assert result.code == 2
    assert result.stdout == b""
    assert "character 26: there is no column 'root'" in result.stderr
    assert "hint: did you mean route?" in result.stderr


def test_what_a_person_reads(folder: Path, run: Run) -> None:
    result = run(
        "check", "access.log", *FAILS, "-t", "latency_p95 < 1s for each route", *OPEN, "-q"
    )
    assert result.stderr == ""
    shown = result.text.splitlines()
    assert "1 of 3 thresholds failed, 1 could not be decided" in shown
    failed = next(text for text in shown if "error_rate < 0.1%" in text)
    assert failed.split() == [
        *("FAIL", "error_rate", "<", "0.1%"),
        *("0.99", "%", "0.1", "%", "+0.89", "pp", "1,520", "<0.0001"),
    ]
    assert any(text.split()[:3] == ["GET", "/v1/orders/{id}", "1"] for text in shown)
    assert any("20 requests, fewer than 100" in text for text in shown)
    assert max(map(len, shown)) <= 80


def test_json_has_the_rows_and_the_account(folder: Path, run: Run) -> None:
    result = run(
        "check", "access.log", *HOLDS, "-t", "error_rate < 0.3% for each route", "-f", "json"
    )
    document = json.loads(result.stdout)
    assert document["apilog"]["command"] == "check"
    assert document["input"]["lines"] == document["input"]["records"] == 1520
    assert document["window"]["since"] == "2026-11-20T12:00:00Z"
    rows = document["tables"]["checks"]
    assert [*rows[0]] == [
        *("threshold", "metric", "route", "state", "value", "limit", "baseline", "requests"),
        *("low", "high", "p_value", "design_effect", "reason"),
    ]
    assert rows[0]["threshold"] == "error_rate < 2%"
    assert rows[0]["value"] == 15 / 1520
    assert [(row["route"], row["state"]) for row in rows[1:]] == [
        ("/v1/orders/{id}", "fail"),
        ("/v1/search", "pass"),
        ("/v1/rare", "inconclusive"),
    ]


@pytest.mark.slow
def test_tables_of_data(folder: Path, run: Run) -> None:
    argv = ["check", "access.log", *HOLDS, *FAILS]
    rows = [*csv.DictReader(io.StringIO(run(*argv, "-f", "csv").text))]
    assert [row["state"] for row in rows] == ["pass", "fail"]
    lines = run(*argv, "-f", "ndjson").text.splitlines()
    assert [json.loads(text)["state"] for text in lines] == ["pass", "fail"]
    result = run(*argv, "-f", "parquet", "-o", "checks.parquet")
    assert result.code == 1
    assert pl.read_parquet(folder / "checks.parquet")["state"].to_list() == ["pass", "fail"]
    worst = run(*argv, "-f", "csv", "--table", "worst").text
    assert "/v1/orders/{id}" in worst
    assert run(*argv, "-f", "csv", "-o", "out/").code == 1
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["checks.csv", "worst.csv"]


def test_markdown_has_units(folder: Path, run: Run) -> None:
    text = run("check", "access.log", *FAILS, "-t", "latency_p50 < 1s", "-f", "md").text
    assert "| fail | error\\_rate &lt; 0.1% | 0.99 % | 0.1 % | +0.89 pp | 1,520 |" in text
    assert "| 1 s | " in text


def test_junit_is_read_by_others(folder: Path, run: Run) -> None:
    argv = [*HOLDS, *FAILS, *OPEN, "-t", "error_rate < 2% for each route"]
    result = run("check", "access.log", *argv, "-f", "junit")
    assert result.code == 1
    root = ElementTree.fromstring(result.stdout)
    assert root.tag == "testsuites"
    counts = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["6", "1", "1", "1"]
    suites = {suite.get("name"): suite for suite in root}
    assert [*suites] == [*argv[1::2]]
    failure = suites["error_rate < 0.1%"].find("testcase/failure")
    assert failure is not None
    assert (
        failure.get("message")
        == "0.99 % over 1,520 requests, limit 0.1 %, margin +0.89 pp, p <0.0001"
    )
    error = suites['error_rate{route="/v1/rare"} < 1%'].find("testcase/error")
    assert error is not None
    assert "20 requests, fewer than 100" in (error.get("message") or "")
    names = [case.get("name") for case in suites["error_rate < 2% for each route"]]
    assert names[0] == "error_rate < 2% for each route (/v1/orders/{id})"


def test_github_gets_annotations_and_a_summary(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    (folder / "summary.md").write_text("of an earlier step\n")
    result = run("check", "access.log", *HOLDS, *FAILS, *OPEN, "-f", "github")
    assert result.code == 1
    failed = "0.99 %25 over 1,520 requests, limit 0.1 %25, margin +0.89 pp, p <0.0001"
    rare = 'error_rate{route="/v1/rare"} < 1%25 (/v1/rare)'
    few = "25 %25 over 20 requests, limit 1 %25, margin +24 pp, 20 requests, fewer than 100"
    assert result.text.splitlines() == [
        f"::error title=error_rate < 0.1%25::error_rate < 0.1%25: {failed}",
        f"::warning title={rare}::{rare}: {few}",
        "apilog check: 1 of 3 thresholds failed, 1 could not be decided",
    ]
    summary = (folder / "summary.md").read_text()
    assert summary.startswith("of an earlier step\n### apilog check: 1 of 3 thresholds failed")
    assert "| fail | error\\_rate &lt; 0.1% |" in summary
    assert "#### Worst" in summary


def test_without_a_summary_file_there_is_none(folder: Path, run: Run) -> None:
    assert run("check", "access.log", *HOLDS, "-f", "github").text == (
        "apilog check: 1 threshold holds\n"
    )


@pytest.mark.slow
def test_settings_come_from_the_folder_and_options_go_before(folder: Path, run: Run) -> None:
    (folder / "apilog.toml").write_text(
        '[checks]\nthresholds = ["error_rate < 0.1%"]\nmin_requests = 2000\ninconclusive = "fail"\n'
    )
    assert run("check", "access.log").code == 1
    assert run("check", "access.log", "--inconclusive", "3").code == 3
    assert run("check", "access.log", "--min-requests", "10").code == 1
    both = run("check", "access.log", *HOLDS, "-f", "ndjson").text.splitlines()
    assert [json.loads(text)["threshold"] for text in both] == [
        "error_rate < 0.1%",
        "error_rate < 2%",
    ]
    other = folder / "other.toml"
    other.write_text('[checks]\nthresholds = ["error_rate < 2%"]\n')
    assert run("check", "access.log", "--config", other).code == 0
    other.write_text('[checks]\nthresholds = ["error_rate < 0.9%"]\nstrict_limits = true\n')
    assert run("check", "access.log", "--config", other).code == 1
    other.write_text('[checks]\nthresholds = ["error_rat < 2%"]\n')
    assert run("check", "access.log", "--config", other).code == 2


def test_an_output_file_is_replaced_only_by_force(folder: Path, run: Run) -> None:
    argv = ["check", "access.log", *HOLDS, "-f", "junit", "-o", "report.xml"]
    assert [run(*argv).code, run(*argv).code, run(*argv, "--force").code] == [0, 2, 0]
    ElementTree.parse(folder / "report.xml")


@pytest.mark.slow
def test_it_runs_as_a_process_with_a_pipe(folder: Path, run_process: Run) -> None:
    lines = (folder / "access.log").read_bytes()
    assert run_process("check", "-", *FAILS, stdin=lines).code == 1
    assert run_process("check", "-", *HOLDS).code == 3


def test_a_store_is_checked_like_its_logs(folder: Path, run: Run) -> None:
    assert run("ingest", "access.log", "--store", "store").code == 0
    argv = [*FAILS, "-t", "latency_p95 < 1s for each route", "-f", "json"]
    of_store = json.loads(run("check", "store", *argv).stdout)["tables"]
    assert of_store == json.loads(run("check", "access.log", *argv).stdout)["tables"]


HOSTILE = [
    "/a/::error::mine",
    "/%3Cscript%3E/<script>",
    "/x%0A::set-output name=a::b",
    "/=cmd|calc!A1",
    "/]]>&amp;",
    "/\x9b31m/\u202eevil",
]


@pytest.mark.parametrize("output", ["table", "json", "junit", "github", "md", "ndjson"])
def test_what_clients_send_is_never_more_than_text(folder: Path, run: Run, output: str) -> None:
    parts = (traffic(150, 50, path=path, seed=i) for i, path in enumerate(HOSTILE))
    log(folder / "hostile.log", *parts)
    routes = [option for path in HOSTILE for option in ("--route", path)]
    each = ["-t", "error_rate < 1% for each route", "-t", 'requests{route="\x1b[2J"} < 1']
    result = run("check", "hostile.log", *each, "-t", "error_rate < 1%", *routes, "-f", output)
    assert result.code == 1, result.stderr
    shown = result.text.replace("\n", "")
    assert not [char for char in shown if ord(char) < 32 or 127 <= ord(char) < 160]
    assert "\u202e" not in shown
    if output == "github":
        commands = [text for text in result.text.splitlines() if text.startswith("::")]
        assert {text.partition(" title=")[0] for text in commands} == {"::error"}
    if output == "junit":
        assert ElementTree.fromstring(result.stdout).get("failures") == "7"
    if output == "md":
        assert "<" not in shown


def test_slips_of_a_limit_or_a_route_are_noted(folder: Path, run: Run) -> None:
    slips = ["-t", "error_rate < 1", "-t", 'latency_p95{route="/v1/rar"} < 1s']
    ran = run("check", "access.log", *slips, "-f", "json")
    assert "error_rate < 1: a limit of 1 is 100 %; write 1% for one in a hundred" in ran.stderr
    assert "no request has the route /v1/rar: did you mean /v1/rare?" in ran.stderr
    assert "no durations of such requests" in ran.text
    assert "note" not in run("check", "access.log", "-t", "error_rate < 100%", *OPEN).stderr
    seconds = run("check", "access.log", "-t", "latency_p95 < 0.3", "-f", "json").stderr
    assert "latency_p95 < 0.3: no unit means milliseconds; write 0.3s for seconds" in seconds

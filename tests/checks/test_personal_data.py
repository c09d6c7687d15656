"""The options on personal data, queries and routes in `check`, `baseline`, `compare`, `success`."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.privacy import hash_consumers
from tests.commands import Run
from tests.weblog import line, write

ADDRESSES = ["203.0.113.77", "203.0.113.9", "198.51.100.3", "2001:db8:1:2::77"]
CONSUMERS = ["acme", "acme", "globex", "alice@example.com"]
HIDDEN = (*ADDRESSES, *CONSUMERS)
OPTIONS = ("--anonymize-ip", "--hash-consumers", "s3cret")
HASHES = hash_consumers(pl.Series(CONSUMERS), b"s3cret").to_list()
FORMATS = ("table", "json", "junit", "github", "ndjson", "csv", "md")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    requests = zip(ADDRESSES, CONSUMERS, strict=True)
    lines = [
        line(f"/v1/users/{user.partition('@')[0]}?key=k", ip=ip, user=user, ms=5)
        for ip, user in requests
    ]
    return write(tmp_path / "a.log", lines)


@pytest.mark.parametrize("format", FORMATS)
def test_a_check_of_each_consumer_names_none(source: Path, run: Run, format: str) -> None:
    argv = ("check", source, "--min-requests", "0", "-f", format)
    for column in ("consumer", "client_ip"):
        threshold = f"error_rate < 1% for each {column}"
        shown = run(*argv, "-t", threshold, "--route", "/v1/users/{name}", *OPTIONS)
        assert shown.code == 0
        assert not any(text in shown.text + shown.stderr for text in HIDDEN)
    rows = json.loads(run(*argv[:-1], "json", "-t", "requests > 0 for each consumer").stdout)
    assert {row["consumer"] for row in rows["tables"]["checks"]} == set(CONSUMERS)


def test_a_check_of_each_consumer_counts_hashed_ones(source: Path) -> None:
    result = apilog.check(
        source,
        thresholds=["requests > 0 for each consumer"],
        hash_consumers="s3cret",
        where="client_ip <> '198.51.100.3'",
    )
    rows = result.report.tables["checks"].select("consumer", "value").rows()
    assert dict(rows) == {HASHES[0]: 2, HASHES[3]: 1}


def test_a_baseline_file_holds_no_personal_data(source: Path, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "baseline.json"
    argv = ("--route", "/v1/users/{name}", "--keep-query", *OPTIONS)
    assert run("baseline", source, "-o", file, *argv).code == 0
    assert not any(text in file.read_text() for text in (*HIDDEN, "s3cret", "key=k"))
    (route,) = json.loads(file.read_text())["routes"]
    assert (route["route"], route["statuses"]) == ("/v1/users/{name}", {"200": 4})
    checked = run("check", source, "--baseline", file, "-t", "error_rate <= baseline", *argv)
    assert checked.code == 2  # these are the requests that the baseline is made of


def test_sides_of_a_comparison_may_be_hashed_consumers(source: Path, run: Run) -> None:
    split = f"consumer={HASHES[0]},{HASHES[2]}"
    argv = ("compare", source, "--split", split, "--route", "/v1/users/{name}", "-f", "json")
    shown = run(*argv, *OPTIONS)
    assert not any(text in shown.text + shown.stderr for text in HIDDEN)
    (row,) = [
        row
        for row in json.loads(shown.stdout)["tables"]["comparison"]
        if row["metric"] == "error_rate" and row["route"] is None
    ]
    assert (row["a_requests"], row["b_requests"]) == (2, 1)


def test_routes_beyond_the_limit_are_folded_and_queries_kept(tmp_path: Path, run: Run) -> None:
    source = write(
        tmp_path / "a.log", [line(f"/{name}?q={name}") for name in ("a", "a", "a", "b", "c")]
    )
    argv = ("check", source, "-t", "requests > 0 for each route", "-f", "json")
    rows = json.loads(run(*argv, "--max-routes", "1").stdout)["tables"]["checks"]
    assert [row["route"] for row in rows] == ["/a"]
    rows = json.loads(
        run(*argv[:3], "requests > 0 for each path", *argv[4:], "--keep-query").stdout
    )["tables"]["checks"]
    assert {row["path"] for row in rows} == {"/a?q=a", "/b?q=b", "/c?q=c"}


@pytest.mark.parametrize("command", ["check", "baseline", "compare"])
def test_a_key_that_is_missing_is_told_before_reading(
    source: Path, tmp_path: Path, run: Run, command: str
) -> None:
    options: dict[str, list[str | Path]] = {
        "check": ["-t", "error_rate < 1%"],
        "baseline": ["-o", tmp_path / "baseline.json"],
        "compare": ["--split", "method=GET,POST"],
    }
    done = run(command, source, *options[command], "--hash-consumers", "env:GONE")
    assert (done.code, done.stdout) == (2, b"")
    assert "--hash-consumers" in done.stderr
    assert not (tmp_path / "baseline.json").exists()


def test_success_takes_the_options_too(source: Path, tmp_path: Path, run: Run) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account,consumers\nA,acme\n")
    argv = ("--accounts", accounts, "--route", "/v1/users/{name}", "--keep-query", *OPTIONS)
    done = run("success", source, "-f", "json", *argv)
    assert done.code == 0
    tables = json.loads(done.stdout)["tables"]
    assert {row["consumer"] for row in tables["unmatched"]} == {HASHES[2], HASHES[3]}
    assert not any(text in done.text.replace(str(source), "") for text in HIDDEN)

"""`--anonymize-ip` and `--hash-consumers`: no output of any command holds what they hide."""

from __future__ import annotations

import json
from collections import Counter
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
OPTIONS = ("--anonymize-ip", "--hash-consumers", "env:THE_KEY")
HASHES = hash_consumers(pl.Series(CONSUMERS), b"s3cret").to_list()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "s3cret")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    requests = zip(ADDRESSES, CONSUMERS, strict=True)
    lines = [line("/v1/a", ip=ip, user=user, ms=5) for ip, user in requests]
    return write(tmp_path / "a.log", [*lines, "torn 203.0.113.77 acme"])


def everything_in(folder: Path) -> str:
    parquet = [str(pl.read_parquet(p).to_dicts()) for p in folder.rglob("*.parquet")]
    texts = [p.read_text() for p in folder.rglob("*") if p.is_file() and p.suffix != ".parquet"]
    return "\n".join((*parquet, *texts))


def test_a_report_counts_what_is_left_of_them(source: Path, run: Run) -> None:
    done = run("report", source, "-f", "json", "--by", "client_ip", *OPTIONS)
    tables = json.loads(done.stdout)["tables"]
    assert not any(text in done.text for text in HIDDEN)
    networks = {row["client_ip"]: row["requests"] for row in tables["endpoints"]}
    assert networks == {"203.0.113.0": 2, "198.51.100.0": 1, "2001:db8:1::": 1}
    consumers = {row["consumer"]: row["requests"] for row in tables["consumers"]}
    assert consumers == Counter(HASHES)
    overview = tables["overview"][0]
    assert (overview["clients"], overview["consumers"]) == (3, 3)


def test_where_sees_what_was_logged_and_a_query_does_not(source: Path, run: Run) -> None:
    argv = ("report", source, "-f", "ndjson", "--table", "consumers", *OPTIONS)
    done = run(*argv, "--where", "consumer = 'acme' AND client_ip = '203.0.113.9'")
    assert [json.loads(row)["consumer"] for row in done.text.splitlines()] == [HASHES[0]]
    sql = "SELECT consumer, client_ip FROM requests WHERE consumer <> 'acme'"
    done = run("query", sql, source, "-f", "ndjson", *OPTIONS)
    assert [json.loads(row)["consumer"] for row in done.text.splitlines()] == HASHES
    assert not any(text in done.text for text in HIDDEN)


def test_a_store_that_is_ingested_so_holds_nothing_else(
    tmp_path: Path, source: Path, run: Run
) -> None:
    store = tmp_path / "store"
    assert run("ingest", source, "--store", store, *OPTIONS).code == 0
    held = everything_in(store).replace(str(source), "")
    assert not any(text in held for text in HIDDEN)
    done = run("query", "SELECT consumer FROM requests", store, "-f", "ndjson")
    assert [json.loads(row)["consumer"] for row in done.text.splitlines()] == HASHES
    # Rejects are counted with their reason, but their lines are gone.
    done = run("store", "info", store, "-f", "json")
    assert json.loads(done.stdout)["rejects"] == 1
    done = run("ingest", "--retry-rejects", "--store", store)
    assert done.code == 0
    assert "of 1 rejected lines 0 are records" in done.stderr


def test_a_store_may_be_read_so_too(tmp_path: Path, source: Path, run: Run) -> None:
    store = tmp_path / "store"
    run("ingest", source, "--store", store)
    for argv in (
        ("report", store, "-f", "json"),
        ("report", store, "-f", "json", "--route", "/v1/{x}"),
        ("query", "SELECT * FROM requests", store, "-f", "ndjson"),
    ):
        done = run(*argv, *OPTIONS)
        told = done.text.replace(str(source), "")
        assert done.code == 0
        assert not any(text in told for text in HIDDEN)
        assert HASHES[0] in told


def test_an_export_is_made_with_or_without_them(tmp_path: Path, source: Path, run: Run) -> None:
    to = tmp_path / "to"
    assert run("export", source, "--to", to, "--by", "client_ip", *OPTIONS).code == 0
    assert not any(text in everything_in(to) for text in (*HIDDEN, "s3cret"))
    done = run("export", source, "--to", to, "--by", "client_ip")
    assert done.code == 2
    assert "with --anonymize-ip, not with no --anonymize-ip" in done.stderr


def test_python_has_them_too(source: Path) -> None:
    asked = {"anonymize_ip": True, "hash_consumers": "s3cret"}
    frame = apilog.scan(source, **asked).select("consumer", "client_ip").collect()  # type: ignore[arg-type]
    assert frame["consumer"].to_list() == HASHES
    assert frame["client_ip"][0] == "203.0.113.0"
    found = apilog.report(source, **asked, tables=["consumers"])  # type: ignore[arg-type]
    assert set(found.tables["consumers"]["consumer"]) == set(HASHES)


@pytest.mark.parametrize("key", ["", "env:GONE", "@gone"])
def test_a_key_that_is_missing_is_told_before_reading(source: Path, run: Run, key: str) -> None:
    done = run("report", source, "--hash-consumers", key)
    assert (done.code, done.stdout) == (2, b"")
    assert "--hash-consumers" in done.stderr

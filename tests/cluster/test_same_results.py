"""A cluster gives what this process gives, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.engine.parse_chunks import ReadSpec
from apilog.report_model import Report
from tests.commands import Run
from tests.weblog import line as weblog_line
from tests.weblog import write

pytest.importorskip("distributed")

from apilog.engine.cluster import run as cluster_run
from tests.cluster.dask_cluster import DaskCluster

LOGS = Path(__file__).parents[2] / "sample_logs"
STRETCH = 40_000
"""Bytes that one task reads: `api.log` has some five stretches."""
COLOURS = ("red", "green", "blue", "amber", "ivory", "teal", "coral", "olive", "plum", "slate")
THINGS = ("shirt", "hat", "scarf", "coat", "belt", "boot", "glove", "sock", "dress", "skirt")
SPEC = ReadSpec(columns=frozenset({"status"}))
ACCOUNTS = LOGS / "success" / "accounts.csv"


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut files that are too small to be worth it."""
    monkeypatch.setattr(cluster_run, "_LEAST_STRETCH", STRETCH)
    monkeypatch.setattr(cluster_run, "_MOST_STRETCH", STRETCH)


def assert_same(here: Report, there: Report) -> None:
    assert there.input == here.input
    assert there.notes == here.notes
    assert (there.since, there.until, there.bucket) == (here.since, here.until, here.bucket)
    assert [*there.tables] == [*here.tables]
    for name, table in here.tables.items():
        assert there.tables[name].equals(table), name


def test_many_files_are_few_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for number in range(1200):
        (tmp_path / f"{number}.log").write_bytes(b"a line\n" * (1 + number % 3))
    run = cluster_run.ClusterRun([tmp_path], SPEC, len)
    counts = [len(task.arguments[0]) for task in run._tasks(2)]
    # Ever fewer, but always worth a task, so that all threads end at the same time.
    assert sum(counts) == 1200
    assert counts == sorted(counts, reverse=True)
    assert 300 >= counts[0] > counts[-2] > 80
    assert len(run.accounts) == 1200


def test_compressed_files_are_spread_and_large_ones_begin_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    sizes = {
        "a": 20 << 20,
        "b": 20 << 20,
        "c": 200 << 20,
        **{f"d{i:02}": 1 << 20 for i in range(40)},
    }
    for name, size in sizes.items():
        with (tmp_path / f"{name}.gz").open("wb") as file:
            file.truncate(size)
    tasks = [*cluster_run.ClusterRun([tmp_path], SPEC, len)._tasks(2)]
    # None is cut, as lines in the middle of a compressed file can't be told from its bytes.
    assert not any(task.split for task in tasks)
    counts = [len(task.arguments[0]) for task in tasks]
    assert counts[:3] == [1, 1, 1]
    assert sum(counts) == len(sizes)
    assert max(counts) <= 20
    assert [task.name for task in tasks if task.is_long] == [str(tmp_path / "c.gz")]


@pytest.mark.slow
def test_reports_on_samples_that_are_cut(
    cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    stretch = 6000
    monkeypatch.setattr(cluster_run, "_MOST_STRETCH", stretch)
    samples = sorted(path for path in LOGS.iterdir() if path.is_file())
    short = [path for path in samples if path.stat().st_size <= stretch]
    # What is read whole is read as here: some of these are enough.
    sources = sorted({*samples} - {*short})[::2] + short[::8]
    assert len(sources) > 30
    # What is tried is the cut; all tables are held in what follows.
    few: dict[str, Any] = {"tables": ["overview", "endpoints", "statuses"]}
    there = apilog.report(sources, scheduler=cluster.address, **few)
    assert_same(apilog.report(sources, **few), there)


def test_reports_on_several_logs_and_on_broken_lines(cluster: DaskCluster, tmp_path: Path) -> None:
    broken = tmp_path / "broken.log"
    lines = (LOGS / "api.log").read_bytes().splitlines(keepends=True)
    for at in (5, 70, 71, len(lines) - 3):
        lines[at] = b"no request at all\r\n"
    broken.write_bytes(b"".join(lines) + b"cut off")
    sources = [LOGS / "api.log.1.gz", LOGS / "apigee.log", LOGS / "docker.log", broken]
    assert_same(apilog.report(sources), apilog.report(sources, scheduler=cluster.address))


@pytest.mark.slow
def test_routes_that_only_the_whole_traffic_tells(cluster: DaskCluster, tmp_path: Path) -> None:
    words = [f"{colour}-{thing}" for colour in COLOURS for thing in THINGS]
    paths = [f"/shop/{word}/reviews" for word in words * 2] + ["/shop/cart/reviews"] * 200
    log = write(tmp_path / "shop.log", [weblog_line(path) for path in paths * 3])
    assert log.stat().st_size > 2 * STRETCH
    here = apilog.report(log)
    assert_same(here, apilog.report(log, scheduler=cluster.address))
    counts = dict(here.tables["endpoints"].select("route", "requests").rows())
    assert counts == {"/shop/{value}/reviews": 6 * len(words), "/shop/cart/reviews": 600}


@pytest.mark.slow
def test_calls_held_against_a_document(cluster: DaskCluster, tmp_path: Path) -> None:
    log, file = LOGS / "api.log", tmp_path / "api.json"
    made = apilog.openapi(log, where="method = 'GET'", scheduler=cluster.address)
    assert made.document == apilog.openapi(log, where="method = 'GET'").document
    file.write_text(made.json, encoding="utf-8")
    options: dict[str, Any] = {"openapi": [str(file)]}
    here = apilog.report(log, **options)
    assert_same(here, apilog.report(log, **options, scheduler=cluster.address))
    assert {"used", "undocumented"} <= {*here.tables["coverage"]["state"]}
    texts = ["undocumented_requests <= 0", "unused_operations <= 0", "undeclared_statuses <= 0"]
    options["thresholds"] = texts
    there = apilog.check(log, **options, scheduler=cluster.address)
    assert_same(apilog.check(log, **options).report, there.report)


@pytest.mark.slow
def test_where_by_and_limits(cluster: DaskCluster) -> None:
    options: dict[str, Any] = {
        "where": "status >= 400",
        "by": ["consumer"],
        "top": 3,
        "tz": "Europe/Berlin",
    }
    choices: list[dict[str, Any]] = [{}, {"where": "line_number > 20"}, {"bucket": "1h"}]
    for more in choices:
        here = apilog.report(LOGS / "api.log", **{**options, **more})
        there = apilog.report(LOGS / "api.log", **{**options, **more}, scheduler=cluster.address)
        assert_same(here, there)


@pytest.mark.slow
def test_rejects_have_their_line_numbers(cluster: DaskCluster, tmp_path: Path) -> None:
    log = tmp_path / "odd.log"
    lines = (LOGS / "api.log").read_text().splitlines()
    odd = [7, 8, 60, len(lines) - 1]
    for at in odd:
        lines[at] = f"odd line {at}"
    log.write_text("\n".join(lines) + "\n")
    seen: list[pl.DataFrame] = []
    apilog.report(log, scheduler=cluster.address, rejects=seen.append)
    assert pl.concat(seen)["line_number"].to_list() == [at + 1 for at in odd]
    assert pl.concat(seen)["line"].to_list() == [f"odd line {at}" for at in odd]


@pytest.mark.slow
def test_stores(cluster: DaskCluster, tmp_path: Path) -> None:
    apilog.ingest([LOGS / "api.log", LOGS / "kong.log"], store=tmp_path / "store")
    sources = [tmp_path / "store", LOGS / "apigee.log"]
    choices: list[dict[str, Any]] = [{}, {"since": "2026-11-21"}, {"routes": ["/v1/{all}"]}]
    for options in choices:
        here = apilog.report(sources, **options)
        assert_same(here, apilog.report(sources, **options, scheduler=cluster.address))


@pytest.mark.slow
def test_checks_comparisons_and_success(cluster: DaskCluster) -> None:
    there: dict[str, Any] = {"scheduler": cluster.address}
    check: dict[str, Any] = {
        "thresholds": ["error_rate < 1%", "latency_p95 < 300ms for each route"]
    }
    one, other = (apilog.check(LOGS / "api.log", **check, **how) for how in ({}, there))
    assert one.state is other.state
    assert_same(one.report, other.report)
    sides = [LOGS / "api.log.1.gz", LOGS / "api.log"]
    assert_same(apilog.compare(sides).report, apilog.compare(sides, **there).report)
    joined: dict[str, Any] = {"accounts": str(ACCOUNTS), "as_of": "2026-11-25"}
    success = LOGS / "success" / "gateway.log.gz"
    assert_same(apilog.success(success, **joined), apilog.success(success, **joined, **there))


@pytest.mark.slow
def test_json_and_exports_byte_for_byte(cluster: DaskCluster, tmp_path: Path, run: Run) -> None:
    there = ("--engine", "dask", "--scheduler", cluster.address)
    report = ("report", str(LOGS / "api.log"), "-f", "json")
    here = run(*report)
    assert run(*report, *there).stdout == here.stdout
    assert json.loads(here.stdout)["input"]["records"] > 0
    for name, engine in (("one", ()), ("other", there)):
        run("export", str(LOGS / "api.log"), "--to", str(tmp_path / name), *engine)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.csv")]
    assert files
    for file in files:
        assert (tmp_path / "other" / file).read_bytes() == (tmp_path / "one" / file).read_bytes()


@pytest.mark.slow
def test_queries(cluster: DaskCluster, run: Run) -> None:
    sql = (
        "SELECT route, COUNT(*) AS n FROM requests WHERE status < 400 GROUP BY route ORDER BY route"
    )
    here = run("query", sql, str(LOGS / "api.log"), "-f", "json")
    there = run("query", sql, str(LOGS / "api.log"), "-f", "json", "--scheduler", cluster.address)
    assert there.stdout == here.stdout


@pytest.mark.slow
def test_pairs_of_lines_at_several_cuts(
    cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "pairs.log"
    records = []
    for i in range(10):
        begun = {"level": 30, "time": 1764000000000 + i * 1000, "reqId": f"r-{i}"}
        request = {"method": "GET", "url": f"/orders/{i}", "remoteAddress": "10.0.0.1"}
        records.append(json.dumps({**begun, "req": request, "msg": "incoming request"}))
        ended = {**begun, "res": {"statusCode": 200 + i % 2}, "responseTime": 1.5}
        records.append(json.dumps({**ended, "msg": "request completed"}))
    log.write_text("\n".join(records) + "\n")
    here = apilog.report(log)
    monkeypatch.setattr(cluster_run, "_MOST_STRETCH", 333)
    assert_same(here, apilog.report(log, scheduler=cluster.address))

"""Stores as sources: the same figures as from the logs they were made of, to the last digit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.ingestion import ingest
from apilog.schema import SCHEMA
from apilog.store import Store, compact
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, line, write

LOGS = sorted(SAMPLE_LOGS.glob("*.log")) + [SAMPLE_LOGS / "api.log.1.gz"]
CASES = Path(__file__).parent.parent / "cases"
OF_MANY_COLUMNS = (
    "apigee/router",
    "aws-apigateway/cloudwatch-events",
    "azure-frontdoor/access-log",
    "envoy/istio",
    "fastify/pairs",
    "haproxy/stdout-timed",
    "iis/w3c",
    "mixed/load-balancer-and-message-logging",
    "nginx/two-formats-and-errors",
    "otel/http-bodies",
)
"""Logs that together fill every column but those of models: what a store keeps is columns,
whoever has written them."""
OF_A_MODEL = {
    "start_time": "2026-11-21T10:00:00.123Z",
    "method": "POST",
    "path": "/v1/chat/completions",
    "response_code": "200",
    "duration": "2858",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": "28",
    "gen_ai.usage.output_tokens": "20",
    "ttft_ms": "250",
    "gen_ai.tool.name": "search",
}
OPTIONS = {
    "none": (),
    "window": ("--since", "2026-11-20T15:10", "--until", "2026-11-20T20"),
    "zone": ("--tz", "Asia/Kolkata", "--bucket", "1d"),
    "where": ("--where", "status >= 400 AND host IS NULL AND method = 'GET'"),
    "consumers": ("--by", "consumer", "--by", "error_source", "--top", "3"),
    "position": ("--by", "source", "--by", "line_number"),
    "routes": ("--route", "/v1/users/{name}", "--route", "/v1/{kind}/{id}"),
    "folded": ("--max-routes", "2"),
}


def tables(run: Run, *argv: str | Path) -> dict[str, Any]:
    """Tables and window of a report."""
    result = run("report", *argv, "-f", "json")
    assert result.code == 0, result.stderr
    document = json.loads(result.text)
    return {"window": document["window"], **document["tables"]}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two days of the sample API."""
    path = tmp_path_factory.mktemp("stores") / "store"
    ingest([SAMPLE_LOGS / "api.log.1.gz", SAMPLE_LOGS / "api.log"], path)
    return path


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_store_gives_the_figures_of_its_logs(
    run: Run, stored: Path, options: tuple[str, ...]
) -> None:
    logs = SAMPLE_LOGS / "api.log.1.gz", SAMPLE_LOGS / "api.log"
    assert tables(run, stored, *options) == tables(run, *logs, *options)


@pytest.mark.slow
def test_so_does_a_store_of_any_gateway(run: Run, tmp_path: Path) -> None:
    filled: set[str] = set()
    of_models = write(tmp_path / "models.log", [json.dumps(OF_A_MODEL)] * 3)
    logs = [CASES / f"{name}.log" for name in OF_MANY_COLUMNS]
    for log in (*logs, of_models):
        store = tmp_path / log.stem
        ingest([log], store)
        # A store keeps columns: these tables are of all that are not counted elsewhere, too.
        options = [part for name in ("source", "api", "operation") for part in ("--by", name)]
        options += [
            part for name in ("endpoints", "errors", "latency") for part in ("--table", name)
        ]
        assert tables(run, store, *options) == tables(run, log, *options), log
        counts = Store.open(store).scan_records().select(pl.all().count()).collect()
        filled |= {column for column, count in counts.row(0, named=True).items() if count}
    assert filled == {*SCHEMA}


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--route", "/{anything}"), ("--by", "source", "--by", "api")])
def test_so_does_a_store_of_logs_of_many_formats(
    run: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    logs = LOGS[len(options) :: 8]
    ingest(logs, tmp_path / "store")
    assert tables(run, tmp_path / "store", *options) == tables(run, *logs, *options)


@pytest.mark.slow
def test_stores_and_logs_mix(run: Run, tmp_path: Path, stored: Path) -> None:
    more = write(tmp_path / "more.log", [line(status=500, ms=3), line("/v1/users/8")])
    mixed = tables(run, more, stored)
    logs = SAMPLE_LOGS / "api.log.1.gz", SAMPLE_LOGS / "api.log"
    assert mixed == tables(run, *logs, more)


def test_a_store_counts_its_records_and_is_counted_once(run: Run, stored: Path) -> None:
    facts = Store.open(stored).collect_facts()
    result = run("report", stored, f"{stored}/", "--since", "2026-11-20T23:59", "-f", "json")
    assert json.loads(result.text)["input"] == {
        "lines": facts["records"],
        "records": facts["records"],
        "rejects": 0,
        "skipped": 0,
        "files": [
            {
                "path": str(stored),
                "format": "store",
                "lines": facts["records"],
                "records": facts["records"],
                "rejects": 0,
                "skipped": 0,
                "error": None,
                "doubts": [],
            }
        ],
    }


def test_an_empty_store_is_an_empty_report(run: Run, tmp_path: Path) -> None:
    ingest([write(tmp_path / "empty.log", [])], tmp_path / "store")
    assert tables(run, tmp_path / "store") == tables(run, tmp_path / "empty.log")


def test_one_day_reads_only_that_day_and_the_one_it_is_compared_with(
    run: Run, tmp_path: Path
) -> None:
    log = write(tmp_path / "days.log", [line(after=3600 * hour, ms=hour) for hour in range(240)])
    ingest([log], tmp_path / "store")
    for day in (tmp_path / "store" / "records").iterdir():
        if day.name not in ("date=2026-11-24", "date=2026-11-25"):
            shutil.rmtree(day)
    window = ("--since", "2026-11-25", "--until", "2026-11-26")
    found = tables(run, tmp_path / "store", *window)
    assert found["overview"][0]["requests"] == 24
    assert found == tables(run, log, *window)


def test_files_that_are_gone_are_an_error(run: Run, tmp_path: Path, stored: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(stored, copy)
    gone = next((copy / "records").glob("*/*.parquet"))
    gone.unlink()
    result = run("report", copy)
    assert (result.code, result.text) == (2, "")
    name = gone.relative_to(copy).as_posix()
    assert result.stderr.splitlines() == [
        f"apilog: error: {copy}: {name} was removed while it was being read",
        "hint: run it again; `apilog store verify` finds damaged files",
    ]


def test_a_damaged_file_is_an_error(run: Run, tmp_path: Path, stored: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(stored, copy)
    damaged = next((copy / "records").glob("*/*.parquet"))
    damaged.write_bytes(b"PAR1" + b"\xff" * 100 + b"PAR1")
    result = run("report", copy)
    assert (result.code, result.text) == (2, "")
    assert result.stderr.startswith(f"apilog: error: {copy}: ")
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.slow
def test_a_store_that_was_compacted_gives_the_same(run: Run, tmp_path: Path) -> None:
    for number in range(12):
        more = write(tmp_path / f"{number}.log", [line(after=60 * number + n) for n in range(9)])
        ingest([more], tmp_path / "store")
    before = tables(run, tmp_path / "store")
    compact(tmp_path / "store")
    assert len(Store.open(tmp_path / "store").record_files()) == 1
    assert tables(run, tmp_path / "store") == before


@pytest.mark.parametrize("command", [("detect",), ("ingest", "--store", "other")])
def test_where_logs_are_wanted_a_store_is_named(
    run: Run,
    stored: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(command[0], stored, *command[1:])
    assert result.code == 2
    assert f"apilog: error: {stored}: a store, not a log\nhint: " in result.stderr


@pytest.mark.slow
def test_a_store_below_a_folder_of_logs_is_not_searched(run: Run, tmp_path: Path) -> None:
    log = write(tmp_path / "access.log", [line(after=n) for n in range(9)])
    ingest([tmp_path], tmp_path / "kept" / "store")
    assert tables(run, tmp_path) == tables(run, log) == tables(run, tmp_path / "kept" / "store")
    assert tables(run, f"{tmp_path}/**") == tables(run, log)


def test_scan_reads_stores_beside_logs(stored: Path) -> None:
    log = SAMPLE_LOGS / "api.log"
    alone = apilog.scan(log).collect()
    both = apilog.scan([log, stored]).collect()
    assert both.schema == alone.schema
    assert both.tail(alone.height).equals(alone)
    stored_records = Store.open(stored).collect_facts()["records"]
    assert isinstance(stored_records, int)
    assert both.height == alone.height + stored_records


def test_scan_makes_routes_anew_where_it_is_told_to(stored: Path) -> None:
    logs = [SAMPLE_LOGS / "api.log.1.gz", SAMPLE_LOGS / "api.log"]
    routes = ["/v1/users/{name}"]
    counts = pl.col("route").value_counts(sort=True)
    wanted = apilog.scan(logs, routes=routes).select("path", "route").unique().sort("path")
    found = apilog.scan(stored, routes=routes).select("path", "route").unique().sort("path")
    assert found.collect().equals(wanted.collect())
    assert (
        "/v1/users/{name}"
        in apilog.scan(stored, routes=routes)
        .select(counts.struct.field("route"))
        .collect()["route"]
    )


def test_query_makes_routes_anew_too(run: Run, stored: Path) -> None:
    sql = "SELECT route, COUNT(*) AS n FROM requests GROUP BY route ORDER BY n DESC, route"
    logs = SAMPLE_LOGS / "api.log.1.gz", SAMPLE_LOGS / "api.log"
    options = ("--route", "/v1/users/{name}", "-f", "csv")
    assert run("query", sql, stored, *options).text == run("query", sql, *logs, *options).text

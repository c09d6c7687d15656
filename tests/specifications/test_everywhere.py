"""Every command that makes routes takes documents: stores, SQL, exports, comparisons, watches."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.errors import UsageError
from tests import weblog
from tests.commands import Run
from tests.specifications.shapes import document, operation, petstore, plant, save

LIMITS = [
    "undocumented_requests <= 0",
    "deprecated_requests <= 0",
    "unused_operations <= 0",
    "undeclared_statuses <= 0",
]


@dataclass(frozen=True)
class Files:
    document: Path
    log: Path
    store: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("everywhere")
    spec = petstore()
    log = weblog.write(folder / "access.log", plant(spec, seed=3, calls=40).lines)
    store = folder / "store"
    apilog.ingest(log, store=store, final=True)
    return Files(save(folder / "api.yaml", spec), log, store)


def test_a_store_tells_what_its_log_tells(files: Files) -> None:
    both = [
        apilog.report(source, openapi=[str(files.document)], tables=["coverage", "deprecated"])
        for source in (files.log, files.store)
    ]
    for name in ("coverage", "deprecated"):
        assert both[0].tables[name].equals(both[1].tables[name]), name


def test_queries_name_routes_and_operations(files: Files) -> None:
    for source in (files.log, files.store):
        frame = apilog.scan(source, openapi=[str(files.document)])
        rows = frame.filter(pl.col("operation") == "getPet").select("route", "method").unique()
        assert rows.collect().rows() == [("/v1/pets/{petId}", "GET")]


def test_a_record_without_a_document_is_as_before(files: Files) -> None:
    columns = ["route", "operation", "method", "status"]
    plain = apilog.scan(files.log).select(columns).collect()
    assert plain["operation"].null_count() == plain.height
    none = apilog.scan(files.log, openapi=[]).select(columns).collect()
    assert none.equals(plain)


def test_rules_go_before_documents(files: Files) -> None:
    rule = "/v1/pets/{any}"
    report = apilog.report(files.log, openapi=[str(files.document)], routes=[rule])
    routes = {*report.tables["endpoints"]["route"]}
    assert rule in routes
    assert not {"/v1/pets/{petId}", "/v1/pets/mine"} & routes
    coverage = report.tables["coverage"].filter(pl.col("route") == rule)
    assert {"getPet", "minePets"} <= {*coverage["operation"]}


@pytest.mark.slow
def test_commands_write_the_tables(files: Files, run: Run, tmp_path: Path) -> None:
    spec = ("--openapi", str(files.document))
    for output in ("md", "html", "csv", "ndjson", "parquet", "xlsx", "prometheus", "table"):
        target = tmp_path / f"report-{output}"
        table = ("--table", "coverage") if output in ("md", "csv", "ndjson", "parquet") else ()
        done = run("report", files.log, *spec, "-f", output, "-o", target, *table)
        assert done.code == 0, done.stderr
        assert target.stat().st_size
        if output in ("md", "html", "table", "csv"):
            text = target.read_text("utf-8")
            assert "/v1/pets/mine" in text
            assert "shadow" in text
    done = run("export", files.log, *spec, "--to", tmp_path / "days", "--table", "coverage")
    assert done.code == 0, done.stderr
    (exported,) = (tmp_path / "days").glob("*/coverage.csv")
    with exported.open(encoding="utf-8") as stream:
        assert {"used", "undocumented"} <= {row["state"] for row in csv.DictReader(stream)}


@pytest.mark.parametrize("command", ["compare", "baseline", "watch", "query"])
def test_commands_take_documents(files: Files, run: Run, tmp_path: Path, command: str) -> None:
    spec = ("--openapi", str(files.document))
    match command:
        case "compare":
            done = run("compare", files.log, "--split", "method=GET,POST", *spec, "-f", "json")
        case "baseline":
            done = run("baseline", files.log, *spec, "-o", tmp_path / "base.json")
            assert "/v1/pets/{petId}" in (tmp_path / "base.json").read_text("utf-8")
        case "watch":
            done = run("watch", files.log, *spec, "--from-start", "--once", "--json")
        case _:
            done = run("query", "SELECT route FROM requests", files.log, *spec, "-f", "json")
    # Too few requests for a verdict on any difference.
    assert done.code == (3 if command == "compare" else 0), done.stderr
    if command != "baseline":
        assert b"/v1/pets/{petId}" in done.stdout


def test_checks_give_exit_codes_and_hints(files: Files, run: Run) -> None:
    spec = ("--openapi", str(files.document))
    limits = [part for limit in LIMITS for part in ("-t", limit)]
    done = run("check", files.log, *spec, *limits, "-f", "json")
    assert done.code == 1
    rows = json.loads(done.stdout)["tables"]["checks"]
    assert {row["metric"] for row in rows if row["state"] == "fail"} >= {
        "undocumented_requests",
        "deprecated_requests",
        "undeclared_statuses",
    }
    for argv in (
        ("check", files.log, *limits),
        ("report", files.log, "--metrics", "undocumented_requests"),
        ("report", files.log, "--table", "coverage"),
    ):
        done = run(*argv)
        assert done.code == 2
        assert "--openapi FILE" in done.stderr


def test_the_configuration_names_documents(files: Files, run: Run, tmp_path: Path) -> None:
    config = tmp_path / "apilog.toml"
    (tmp_path / "api.yaml").write_bytes(files.document.read_bytes())
    config.write_text('[defaults]\nopenapi = ["api.yaml"]\n', encoding="utf-8")
    assert run("config", "check", "--config", config).code == 0
    done = run("check", files.log, "--config", config, "-t", "undocumented_requests <= 0")
    assert done.code == 1
    config.write_text('[defaults]\nopenapi = ["gone.yaml"]\n', encoding="utf-8")
    done = run("config", "check", "--config", config)
    assert done.code == 2
    assert f"{config}:2:" in done.stderr


def test_documents_of_gateways_and_hosts(tmp_path: Path) -> None:
    calls = [
        *(("api.example.com:443", "/a", "x"), ("admin.example.com", "/a", "x")),
        *(("admin.example.com", "/b", "x"), ("ADMIN.example.com", "/c", "x")),
        *(("other.example.com", "/b", "x"), (None, "/a", "x")),
    ]
    rows = [
        {"time": "2026-11-21T10:00:00Z", "method": "GET", "path": path, "status": 200, "host": host}
        for host, path, _ in calls
    ]
    log = weblog.write(tmp_path / "access.json", map(json.dumps, rows))
    public = save(tmp_path / "public.yaml", document({"/a": {"get": operation("publicA")}}))
    admin = save(
        tmp_path / "admin.json",
        document({"/a": {"get": operation("adminA")}, "/b": {"get": operation("adminB")}}),
    )
    only = [f"admin.example.com={admin}"]
    report = apilog.report(log, openapi=only, tables=["coverage"]).tables["coverage"]
    found = {(row["route"], row["operation"]): row["requests"] for row in report.to_dicts()}
    # What is of another host is held against nothing.
    assert found == {("/a", "adminA"): 1, ("/b", "adminB"): 1, ("/c", None): 1}
    both = apilog.report(log, openapi=[str(public), *only], tables=["coverage"]).tables["coverage"]
    found = {(row["route"], row["operation"]): row["requests"] for row in both.to_dicts()}
    assert found == {
        ("/a", "publicA"): 2,
        ("/a", "adminA"): 1,
        ("/b", "adminB"): 1,
        ("/c", None): 1,
        ("/b", None): 1,
    }
    nginx = apilog.report(log, openapi=[f"nginx={public}"], tables=["coverage"]).tables["coverage"]
    assert nginx["state"].to_list() == ["unused"]


@pytest.mark.slow
def test_exports_have_the_tables_without_being_asked(files: Files, tmp_path: Path) -> None:
    for output in ("csv", "html"):
        folder = tmp_path / output
        apilog.export(files.log, to=folder, openapi=[str(files.document)], format=output)
        texts = [file.read_text("utf-8") for file in folder.rglob(f"*.{output}")]
        assert any("minePets" in text for text in texts)


def test_alerts_count_undocumented_requests(files: Files, run: Run, tmp_path: Path) -> None:
    config = tmp_path / "apilog.toml"
    config.write_text(
        f"""
[defaults]
openapi = ["{files.document}"]
[[alerts.rules]]
name = "shadow"
threshold = "undocumented_requests <= 0"
over = "1h"
""",
        encoding="utf-8",
    )
    done = run("check", files.log, "--config", config, "--alerts", "-f", "json")
    assert done.code == 1, done.stderr
    (row,) = json.loads(done.stdout)["tables"]["alerts"]
    assert (row["state"], row["value"]) == ("firing", 41)


def test_rows_of_the_busiest_operations_and_the_rest(files: Files) -> None:
    whole = apilog.report(files.log, openapi=[str(files.document)], tables=["coverage"])
    few = apilog.report(files.log, openapi=[str(files.document)], tables=["coverage"], top=2)
    frames = [report.tables["coverage"] for report in (whole, few)]
    assert frames[1].height == 3
    assert frames[1].head(2).equals(frames[0].head(2))
    assert frames[1]["route"][2] == "(other)"
    assert frames[0]["requests"].sum() == frames[1]["requests"].sum()


@pytest.mark.parametrize("missing", ["yaml", "openapi_pydantic.v3"])
def test_a_missing_library_is_named_with_its_extra(
    files: Files, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    file = tmp_path / "api.yaml"
    file.write_bytes(files.document.read_bytes())
    monkeypatch.setitem(sys.modules, missing, None)
    done = run("report", files.log, "--openapi", file)
    assert done.code == 2
    assert "which is not installed" in done.stderr
    assert "pip install '.[openapi]'" in done.stderr


def test_a_base_path_that_no_call_has_is_said(tmp_path: Path) -> None:
    file = save(tmp_path / "api.yaml", document({"/a": {"get": operation("a")}}, base="/v9"))
    log = weblog.write(tmp_path / "access.log", [weblog.line("/a")])
    report = apilog.report(log, openapi=[str(file)])
    (note,) = (note for note in report.notes if "no request is of an operation" in note)
    assert "/v9/a" in note
    assert not apilog.report(log).notes


def test_a_document_that_is_wrong_is_told_before_anything_is_read(tmp_path: Path) -> None:
    file = save(tmp_path / "api.yaml", document({"/a": {"$ref": "https://example.com/a"}}))
    with pytest.raises(UsageError, match="nothing is fetched"):
        apilog.report(tmp_path / "missing.log", openapi=[str(file)])

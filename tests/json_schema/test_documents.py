"""Each document that a command writes is as its schema says, with nothing that it does not name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from apilog.aggregate.table_specs import TABLES
from apilog.alerts.message import notice_document
from apilog.developer_success.tables import table_names
from apilog.json_schema import DOCUMENTS, document_schema
from apilog.metrics import METRICS
from apilog.render.data.json import SCHEMA_VERSION
from tests.alerts.alert_builders import notice
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, line, write

LOG, OLDER = str(SAMPLE_LOGS / "api.log"), str(SAMPLE_LOGS / "api.log.1.gz")
BROKEN = str(SAMPLE_LOGS / "broken.log")
SUCCESS = (str(SAMPLE_LOGS / "success"), "--accounts", str(SAMPLE_LOGS / "success/accounts.csv"))
Document = dict[str, Any]


@cache
def strict(name: str) -> jsonschema.Draft202012Validator:
    """The schema, which allows no key that it does not describe."""

    def close(part: Any) -> None:
        if isinstance(part, dict):
            if "properties" in part:
                part.setdefault("additionalProperties", False)
            for inner in part.values():
                close(inner)
        elif isinstance(part, list):
            for inner in part:
                close(inner)

    schema = deepcopy(document_schema(name))
    close(schema)
    formats = jsonschema.FormatChecker()
    formats.checks("date-time", raises=ValueError)(_is_time)
    return jsonschema.Draft202012Validator(schema, format_checker=formats)


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def hold(name: str, text: str | bytes) -> Document:
    """Hold a document against its schema."""
    document: Document = json.loads(text)
    errors = [f"{e.json_path}: {e.message}" for e in strict(name).iter_errors(document)]
    assert errors == [], errors[:5]
    return document


def documents(run: Run, name: str, *argvs: tuple[str, ...], codes: str = "0") -> list[Document]:
    """What commands write, held against the schema."""
    found = []
    for argv in argvs:
        ran = run(*argv, "-f", "json")
        assert str(ran.code) in codes, (argv, ran.stderr)
        found.append(hold(name, ran.stdout))
        assert found[-1]["apilog"]["schema_version"] == SCHEMA_VERSION
    return found


def walk(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a property, with its path."""
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{path}.{name}", inner
            yield from walk(inner, f"{path}.{name}")
        yield from walk(schema.get("items"), f"{path}[]")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A log with a stray time, a line that is none, nulls and odd texts."""
    lines = [line(after=n, path=f"/v1/<b>{n}", status=200 + 100 * (n % 4)) for n in range(40)]
    lines += [line().replace("2026", "1970"), "nonsense", line(path="/a\\x22\u202e")]
    return write(tmp_path / "odd.log", lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_schemas_are_schemas_and_are_printed(run: Run, name: str) -> None:
    printed = json.loads(run("schema", "--json", name).text)
    assert printed == json.loads(json.dumps(document_schema(name)))
    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {
        path for path, inner in walk(printed) if not inner.keys() & {"type", "const", "enum"}
    } == set()


@pytest.mark.slow
def test_every_column_has_its_meaning_and_its_unit() -> None:
    for name in DOCUMENTS:
        tables = document_schema(name).get("properties", {})
        assert isinstance(tables, dict)
        for path, column in walk(tables.get("tables"), name):
            if "[]" in path and not path.startswith(("formats", "schema", "metrics", "config")):
                assert column.get("description"), path
    units = dict(walk(document_schema("report")))
    # Those of language models and tools are in tables of their own.
    for metric in (METRICS[name] for name in TABLES["overview"].metrics):
        column = units[f".previous.overview.{metric.column}"]
        assert column["description"] == metric.definition
        is_time = metric.unit.value == "timestamp"
        assert column.get("x-unit") == (None if is_time else metric.unit.value)


@pytest.mark.slow
def test_reports(run: Run, odd: Path, tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.log", [])
    half = ("--since", "2026-11-20T18:00", "--until", "2026-11-21")
    whole, by, *_, limited, last = documents(
        run,
        "report",
        ("report", LOG, OLDER),
        ("report", LOG, "--by", "host,status,timestamp,request_bytes", "--top", "2"),
        ("report", LOG, "--columns", "route,requests"),
        ("report", BROKEN, "--tz", "Asia/Kathmandu"),
        ("report", str(empty)),
        ("report", LOG, "--apdex", "500ms", "--metrics", "apdex,latency_p90"),
        ("report", LOG, "--table", "histogram,heatmap,status_traffic"),
        ("report", str(odd), "--where", "status >= 400"),
        ("report", LOG, *half),
        ("report", LOG, *half, "--table", "statuses", "--table", "errors"),
    )
    assert limited["previous"]["overview"]["requests"] == 897
    assert whole["previous"] is None
    assert "previous" not in last
    assert by["tables"]["endpoints"][0].keys() > {"host", "status", "timestamp", "request_bytes"}
    assert [*whole["tables"]] == [*TABLES]
    # All that is described is there, but for the columns that --by adds.
    described = document_schema("report")["properties"]["tables"]["properties"]  # type: ignore[index]
    for name, rows in whole["tables"].items():
        if rows and name != "endpoints":
            assert [*rows[0]] == [*described[name]["items"]["properties"]]


@pytest.mark.slow
def test_stray_times_and_rejects(run: Run, odd: Path) -> None:
    (document,) = documents(run, "report", ("report", str(odd)))
    assert document["window"]["strays"] == 1
    assert document["input"]["rejects"] == 1


@pytest.mark.slow
def test_estimates(run: Run, tmp_path: Path) -> None:
    line = '10.{}.{}.{} - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "c"'
    log = tmp_path / "crowd.log"
    log.write_text(
        "".join(f"{line.format(i // 65_536, i // 256 % 256, i % 256)}\n" for i in range(120_000))
    )
    with log.open("a") as file:
        file.write(line.format(1, 1, 1).replace("10:00:00", "11:59:59"))
    read = ("-l", "combined", "--table", "overview")
    since = ("--since", "2026-11-21T11:00", "--until", "2026-11-21T12:00")
    (document,) = documents(run, "report", ("report", str(log), *read, *since))
    (found,) = document["estimates"]
    assert (found["table"], found["column"]) == ("previous", "clients")
    said = " ".join(run("report", log, *read, *since, "-f", "csv").stderr.split())
    assert "large numbers of clients in the window before are estimates" in said
    (document,) = documents(run, "report", ("report", str(log), *read))
    (found,) = document["estimates"]
    assert (found["table"], found["column"]) == ("overview", "clients")
    assert found["relative_error"] == pytest.approx(0.0032, abs=1e-4)
    count = document["tables"]["overview"][0]["clients"]
    assert abs(count - 120_000) < 5 * 0.0032 * 120_000
    shown = run("report", log, *read, "-f", "table")
    said = " ".join((shown.stdout.decode() + shown.stderr).split())
    assert "large numbers of clients in overview are estimates, right within 0.95 %" in said


@pytest.mark.slow
def test_checks_and_alerts(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "base.json"
    assert run("baseline", OLDER, "-o", base).code == 0
    hold("baseline", base.read_bytes())
    each = "latency_p95 < 300ms for each route"
    documents(
        run,
        "check",
        ("check", LOG, "-t", "error_rate < 1%", "-t", each, "-t", 'requests{status="404"} < 3'),
        ("check", LOG, "-t", "error_rate <= baseline for each method", "--baseline", str(base)),
        ("check", BROKEN, "-t", "error_rate < 1%"),
        ("check", *SUCCESS, "--as-of", "2026-11-21", "-t", "conversion_rate > 1% for each plan"),
        codes="013",
    )
    (tmp_path / "apilog.toml").write_text(
        '[[alerts.rules]]\nname = "errors"\nthreshold = "error_rate < 1%"\nover = "5m"\n'
    )
    monkeypatch.chdir(tmp_path)
    (found,) = documents(run, "alerts", ("check", LOG, "--alerts"), codes="013")
    assert found["tables"]["alerts"]


@pytest.mark.slow
def test_comparisons_and_queries(run: Run) -> None:
    documents(run, "compare", ("compare", OLDER, LOG), ("compare", BROKEN, LOG), codes="03")
    documents(
        run,
        "query",
        ("query", "SELECT *, [1, 2] AS list FROM requests LIMIT 2", LOG),
        ("query", "SELECT status FROM requests WHERE status = 1", LOG),
    )


@pytest.mark.slow
def test_success(run: Run, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account,plan\n")
    whole, grouped, empty = documents(
        run,
        "success",
        ("success", *SUCCESS, "--as-of", "2026-11-21"),
        ("success", *SUCCESS, "--as-of", "2026-11-21", "--by", "plan,gateway"),
        ("success", BROKEN, "--accounts", str(accounts)),
    )
    assert [*whole["tables"]] == [*empty["tables"]] == table_names()
    assert [*grouped["tables"]["funnel"][0]][:3] == ["plan", "gateway", "stage"]
    described = document_schema("success")["properties"]["tables"]["properties"]  # type: ignore[index]
    for name, rows in whole["tables"].items():
        if rows:
            assert [*rows[0]] == [*described[name]["items"]["properties"]]


def test_detection_and_lists(run: Run, odd: Path, tmp_path: Path) -> None:
    foreign = write(tmp_path / "foreign.log", ["nonsense"])
    own = write(tmp_path / "own.log", ['{"t":"2026-11-20T12:00:00Z","code":200,"p":"/a"}'])
    argv = ("detect", LOG, str(odd), str(foreign), str(own), BROKEN)
    (found,) = documents(run, "detect", argv, codes="2")
    assert found["errors"]
    for name in ("formats", "schema", "metrics", "config"):
        documents(run, name, (name,))


@pytest.mark.slow
def test_stores_exports_and_watches(run: Run, tmp_path: Path) -> None:
    store, to = str(tmp_path / "store"), tmp_path / "to"
    assert run("ingest", LOG, "--store", store).code == 0
    documents(run, "store-info", ("store", "info", store))
    assert run("export", store, "--to", to, "-f", "json").code == 0
    (report,) = to.glob("*/report.json")
    hold("export", report.read_bytes())
    for log in (LOG, BROKEN):
        frame = hold("watch", run("watch", log, "--once", "--json", "--window", "3h").text)
        assert frame["apilog"]["schema_version"] == SCHEMA_VERSION
    assert frame["newest_errors"]


def test_notices() -> None:
    hold("notice", json.dumps(notice_document(notice())))

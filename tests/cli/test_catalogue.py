from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from apilog.formats.registry import FORMAT_INFOS
from apilog.metrics import METRICS, SPECIFIED_METRICS
from apilog.render import OUTPUTS
from apilog.schema import COLUMNS, SCHEMA
from apilog.version import __version__
from tests.commands import Run

NAMES = {
    "formats": list(FORMAT_INFOS),
    "schema": [column.name for column in COLUMNS],
    "metrics": [*METRICS, *SPECIFIED_METRICS],
}


def listed(run: Run, command: str) -> list[dict[str, str | None]]:
    rows: list[dict[str, str | None]]
    rows = json.loads(run(command, "-f", "json").text)["tables"][command]
    return rows


@pytest.mark.parametrize("command", NAMES)
def test_json_has_every_entry_in_order(run: Run, command: str) -> None:
    result = run(command, "-f", "json")
    document = json.loads(result.text)
    assert (result.code, result.stderr) == (0, "")
    about = {"version": __version__, "command": command, "schema_version": 1}
    assert document["apilog"] == about
    assert [next(iter(row.values())) for row in document["tables"][command]] == NAMES[command]


def test_the_schema_has_types_meanings_and_opentelemetrys_names(run: Run) -> None:
    rows = {row["column"]: row for row in listed(run, "schema")}
    assert rows["status"]["type"] == "Int16"
    assert rows["status"]["otel"] == "http.response.status_code"
    assert rows["timestamp"]["type"] == "Datetime(us, UTC)"
    assert rows["timestamp"]["otel"] is None
    assert all(row["meaning"] for row in rows.values())


def test_a_metric_tells_its_column_and_which_way_is_better(run: Run) -> None:
    rows = {row["metric"]: row for row in listed(run, "metrics")}
    assert rows["latency_p95"]["column"] == "latency_p95_ms"
    assert rows["latency_p95"]["unit"] == "ms"
    assert rows["latency_p95"]["better"] == "lower"
    assert rows["requests"]["better"] is None


def test_a_format_lists_columns_of_the_schema_in_its_order(run: Run) -> None:
    rows = {row["format"]: row for row in listed(run, "formats")}
    columns = (rows["combined"]["columns"] or "").split()
    assert columns == [name for name in SCHEMA if name in columns]
    assert {"timestamp", "path", "status", "referer"} <= set(columns)
    assert rows["json"]["columns"] is None
    assert all((row["url"] or "").startswith("http") for row in rows.values())


@pytest.mark.parametrize("command", NAMES)
def test_in_a_pipe_a_row_is_a_line_of_aligned_columns(run: Run, command: str) -> None:
    head, *lines = run(command).text.splitlines()
    assert [line.split()[0] for line in lines] == NAMES[command]
    second = head.index(head.split()[1])
    assert all(line[second - 2 : second] == "  " and line[second] != " " for line in lines)


@pytest.mark.parametrize("command", NAMES)
def test_csv_and_ndjson_hold_the_same_rows_as_json(run: Run, command: str) -> None:
    rows = listed(run, command)
    assert [json.loads(line) for line in run(command, "-f", "ndjson").text.splitlines()] == rows
    from_csv = list(csv.DictReader(io.StringIO(run(command, "-f", "csv").text)))
    assert from_csv == [{key: value or "" for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("command", NAMES)
def test_markdown_is_one_table(run: Run, command: str) -> None:
    lines = run(command, "-f", "md").text.splitlines()
    assert len(lines) == len(NAMES[command]) + 2
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)


@pytest.mark.parametrize(
    "format", [name for name, output in OUTPUTS.items() if not output.is_binary]
)
def test_a_file_gets_the_bytes_that_stdout_gets(run: Run, tmp_path: Path, format: str) -> None:
    target = tmp_path / "schema.out"
    written = run("schema", "-f", format, "-o", target)
    assert (written.code, written.stdout) == (0, b"")
    assert target.read_bytes() == run("schema", "-f", format).stdout


def test_one_column_or_metric_is_shown_by_its_name(run: Run) -> None:
    assert run("schema", "status").text.splitlines()[1].split()[:2] == ["status", "Int16"]
    for name in ("latency_p95", "latency_p95_ms", "p95"):
        rows = json.loads(run("metrics", name, "-f", "json").text)["tables"]["metrics"]
        assert [row["metric"] for row in rows] == ["latency_p95"], name

"""The columns that are asked for, and CSV as spreadsheets want it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import openpyxl
import pytest

from apilog.text.units import format_count, format_duration, format_ratio
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = str(SAMPLE_LOGS / "api.log")


@pytest.mark.parametrize("form", ["csv", "md", "ndjson", "json", "parquet", "xlsx", "table"])
def test_each_output_has_the_columns_in_their_order(run: Run, tmp_path: Path, form: str) -> None:
    path = tmp_path / "out"
    argv = ("--columns", "requests,route", "--columns", "error_rate,route", "--top", "3")
    assert run("report", LOG, *argv, "-f", form, "-o", path).code == 0
    expected = ["requests", "route", "error_rate"]
    match form:
        case "csv":
            assert path.read_text().splitlines()[0].split(",") == expected
        case "md":
            header = path.read_text().splitlines()[0]
            assert header.strip("| ").split(" | ") == ["requests", "route", "error rate"]
        case "ndjson":
            assert [*json.loads(path.read_text().splitlines()[0])] == expected
        case "json":
            (table,) = json.loads(path.read_text())["tables"].values()
            assert [*table[0]] == expected
        case "xlsx":
            (sheet,) = openpyxl.load_workbook(io.BytesIO(path.read_bytes()))
            assert [cell.value for cell in sheet[1]] == expected
        case "table":
            assert path.read_text().split()[:3] == ["Endpoints", "requests", "route"]
            assert "p95" not in path.read_text()
        case _:
            assert path.read_bytes().startswith(b"PAR1")


def test_they_are_of_the_table_that_is_chosen(run: Run) -> None:
    ran = run("report", LOG, "--table", "traffic", "--columns", "timestamp,requests", "-f", "csv")
    assert ran.text.splitlines()[0] == "timestamp,requests"
    ran = run("query", "SELECT * FROM requests LIMIT 1", LOG, "--columns", "status", "-f", "csv")
    assert ran.text == "status\n200\n"
    ran = run("check", LOG, "-t", "error_rate < 90%", "--columns", "threshold,state", "-f", "csv")
    assert ran.text.splitlines() == ["threshold,state", "error_rate < 90%,pass"]


def test_figures_of_verdicts_have_the_unit_of_their_metric(run: Run) -> None:
    thresholds = ("-t", "latency_p95 < 1.5s", "-t", "error_rate < 25%", "-t", "requests > 3")
    columns = ("--columns", "metric,limit,value,requests,p_value")
    rows = run("check", LOG, *thresholds, *columns, "-f", "csv").text.splitlines()[1:]
    exact = [row.split(",") for row in rows]
    for form in ("md", "table"):
        lines = run("check", LOG, *thresholds, *columns, "-f", form).text.splitlines()[2:5]
        cells = [re.split(r"\s*\|\s*|\s{2,}", line.strip(" |")) for line in lines]
        assert [row[1] for row in cells] == ["1.5 s", "25 %", "3"]
        assert cells[0][2] == format_duration(float(exact[0][2]))
        assert cells[1][2] == format_ratio(float(exact[1][2]))
        assert cells[1][3] == format_count(int(exact[1][3]))
    sides = ("--split", "method=GET,POST", "--min-requests", "1")
    chosen = ("--columns", "metric,a,difference", "-f", "md")
    both = run("compare", LOG, *sides, *chosen).text
    assert re.search(r"error\\_rate \| [\d.]+ % \| [+−±][\d.]+ pp \|", both)


@pytest.mark.parametrize("form", ["html", "junit", "github"])
def test_whole_verdicts_have_no_columns_to_choose(run: Run, form: str) -> None:
    ran = run("check", LOG, "-t", "error_rate < 90%", "--columns", "value", "-f", form)
    assert ran.code == 2
    assert f"--columns is about tables, and {form} holds verdicts" in ran.stderr


def test_a_column_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    ran = run("report", LOG, "--columns", "rout", "-f", "csv", "-o", tmp_path / "a.csv")
    assert ran.code == 2
    assert "the table endpoints has no column 'rout'" in ran.stderr
    assert "hint: did you mean route?" in ran.stderr
    assert not (tmp_path / "a.csv").exists()
    assert run("report", LOG, "--columns", "route", "-f", "csv", "-o", f"{tmp_path}/").code == 2


def test_csv_for_spreadsheets_has_a_mark_and_local_times(run: Run) -> None:
    argv = ("report", LOG, "-f", "csv", "--columns", "route,last_seen", "--tz", "Europe/Berlin")
    plain = run(*argv).stdout
    excel = run(*argv, "--csv-dialect", "excel").stdout
    assert excel.startswith(b"\xef\xbb\xbfroute,last_seen\r\n")
    assert excel.count(b"\r\n") == plain.count(b"\n")
    refused = run("report", LOG, "-f", "json", "--csv-dialect", "excel")
    assert (refused.code, refused.stdout) == (2, b"")
    assert "--csv-dialect is about csv, not json" in refused.stderr
    for one, other in zip(
        csv.DictReader(io.StringIO(plain.decode())),
        csv.DictReader(io.StringIO(excel.decode("utf-8-sig"), newline="")),
        strict=True,
    ):
        assert one["last_seen"] == other["last_seen"].replace(" ", "T") + "+01:00"
        assert one["route"] == other["route"]

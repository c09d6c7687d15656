"""`--table` repeated, and Markdown that has room for eight columns."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import openpyxl
import pytest

from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = str(SAMPLE_LOGS / "api.log")
TWO = ("--table", "statuses", "--table", "gateways")


def heads(markdown: str) -> dict[str, list[str]]:
    """The titles of the columns by the heading above."""
    found, name = {}, ""
    lines = markdown.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("## "):
            name = line.removeprefix("## ")
        if below.startswith("| ---"):
            found[name] = line.strip("| ").split(" | ")
    return found


def test_several_tables_are_drawn_in_the_order_asked_for(run: Run, tmp_path: Path) -> None:
    assert [*heads(run("report", LOG, *TWO, "-f", "md").text)] == ["statuses", "gateways"]
    document = json.loads(run("report", LOG, *TWO, "-f", "json").text)
    assert [*document["tables"]] == ["statuses", "gateways"]
    drawn = run("report", LOG, "--table", "statuses,gateways").text
    assert [line for line in drawn.splitlines() if line[:1] > " "] == ["Statuses", "Gateways"]
    assert run("report", LOG, *TWO, "-o", tmp_path / "a.xlsx").code == 0
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").sheetnames == ["statuses", "gateways"]


def test_the_same_table_twice_is_one(run: Run) -> None:
    once = run("report", LOG, "--table", "statuses", "-f", "csv")
    twice = run("report", LOG, "--table", "statuses", "--table", "statuses", "-f", "csv")
    assert once.text == twice.text


def test_a_table_in_markdown_alone_has_no_heading(run: Run) -> None:
    assert run("report", LOG, "--table", "statuses", "-f", "md").text.startswith("| status |")


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_outputs_of_one_table_want_a_folder_for_several(
    run: Run, tmp_path: Path, form: str
) -> None:
    refused = run("report", LOG, *TWO, "-f", form)
    assert refused.code == 2
    assert f"{form} holds one table, not 2" in refused.stderr
    assert "a directory/ with --output" in refused.stderr
    assert run("report", LOG, *TWO, "-f", form, "-o", f"{tmp_path}/out/").code == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"gateways.{form}", f"statuses.{form}"]


def test_columns_are_of_one_table(run: Run) -> None:
    refused = run("report", LOG, *TWO, "--columns", "requests", "-f", "json")
    assert refused.code == 2
    assert "--columns is about one table" in refused.stderr


def test_unknown_tables_are_refused_before_reading(run: Run) -> None:
    for argv in (
        ("report", "no.log", "--table", "statuses", "--table", "statusses"),
        ("success", "no.log", "--accounts", "no.csv", "--table", "poc", "--table", "pocs"),
    ):
        refused = run(*argv)
        assert refused.code == 2
        assert "hint: did you mean" in refused.stderr
        assert "no.log" not in refused.stderr


def test_verdicts_have_two_tables(run: Run) -> None:
    argv = ("check", LOG, "-t", "error_rate < 1%", "--strict-limits", "-f", "md")
    ran = run(*argv, "--table", "worst", "--table", "checks")
    assert ran.code == 1
    assert [*heads(ran.text)] == ["worst", "checks"]


def test_markdown_keeps_keys_and_percentiles(run: Run) -> None:
    tables = ("endpoints", "traffic", "latency", "overview", "consumers")
    drawn = heads(run("report", LOG, "-f", "md", "--table", ",".join(tables)).text)
    assert [*drawn] == [*tables]
    assert {len(titles) for titles in drawn.values()} == {8}
    for name in ("endpoints", "traffic", "latency", "overview"):
        assert {"requests", "latency p50", "latency p95", "latency p99"} <= {*drawn[name]}
    assert drawn["endpoints"][:3] == ["gateway", "method", "route"]


def test_markdown_names_the_columns_left_out_and_columns_draws_them(run: Run) -> None:
    text = run("report", LOG, "-f", "md").text
    (note,) = (line for line in text.splitlines() if line.startswith("Left out: "))
    left_out = note.split("`")[1::2][:-1]
    whole = run("report", LOG, "-f", "csv").text
    (head,) = csv.reader(io.StringIO(whole.splitlines()[0]))
    assert note.endswith("`--columns` names others.")
    assert len(left_out) + 8 == len(head)
    assert {*left_out} < {*head}
    chosen = run("report", LOG, "-f", "md", "--columns", ",".join(head)).text
    assert len(heads(chosen)[""]) == len(head)
    assert "Left out" not in chosen


def test_keys_that_were_asked_for_all_stay(run: Run) -> None:
    keys = "host,method,route,status,gateway,consumer,cache_status,error_source,client_ip"
    (titles,) = heads(run("report", LOG, "-f", "md", "--by", keys).text).values()
    assert titles == [*keys.replace("_", " ").split(","), "requests"]


def test_metrics_that_were_asked_for_stay(run: Run) -> None:
    argv = ("--apdex", "500ms", "--metrics", "apdex,latency_p90", "-f", "md")
    (titles,) = heads(run("report", LOG, *argv).text).values()
    assert len(titles) == 8
    assert {"apdex", "latency p90"} < {*titles}


def test_a_query_has_the_columns_that_it_selects(run: Run) -> None:
    ran = run("query", "SELECT * FROM requests LIMIT 1", LOG, "-f", "md")
    assert len(heads(ran.text)[""]) > 20


def test_verdicts_with_chosen_columns_are_drawn_without_their_metric(run: Run) -> None:
    argv = ("check", LOG, "-t", "error_rate < 90%", "-f", "md", "--columns", "threshold,value")
    ran = run(*argv)
    assert ran.code == 0
    assert heads(ran.text)[""] == ["threshold", "value"]


def test_a_workbook_without_its_package_is_refused_before_reading(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    refused = run("report", "no.log", "-o", tmp_path / "a.xlsx")
    assert refused.code == 2
    assert "-f xlsx needs the package XlsxWriter" in refused.stderr
    assert "no.log" not in refused.stderr


@pytest.mark.parametrize("output", ["json", "md", "xlsx"])
def test_cells_as_they_are_are_about_csv(run: Run, output: str) -> None:
    result = run("report", LOG, "-f", output, "--raw", "-o", "-")
    assert (result.code, result.stdout) == (2, b"")
    assert f"--raw is about csv, not {output}" in result.stderr

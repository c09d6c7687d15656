"""Exports of no requests: a file of no records, and no error."""

from __future__ import annotations

from pathlib import Path

import pytest

import apilog
from apilog.report_model import FileInput
from tests.commands import Run

CASES = Path(__file__).parents[1] / "cases"
TABLES = {
    "apigee/export-bars": "apigee",
    "apigee/export-tabs": "apigee",
    "azure-apim/portal-export": "azure-apim",
    "aws-apigateway/cloudwatch-insights": None,
}
"""Case whose first line is a header to the format that it tells by itself."""
EMPTY_DOCUMENTS = ("[]", '{"records":[]}', '{"events":[],"nextForwardToken":"f/1"}', "[\n]\n")


def _read(path: Path) -> FileInput:
    (file,) = apilog.report([path], tables=["overview"]).input.files
    return file


BEGINS_AND_ENDS = (("", ""), ("", "\n"), ("", "\r\n"), ("\ufeff", ""), ("\ufeff", "\r\n"))


@pytest.mark.parametrize(
    ("case", "mark", "end"),
    [
        (case, *ends)
        for place, case in enumerate(TABLES)
        for turn, ends in enumerate(BEGINS_AND_ENDS)
        if (place + turn) % 2 == 0
    ],
)
def test_a_header_alone_is_skipped(tmp_path: Path, case: str, end: str, mark: str) -> None:
    lines = (CASES / f"{case}.log").read_text("utf-8").splitlines()
    header = lines[0].removeprefix("\ufeff")
    path = tmp_path / "export.csv"
    path.write_bytes(f"{mark}{header}{end}".encode())
    file = _read(path)
    assert (file.format, file.error) == (TABLES[case], None)
    assert (file.lines, file.records, file.rejects, file.skipped) == (1, 0, 0, 1)


@pytest.mark.slow
def test_a_header_alone_is_an_empty_report(run: Run, tmp_path: Path) -> None:
    case = CASES / "azure-apim/portal-export.log"
    path = tmp_path / "export.csv"
    path.write_text(case.read_text("utf-8").splitlines()[0], encoding="utf-8")
    result = run("report", path, "-f", "csv", "--strict")
    note = f"apilog: note: {path}: its line is skipped: it holds no access lines\n"
    assert (result.code, result.stderr) == (0, note)
    assert len(result.text.splitlines()) == 1
    assert run("detect", path).code == 0
    assert run("report", path, case, "--strict").code == run("report", case, "--strict").code


@pytest.mark.parametrize("document", EMPTY_DOCUMENTS)
def test_a_document_without_events_is_an_empty_report(tmp_path: Path, document: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(document, encoding="utf-8")
    file = _read(path)
    assert (file.error, file.records, file.rejects) == (None, 0, 0)
    assert file.lines == file.skipped


def test_a_line_that_is_only_like_a_header_is_no_table(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("name,amount,city\n", encoding="utf-8")
    assert run("report", path).code == 2

"""Without --format, the name of the output says how it is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = str(SAMPLE_LOGS / "api.log")


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("a.json", b"{\n"),
        ("a.JSON", b"{\n"),
        ("a.csv", b"gateway,"),
        ("a.md", b"| "),
        ("a.ndjson", b'{"gateway"'),
        ("a.parquet", b"PAR1"),
        ("a.txt", b"apilog report"),
        ("a", b"apilog report"),
    ],
)
def test_a_report_is_what_its_name_says(run: Run, tmp_path: Path, name: str, begin: bytes) -> None:
    assert run("report", LOG, "-o", tmp_path / name).code == 0
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_what_is_given_goes_before(run: Run, tmp_path: Path) -> None:
    run("report", LOG, "-o", tmp_path / "a.csv", "-f", "json")
    assert json.loads((tmp_path / "a.csv").read_bytes())["tables"]


def test_verdicts_are_xml_where_the_name_says_so(run: Run, tmp_path: Path) -> None:
    run("check", LOG, "-t", "error_rate < 90%", "-o", tmp_path / "a.xml")
    assert b"<testsuites" in (tmp_path / "a.xml").read_bytes()
    run("detect", LOG, "-o", tmp_path / "d.json")
    assert json.loads((tmp_path / "d.json").read_bytes())["files"]


@pytest.mark.parametrize("name", ["a.pdf", "a.xml", "a.jsn"])
def test_a_name_that_says_nothing_known_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    ran = run("report", LOG, "-o", tmp_path / name)
    assert ran.code == 2
    assert f"no format here has names that end with {Path(name).suffix}" in ran.stderr
    assert "give --format, one of table, json" in ran.stderr
    assert not (tmp_path / name).exists()

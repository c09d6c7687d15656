"""What a CI server reads says, too, why a check could not be made."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = str(SAMPLE_LOGS / "api.log")
ERRORS = {
    "no input": ("check", "none.log", "-t", "error_rate < 1%"),
    "a threshold that is none": ("check", LOG, "-t", "eror_rate < 1%"),
    "no baseline": ("check", LOG, "-t", "error_rate <= baseline", "--baseline", "none.json"),
    "nothing to compare": ("compare", "none.log", "none.log"),
}


@pytest.mark.parametrize("argv", ERRORS.values(), ids=ERRORS)
def test_an_error_is_in_the_document(run: Run, tmp_path: Path, argv: tuple[str, ...]) -> None:
    path = tmp_path / "junit.xml"
    ran = run(*argv, "-f", "junit", "-o", path)
    assert ran.code == 2
    root = ElementTree.fromstring(path.read_text())
    assert int(root.get("errors", "0")) >= 1
    (error, *_) = root.iter("error")
    assert error.get("type") == "input"
    assert f"apilog: error: {error.get('message')}" in ran.stderr
    assert (error.text or "").startswith(error.get("message") or "none")


@pytest.mark.parametrize("argv", ERRORS.values(), ids=ERRORS)
def test_an_error_is_an_annotation(run: Run, argv: tuple[str, ...]) -> None:
    ran = run(*argv, "-f", "github")
    assert ran.code == 2
    assert ran.text.startswith(f"::error title=apilog {argv[0]}::")
    assert ran.text.splitlines()[-1] == f"apilog {argv[0]}: 1 error"


def test_an_input_among_others_is_said_beside_the_verdicts(run: Run, tmp_path: Path) -> None:
    argv = ("check", LOG, "none.log", "-t", "error_rate < 1%")
    ran = run(*argv, "-f", "github")
    assert ran.code == 2
    first, second, summary = ran.text.splitlines()
    assert first.startswith("::error title=error_rate < 1%25::error_rate < 1%25: 11 %25 over")
    assert second == "::error title=none.log::none.log: no such file or directory"
    assert summary == "apilog check: 1 of 1 threshold failed, 1 error"
    run(*argv, "-f", "junit", "-o", tmp_path / "a.xml")
    root = ElementTree.fromstring((tmp_path / "a.xml").read_text())
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "1")
    (failure,) = root.iter("failure")
    assert failure.text == failure.get("message")


def test_an_existing_file_is_left(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text("mine")
    assert run("check", LOG, "-t", "error_rate < 1%", "-f", "junit", "-o", path).code == 2
    assert path.read_text() == "mine"

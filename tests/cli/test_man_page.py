"""The manual page: all that the help says, in troff that its readers take."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from apilog.cli.app import COMMANDS, command_function
from apilog.cli.help_text import EXAMPLES
from tests.commands import Run


def plain(text: str) -> str:
    """Troff's text as it is shown, on one line."""
    signs = {"aq": "'", "dq": '"', "ga": "`", "ha": "^", "ti": "~"}
    text = re.sub(r"\\f[BIR]|\\&", "", text)
    text = re.sub(r"\\\((..)", lambda found: signs[found[1]], text)
    return " ".join(text.replace(r"\-", "-").replace(r"\e", "\\").split())


def test_it_has_every_command_option_and_example(run: Run) -> None:
    page = plain(run("man").text)
    for name, place in COMMANDS:
        assert f'.SS "apilog {name} [OPTIONS]' in page, name
        assert " ".join((command_function(place).__doc__ or "").split("\n\n")[0].split()) in page
        for option in re.findall(r"^  (-[^ ]*(?:, --[^ ]*)?)", run(*name.split(), "-h").text, re.M):
            assert option in page, (name, option)
        for example in EXAMPLES[name]:
            assert " ".join(example.split()) in page
    for title in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert f".SH {title}" in page


def test_it_is_the_same_in_a_file(run: Run, tmp_path: Path) -> None:
    assert run("man", "-o", tmp_path / "apilog.1").code == 0
    assert (tmp_path / "apilog.1").read_bytes() == run("man").stdout
    assert run("man", "-o", tmp_path / "apilog.1").code == 2


def test_no_line_is_a_request_by_accident(run: Run) -> None:
    known = {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".I", ".nf", ".fi", ".RS", ".RE"}
    lines = run("man").text.splitlines()
    assert {line.split(" ")[0] for line in lines if line[:1] in (".", "'")} == known


@pytest.mark.parametrize(
    "argv",
    [
        ["mandoc", "-Tlint", "-Wwarning"],
        ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z"],
    ],
    ids=lambda argv: str(argv[0]),
)
def test_readers_find_nothing_wrong(run: Run, argv: list[str]) -> None:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"there is no {argv[0]}")
    done = subprocess.run(argv, input=run("man").stdout, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode().splitlines()
    # Without a date the same version gives the same page.
    assert [text for text in said if "missing date" not in text] == []

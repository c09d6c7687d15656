"""Inputs of which not one line becomes a record: errors, said so that they can be mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, line, write

UNTIMED = '{"path": "/a", "status": 200, "took": 12}'
MISTIMED = '{"time": "yesterday", "path": "/a", "status": 200}'


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.log", [line()] * 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (UNTIMED, ("JSON without a time; ", "'path', 'status', 'took'", "timestamp=KEY")),
        (MISTIMED, ("a time that can be read: 'time' is 'yesterday'", 'timestamp = {key = "time"')),
        ("level=info msg=hello code=7", ("key=value pairs without a time and a request", "'msg'")),
        ("203.0.113.7 - - [yesterday] GET", ("203.0.113.7 - - [yesterday] GET' stops being `",)),
    ],
    ids=["JSON", "JSON with an odd time", "pairs", "text"],
)
def test_what_a_log_lacks_is_said_of_its_own_kind(
    run: Run, tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    path = write(tmp_path / "a.log", [text] * 3)
    result = run("report", path)
    assert result.code == 2
    error, hint = result.stderr.splitlines()
    assert error.startswith(f"apilog: error: {path}: no known format: ")
    assert hint.startswith("hint: ")
    for part in said:
        assert part in result.stderr, part


COMMANDS = {
    "report": ("report",),
    "query": ("query", "SELECT * FROM requests"),
    "check": ("check", "-t", "requests >= 0"),
    "export": ("export", "--to", "out"),
    "ingest": ("ingest", "--store", "store"),
    "watch": ("watch", "--once", "--from-start", "--json"),
}


@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "detected"])
@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_an_error_of_every_command(
    run: Run,
    good: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    chosen: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = write(tmp_path / "odd.log", ["no log line", "nor this"])
    name, *rest = COMMANDS[command]
    options = ["-l", "combined"] if chosen else []
    alone = run(name, *rest[: name == "query"], odd, *rest[name == "query" :], *options)
    assert alone.code == 2
    assert f"apilog: error: {odd}: " in alone.stderr
    assert "hint: " in alone.stderr
    beside = run(name, *rest[: name == "query"], odd, good, *rest[name == "query" :], *options)
    assert beside.code == 2
    assert f"apilog: error: {odd}: " in beside.stderr


def test_nothing_of_it_gets_into_a_store(run: Run, good: Path, tmp_path: Path) -> None:
    odd = write(tmp_path / "odd.log", ["no log line"] * 3)
    store = tmp_path / "store"
    assert run("ingest", odd, good, "--store", store, "-l", "combined").code == 2
    facts = json.loads(run("store", "info", store, "-f", "json").text)
    assert (facts["records"], facts["rejects"]) == (5, 0)
    write(odd, ["no log line", line(), "nor this"])
    again = run("ingest", odd, "--store", store, "-l", "combined")
    assert again.code == 0
    facts = json.loads(run("store", "info", store, "-f", "json").text)
    assert (facts["records"], facts["rejects"]) == (6, 2)


def test_a_bad_line_behind_known_records_is_no_error(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line()] * 3)
    store = tmp_path / "store"
    assert run("ingest", path, "--store", store, "-l", "combined").code == 0
    with path.open("a") as log:
        log.write("no log line\n")
    assert run("ingest", path, "--store", store, "-l", "combined").code == 0


def test_a_chosen_format_that_some_lines_are_in_is_no_error(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", ["no log line"] * 20 + [line()])
    assert run("report", path, "-l", "combined", "-f", "csv").code == 0


@pytest.mark.parametrize("quiet", [True, False])
def test_an_input_of_skipped_lines_alone_is_noted(run: Run, tmp_path: Path, quiet: bool) -> None:
    path = write(tmp_path / "error.log", ["# a comment", "", "# and another"])
    for format in ("table", "json"):
        result = run("report", path, "-f", format, *["--quiet"] * quiet)
        note = f"apilog: note: {path}: all 3 lines are skipped: it holds no access lines\n"
        assert (result.code, result.stderr) == (0, "" if quiet else note)


def test_no_data_at_all_stays_inconclusive(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "empty.log", [])
    assert run("check", path, "-t", "requests >= 0", "-f", "csv").code == 3


def test_the_hint_says_what_other_lines_look_like(run: Run) -> None:
    result = run("report", SAMPLE_LOGS / "json.log", "-l", "combined")
    assert result.code == 2
    assert "hint: they look like `json`: leave out --log-format" in result.stderr


def test_detect_says_so_too(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [UNTIMED] * 3)
    result = run("detect", path, "-l", "combined", "-f", "json")
    assert result.code == 2
    (problem,) = json.loads(result.text)["errors"]
    assert problem["error"].startswith(f"{path}: no line is in the given format: ")

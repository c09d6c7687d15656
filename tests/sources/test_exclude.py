"""What is left out of folders: by the user's globs, and what is no log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apilog.sources import find_sources
from tests.commands import Run
from tests.weblog import line, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    (logs / "old").mkdir(parents=True)
    for name in ("access.log", "error.log", "access.log.bak", "old/access.log"):
        write(logs / name, [line(), line()])
    return logs


def found(*sources: object, exclude: tuple[str, ...]) -> list[str]:
    inputs, problems = find_sources([str(s) for s in sources], exclude=exclude)
    assert problems == []
    return sorted(Path(each.path).relative_to(Path(each.path).anchor).as_posix() for each in inputs)


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ((), ["access.log", "access.log.bak", "error.log", "old/access.log"]),
        (("*.bak",), ["access.log", "error.log", "old/access.log"]),
        (("old",), ["access.log", "access.log.bak", "error.log"]),
        (("*/old/*", "error.*"), ["access.log", "access.log.bak"]),
        (("ACCESS.log",), ["access.log", "access.log.bak", "error.log", "old/access.log"]),
    ],
)
def test_globs_are_for_names_and_paths(
    folder: Path, exclude: tuple[str, ...], left: list[str]
) -> None:
    for source in (folder, folder / "**"):
        names = found(source, exclude=exclude)
        assert [name.partition("logs/")[2] for name in names] == left


def test_what_is_named_is_read(folder: Path) -> None:
    assert len(found(folder / "access.log.bak", exclude=("*.bak",))) == 1


@pytest.mark.slow
def test_every_command_that_reads_logs_leaves_them_out(
    folder: Path, tmp_path: Path, run: Run
) -> None:
    (folder / "notes.bak").write_text("nothing of a log\n")
    given = (folder, "--exclude", "*.bak", "--exclude", "old")
    for ran in (
        run("report", *given),
        run("detect", *given),
        run("ingest", *given, "--store", tmp_path / "store", "--final"),
        run("export", *given, "--to", tmp_path / "site"),
        run("watch", *given, "--once"),
    ):
        assert ran.code == 0
        assert "bak" not in ran.text + ran.stderr
    (tmp_path / "apilog.toml").write_text('[defaults]\nexclude = ["*.bak", "old"]\n')
    report = run("report", folder, "-f", "json", "--config", tmp_path / "apilog.toml")
    assert json.loads(report.text)["input"]["records"] == 4


@pytest.mark.slow
def test_a_foreign_file_of_a_folder_is_a_note(folder: Path, tmp_path: Path, run: Run) -> None:
    notes = folder / "notes.txt"
    notes.write_text("nothing of a log\n" * 3)
    commands = {
        "report": ("report", folder, "-f", "json"),
        "ingest": ("ingest", folder, "--store", tmp_path / "store", "--final"),
        "export": ("export", folder, "--to", tmp_path / "site"),
        "query": ("query", "SELECT COUNT(*) AS n FROM requests", folder, "-f", "json"),
    }
    for name, command in commands.items():
        ran = run(*command)
        assert ran.code == 0, name
        assert f"apilog: note: {notes} is left out: " in ran.stderr, name
        assert "--exclude" in ran.stderr, name
    document = json.loads(run(*commands["report"]).text)
    (entry,) = [file for file in document["input"]["files"] if file["error"]]
    assert entry["path"] == str(notes)
    assert document["input"]["records"] == 8
    assert run(*commands["report"], "--strict").code == 2
    assert run("report", folder, notes, "-f", "json").code == 2
    assert "left out" not in run(*commands["report"], "--quiet").stderr


def test_a_folder_of_nothing_else_is_an_error(tmp_path: Path, run: Run) -> None:
    (tmp_path / "notes.txt").write_text("nothing of a log\n" * 3)
    for command in (("report", tmp_path), ("detect", tmp_path)):
        assert run(*command).code == 2


@pytest.mark.slow
def test_of_many_foreign_files_the_first_are_named(folder: Path, run: Run) -> None:
    for i in range(8):
        (folder / f"notes-{i}.txt").write_text("nothing of a log\n" * 3)
    ran = run("report", folder, "-f", "json")
    assert (ran.code, ran.stderr.count(" is left out: ")) == (0, 5)
    assert ran.stderr.splitlines()[-1] == "apilog: note: 3 more files of folders left out as well"

"""Help: options in groups, types with names, examples that can be run, values that complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from apilog.cli import completion
from apilog.cli.app import COMMANDS, command_line
from apilog.cli.help_text import EXAMPLES, OPTION_GROUPS
from apilog.metrics import METRICS
from apilog.schema import SCHEMA
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, line, write

NAMES = [name for name, _ in COMMANDS]
LOG = SAMPLE_LOGS / "combined.log"


def help_of(run: Run, name: str) -> str:
    return run(*name.split(), "--help").text


def test_every_command_names_its_types_and_has_two_examples(run: Run) -> None:
    for name in NAMES:
        text = help_of(run, name)
        assert not re.search(r"<(?:path|str|int|float|list)\b|\bx>=", text), name
        assert not re.search(r"[{\[]{2}|\}", text.splitlines()[0]), name
        assert text.endswith("Examples:\n" + "".join(f"  {e}\n" for e in EXAMPLES[name]))
    assert set(EXAMPLES) == set(NAMES)


def test_options_are_in_groups_and_each_stands_once(run: Run) -> None:
    text = help_of(run, "report")
    titles = re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)
    expected = [title for title in OPTION_GROUPS if title != "Accounts"]
    assert titles == ["Arguments", *expected, "Examples"]
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    assert len(options) == len(set(options)) > 25
    # What is a command's own comes before what it has in common with others.
    check = help_of(run, "check")
    assert check.index("--threshold") < check.index("Reading logs:") < check.index("--log-format")


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_understood(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for example in EXAMPLES[name]:
        # What a pipe leads to is no program of ours.
        program, *words = shlex.split(example.partition(" | ")[0])
        command = command_line()
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        assert program == "apilog"
        assert words[: len(name.split())] == name.split()
        make = command.make_context  # type: ignore[attr-defined]
        # A command keeps the names of its option for help.
        make(name, words[len(name.split()) :], help_option_names=["-h", "--help"])


def test_examples_on_logs_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    for file in ("access.log", "old.log", "new.log", "logs/a.log"):
        write(tmp_path / file, [line(after=i) for i in range(200)])
    for name in ("baseline", "report", "compare", "query", "ingest", "detect", "config", "init"):
        done = run(*shlex.split(EXAMPLES[name][0])[1:])
        assert done.code == 0, done.stderr
    assert run(*shlex.split(EXAMPLES["store prune"][0])[1:]).code == 0


def test_values_complete() -> None:
    assert completion.complete_column("upstream_st") == ["upstream_status"]
    assert completion.complete_column("route,met") == ["route,method"]
    assert completion.complete_column("") == [*SCHEMA]
    assert completion.complete_metric("") == [*METRICS]
    assert "combined" in completion.complete_log_format("comb")


def test_the_shell_gets_what_completes(run_process: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_APILOG_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "apilog report --by meth")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert run_process().text.split() == ["method"]


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(run: Run, option: str) -> None:
    assert run(option).text.startswith("apilog ")


@pytest.mark.parametrize(
    ("options", "environment", "is_coloured"),
    [
        ((), {"NO_COLOR": "", "FORCE_COLOR": ""}, False),
        ((), {"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
        ((), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"NO_COLOR": "", "FORCE_COLOR": "1"}, False),
        (("--color", "auto"), {"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colours_in_a_pipe(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: tuple[str, ...],
    environment: dict[str, str],
    is_coloured: bool,
) -> None:
    log = write(tmp_path / "a.log", [line(), line(after=60)])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for argv in (("report", log, "-l", "combined"), ("detect", log)):
        assert ("\x1b[" in run(*argv, *options).text) is is_coloured
    # What one run chose does not last.
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("report", log, "-l", "combined").text


def test_colours_are_for_people_alone(run: Run) -> None:
    for format in ("json", "csv", "md", "ndjson"):
        assert "\x1b[" not in run("report", LOG, "-f", format, "--color", "always").text

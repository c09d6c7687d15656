"""What the shell completes: by the program's own answers, and once by a bash that asks it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Run

Ask = Callable[[str], list[str]]


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask for what may stand in place of the last word of a line."""

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_APILOG_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        return run().text.split()

    return ask


def test_tables_are_those_of_the_command(ask: Ask) -> None:
    assert ask("apilog report --table e") == ["endpoints", "errors"]
    assert ask("apilog export --table statuse") == ["statuses"]
    assert ask("apilog success --table tr") == ["trials"]
    assert ask("apilog check --table w") == ["worst"]
    assert ask("apilog compare --table c") == ["comparison", "changed"]
    assert ask("apilog report --table endpoints,statuse") == ["endpoints,statuses"]


def test_columns_are_those_of_the_table(ask: Ask) -> None:
    assert ask("apilog report --columns rou") == ["route"]
    assert ask("apilog report --columns route,latency_p9") == [
        f"route,latency_p{level}_ms" for level in (90, 95, 99)
    ]
    assert ask("apilog report --table traffic --columns t") == ["timestamp"]
    assert ask("apilog report --table anomalies --columns ki") == ["kind"]
    assert ask("apilog report --by host --columns ho") == ["host"]
    assert ask("apilog report --by nothing --columns rou") == ["route"]
    assert ask("apilog success --table trials --columns conversion_r") == ["conversion_rate"]
    assert ask("apilog check --columns th") == ["threshold"]
    assert ask("apilog query --columns upstream_a") == ["upstream_addr", "upstream_attempts"]


def test_metrics_formats_and_documents(ask: Ask) -> None:
    assert ask("apilog compare -m latency_p9") == ["latency_p90", "latency_p95", "latency_p99"]
    assert ask("apilog report -f md") == ["md"]
    assert ask("apilog check -f j") == ["json", "junit"]
    assert ask("apilog report -l combined-r") == ["combined-request-time"]
    assert ask("apilog schema --json store") == ["store-info"]
    assert ask("apilog report --by upstream_st") == ["upstream_status"]


def test_zsh_and_fish_are_answered_as_their_scripts_ask(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "apilog report --table e")
    monkeypatch.setenv("_APILOG_COMPLETE", "complete_zsh")
    assert run().text == '_arguments \'*: :(("endpoints"\n"errors"))\'\n'
    monkeypatch.setenv("_APILOG_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert run().text == "endpoints\nerrors\n"
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "is-args")
    assert run().code == 0
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "apilog report --format nothing")
    assert run().code == 1  # then fish goes on with the names of files


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(tmp_path: Path) -> None:
    program = tmp_path / "apilog"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m apilog "$@"\n')
    program.chmod(0o755)
    script = """
        PATH="$1:$PATH"
        eval "$(_APILOG_COMPLETE=source_bash apilog)"
        COMP_WORDS=(apilog report --columns route,err) COMP_CWORD=3
        _apilog_completion apilog
        printf '%s\\n' "${COMPREPLY[@]}"
        complete -p apilog
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == [
        "route,errors",
        "route,error_rate",
        "complete -o default -F _apilog_completion apilog",
    ]

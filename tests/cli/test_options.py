"""Options are declared once, and every command that reads logs has the same ones."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import dataclass, fields
from typing import Annotated, get_args

import pytest
import typer

from apilog import options as reading
from apilog.cli import app
from apilog.cli.options import READ_OPTIONS, Choices, expand_options
from apilog.render import CHART_OUTPUTS, OUTPUTS, VERDICT_OUTPUTS
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

READS_LOGS = ("report", "check", "baseline", "compare", "success", "export", "watch")
READ_BY_ALL = (
    *("--anonymize-ip", "--hash-consumers", "--keep-query", "--route", "--max-routes"),
    *("--log-format", "--nginx-conf", "--column", "--client-ip", "--where", "--tz", "--config"),
)


COMMANDS = {name: app.command_function(place) for name, place in app.COMMANDS}


def options_of(command: str) -> set[str]:
    """The options of a command, as the command line has them."""
    names = inspect.signature(expand_options(COMMANDS[command])).parameters
    return {f"--{name.replace('_', '-')}" for name in names}


def choices_of(command: str) -> list[str]:
    """The formats that a command can draw."""
    parameter = inspect.signature(expand_options(COMMANDS[command])).parameters["format"]
    return [str(choice) for choice in get_args(parameter.annotation)[0]]


@pytest.mark.parametrize("command", READS_LOGS)
def test_every_command_that_reads_logs_has_the_options_on_reading(command: str) -> None:
    assert set(READ_BY_ALL) <= options_of(command)


def test_a_query_has_those_that_concern_its_rows() -> None:
    assert {*READ_BY_ALL} - options_of("query") == {"--where", "--max-routes"}


def test_every_field_of_the_options_on_reading_is_declared_or_filled_by_the_command() -> None:
    names = {field.name for field in fields(reading.ReportOptions)}
    by_commands = {"progress", "rejects", "tables", "formats", "config_file"}
    by_commands |= {"for_page", "reports", "own_metrics", "further_routes"}
    assert names - set(READ_OPTIONS) == by_commands


def test_formats_are_those_that_the_outputs_are_able_to() -> None:
    assert choices_of("report") == choices_of("success") == [*OUTPUTS, *CHART_OUTPUTS]
    assert choices_of("query") == [*OUTPUTS]
    assert choices_of("check") == choices_of("compare") == [*OUTPUTS, *VERDICT_OUTPUTS]
    assert choices_of("detect") == ["table", "json"]
    assert set(choices_of("formats")) == set(OUTPUTS) - {"parquet", "xlsx"}
    assert set(choices_of("export")) == set(OUTPUTS) - {"table"}


@dataclass(frozen=True, kw_only=True)
class Flags:
    kind: Annotated[str, typer.Option("--kind"), Choices(["a", "b"])] = "a"
    many: Annotated[list[str] | None, typer.Option("--many")] = None
    hidden: int = 7


def test_a_dataclass_becomes_options_and_comes_back_filled() -> None:
    taken: list[tuple[Flags, str]] = []

    def command(flags: Flags, name: Annotated[str, typer.Argument()]) -> None:
        """Does nothing."""
        taken.append((flags, name))

    line = typer.Typer(rich_markup_mode=None)
    line.command()(expand_options(command))
    line(["x", "--kind", "b", "--many", "1", "--many", "2"], standalone_mode=False)
    line(["y"], standalone_mode=False)
    assert taken[0] == (Flags(kind="b", many=["1", "2"]), "x")
    assert type(taken[0][0].kind) is str
    assert taken[1] == (Flags(many=()), "y")  # type: ignore[arg-type]
    with pytest.raises(typer.TyperException, match="'c' is not one of 'a', 'b'"):
        line(["z", "--kind", "c"], standalone_mode=False)


def test_a_run_imports_its_own_command_and_no_validation_library() -> None:
    code = (
        "import sys; from apilog.cli.app import main; main(['schema', '-f', 'json']);"
        "print(sorted({'pydantic', 'apilog.cli.report_cmd'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--top", "0"], "it must be 1 or more"),
        (["-f", "JSON"], "is not one of"),
        (["--top", "5", "-f", "json"], ""),
    ],
)
def test_values_are_still_held_to_what_an_option_takes(
    run: Run, words: list[str], expected: str
) -> None:
    result = run("report", SAMPLE_LOGS / "combined.log", *words)
    assert expected in result.stderr
    assert result.code == (2 if expected else 0)

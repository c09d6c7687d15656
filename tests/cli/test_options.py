"""Options are declared once, and every command that reads logs has the same ones."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import Annotated, get_args

import pytest
import typer

from apilog import options as reading
from apilog.cli import app
from apilog.cli.options import READ_OPTIONS, Choices, expand_options
from apilog.render import CHART_OUTPUTS, OUTPUTS, VERDICT_OUTPUTS

READS_LOGS = ("report", "check", "baseline", "compare", "success", "export", "watch")
READ_BY_ALL = (
    *("--anonymize-ip", "--hash-consumers", "--keep-query", "--route", "--max-routes"),
    *("--log-format", "--nginx-conf", "--column", "--client-ip", "--where", "--tz", "--config"),
)


COMMANDS = dict(app.COMMANDS)


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
    by_commands |= {"for_page", "reports", "own_metrics"}
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

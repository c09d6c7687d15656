"""The command `apilog`: its commands, and how errors become messages and exit codes."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache
from typing import Annotated, NoReturn

import typer

from apilog.cli import (
    baseline_cmd,
    catalogue_cmd,
    check_cmd,
    compare_cmd,
    config_cmd,
    detect_cmd,
    export_cmd,
    ingest_cmd,
    query_cmd,
    report_cmd,
    store_cmd,
    streams,
    success_cmd,
    watch_cmd,
)
from apilog.cli.help_text import PlainCommand
from apilog.cli.options import expand_options
from apilog.cli.streams import ExitCode
from apilog.cli.usage_hints import explain_usage
from apilog.errors import ApilogError, UnreadSourcesError
from apilog.version import __version__

COMMANDS: tuple[tuple[str, Callable[..., object]], ...] = (
    ("report", report_cmd.report),
    ("check", check_cmd.check),
    ("baseline", baseline_cmd.baseline),
    ("compare", compare_cmd.compare),
    ("query", query_cmd.query),
    ("success", success_cmd.success),
    ("ingest", ingest_cmd.ingest),
    ("export", export_cmd.export),
    ("store info", store_cmd.info),
    ("store verify", store_cmd.verify),
    ("store compact", store_cmd.compact),
    ("store prune", store_cmd.prune),
    ("store anonymize", store_cmd.anonymize),
    ("watch", watch_cmd.watch),
    ("detect", detect_cmd.detect),
    ("config", config_cmd.config),
    ("init", config_cmd.init),
    ("formats", catalogue_cmd.formats),
    ("schema", catalogue_cmd.schema),
    ("metrics", catalogue_cmd.metrics),
    ("man", catalogue_cmd.man),
)
"""Every command, in the order of the help. The first of two words names a group."""

GROUPS = {"store": "Look after a store: what it holds, whether it is intact, its upkeep."}
"""The groups of commands, and the help of each."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; argv is without the program's name.

    Errors that a user can act on go to stderr; other exceptions pass.
    """
    try:
        # What an option sets for the run of a command ends with it.
        code = copy_context().run(_run_command, sys.argv[1:] if argv is None else argv)
        streams.flush_stdout()
    except UnreadSourcesError as problem:
        for error in problem.errors:
            streams.error(error)
        return ExitCode.ERROR
    except ApilogError as problem:
        streams.error(problem)
        return ExitCode.ERROR
    except BrokenPipeError:
        streams.abandon_stdout()
        return ExitCode.OK
    except OSError as problem:
        streams.abandon_stdout()
        reason = problem.strerror or str(problem)
        streams.error(f"{problem.filename!r}: {reason}" if problem.filename else reason)
        return ExitCode.ERROR
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def run() -> NoReturn:
    """Run the console script."""
    # Chunks already run on a thread for each processor, and more threads for single operations
    # would get in their way. Polars reads this when it is imported.
    os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    # Imports make many objects and hardly any garbage: collecting it would slow down the start.
    gc.set_threshold(100_000, 20, 20)
    try:
        code = main()
    except Exception:  # noqa: BLE001 - Python's own code would be 1: a threshold failed
        streams.show(traceback.format_exc())
        streams.error("this is a bug in apilog", "please report it with the lines above")
        code = ExitCode.ERROR
    streams.end_process(code)


@cache
def _command_line(application: typer.Typer) -> Callable[..., int | str | None]:
    """Return the whole command line, which is made once."""
    return typer.main.get_command(application)


def _run_command(argv: Sequence[str]) -> int:
    try:
        code = _command_line(app)(args=list(argv), prog_name="apilog", standalone_mode=False)
    except SystemExit as end:
        # Typer answers a closed pipe with exit code 1.
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        code = end.code
    except typer.TyperException as problem:
        if problem.format_message().startswith("Usage:"):
            streams.show(problem.format_message())
        else:
            streams.error(*explain_usage(problem, argv))
        return ExitCode.ERROR
    except typer.Abort as problem:
        raise KeyboardInterrupt from problem
    return int(code or ExitCode.OK)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"apilog {__version__}")
        raise typer.Exit


def _make_group(name: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        # Plain help is the same in a pipe, and spares importing rich.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


app = _make_group("apilog")


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Turn gateway access logs into usage, error and latency reports."""


_groups = {"": app} | {name: _make_group(name) for name in GROUPS}
for _name, _help in GROUPS.items():
    app.add_typer(_groups[_name], help=_help, short_help=_help.removesuffix("."))
for _name, _function in COMMANDS:
    _of, _, _command = _name.rpartition(" ")
    # Typer would cut it to fit one line.
    _summary = (_function.__doc__ or "").partition("\n")[0].removesuffix(".")
    _make = _groups[_of].command(_command, cls=PlainCommand, short_help=_summary)
    _make(expand_options(_function))

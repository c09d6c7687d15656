"""The command `apilog`: its commands, and how errors become messages and exit codes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from apilog.cli import streams
from apilog.cli.help_text import PlainCommand
from apilog.cli.options import expand_options
from apilog.cli.plain_values import PlainGroup
from apilog.cli.streams import ExitCode
from apilog.cli.usage_hints import explain_usage
from apilog.errors import ApilogError, UnreadSourcesError
from apilog.version import __version__

COMMANDS: tuple[tuple[str, str], ...] = (
    ("report", "report_cmd.report"),
    ("check", "check_cmd.check"),
    ("baseline", "baseline_cmd.baseline"),
    ("compare", "compare_cmd.compare"),
    ("query", "query_cmd.query"),
    ("openapi", "openapi_cmd.openapi"),
    ("routes", "routes_cmd.routes"),
    ("success", "success_cmd.success"),
    ("ingest", "ingest_cmd.ingest"),
    ("export", "export_cmd.export"),
    ("store info", "store_cmd.info"),
    ("store verify", "store_cmd.verify"),
    ("store compact", "store_cmd.compact"),
    ("store prune", "store_cmd.prune"),
    ("store anonymize", "store_cmd.anonymize"),
    ("watch", "watch_cmd.watch"),
    ("detect", "detect_cmd.detect"),
    ("config", "config_cmd.config"),
    ("init", "config_cmd.init"),
    ("formats", "catalogue_cmd.formats"),
    ("schema", "catalogue_cmd.schema"),
    ("metrics", "catalogue_cmd.metrics"),
    ("man", "catalogue_cmd.man"),
)
"""Every command, in the order of the help, and the function of a module here that it runs. The
first of two words names a group."""

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
        streams.error(streams.os_error(problem))
        return ExitCode.ERROR
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _set_up_polars() -> None:
    """Set what Polars reads from the environment when it is imported, unless a user did."""
    processors = os.cpu_count() or 1
    # Chunks already run on a thread for each processor, and more threads for single operations
    # would get in their way.
    os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, processors // 2)))
    # Its allocator has four arenas for each processor and gives freed pages back after half a
    # second: each chunk would have its pages made anew. Fewer arenas take less memory, too.
    # https://jemalloc.net/jemalloc.3.html#opt.narenas, #opt.dirty_decay_ms
    options = f"narenas:{processors},dirty_decay_ms:2000"
    os.environ.setdefault("_RJEM_MALLOC_CONF", options)


def run() -> NoReturn:
    """Run the console script."""
    _set_up_polars()
    # Imports make many objects and hardly any garbage: collecting it would slow down the start.
    gc.set_threshold(100_000, 20, 20)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _deliver_again
    code: int = ExitCode.ERROR
    try:
        code = main()
    except _TerminatedError:
        _end_clusters()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    except Exception:  # noqa: BLE001 - Python's own code would be 1: a threshold failed
        streams.show(traceback.format_exc())
        streams.error("this is a bug in apilog", "please report it with the lines above")
    _end_clusters()
    streams.end_process(code)


_AGAIN = 0.02
"""Seconds after which a signal comes again whose exception was lost."""


def _deliver_again(lost: sys.UnraisableHookArgs) -> None:
    """Have an interrupt come again that fell into a finalizer, where Python drops exceptions."""
    if issubclass(lost.exc_type, KeyboardInterrupt | _TerminatedError):
        number = signal.SIGINT
        if lost.exc_type is _TerminatedError:
            number = signal.SIGTERM
            signal.signal(number, _terminate)
        threading.Timer(_AGAIN, os.kill, (os.getpid(), number)).start()
        return
    sys.__unraisablehook__(lost)


class _TerminatedError(BaseException):
    """The process was asked to end: the terminal, files and workers are left as if it had."""


def _terminate(number: int, frame: object) -> NoReturn:
    # Once is enough, as what is left to do takes a moment.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _TerminatedError


def _end_clusters() -> None:
    """End the workers that were started here, if there can be any."""
    if connections := sys.modules.get("apilog.engine.cluster.connection"):
        connections.end_own_clusters()


def command_function(place: str) -> Callable[..., object]:
    """Return the function of a command, from where `COMMANDS` says that it stands."""
    module, _, name = place.partition(".")
    function: Callable[..., object] = getattr(import_module(f"apilog.cli.{module}"), name)
    return function


@cache
def command_line(only: str = "") -> Callable[..., int | str | None]:
    """Return the command line, which is made once: all of it, or one command or group of it.

    Making a command of options takes as long as a short report, so that a run makes its own alone.
    """
    return typer.main.get_command(_make_application(only))


def _make_application(only: str) -> typer.Typer:
    app = _make_group("apilog")
    app.callback()(_root)
    groups = {"": app} | {name: _make_group(name) for name in GROUPS}
    for name, summary in GROUPS.items():
        app.add_typer(groups[name], help=summary, short_help=summary.removesuffix("."))
    for name, place in COMMANDS:
        of, _, command = name.rpartition(" ")
        if only in ("", of or command):
            function = command_function(place)
            # Typer would cut it to fit one line.
            summary = (function.__doc__ or "").partition("\n")[0].removesuffix(".")
            make = groups[of].command(command, cls=PlainCommand, short_help=summary)
            make(expand_options(function))
    return app


_SEES_ALL = "man"
"""The command that is about the others."""


def _first_command(argv: Sequence[str]) -> str:
    """Return the command or group that a command line begins with, if it can be made alone."""
    words = {name.partition(" ")[0] for name, _ in COMMANDS} - {_SEES_ALL}
    return argv[0] if argv and argv[0] in words else ""


def _run_command(argv: Sequence[str]) -> int:
    try:
        line = command_line(_first_command(argv))
        code = line(args=list(argv), prog_name="apilog", standalone_mode=False)
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
        cls=PlainGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        # Plain help is the same in a pipe, and spares importing rich.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Turn gateway access logs into usage, error and latency reports."""

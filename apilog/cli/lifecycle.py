"""What commands do before and after their work: rejects files, interrupts, notes, exit codes.

Errors go to stderr before the exit code is given; nothing here draws a report.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from apilog.cli import streams
from apilog.cli.streams import ExitCode
from apilog.cli.target import OutputTarget
from apilog.errors import UsageError
from apilog.render.text.escape import escape_json

if TYPE_CHECKING:
    import polars as pl

    from apilog.cli.target import OutputTarget
    from apilog.config import Config
    from apilog.report_model import Report


def end_reads_on_interrupt() -> None:
    """Have an interrupt end a read that waits; to be called once Polars is imported.

    Polars' own handler has the system restart such reads, so that Python does not see it.
    """
    if hasattr(signal, "siginterrupt"):  # not on Windows, where reads are not restarted
        signal.siginterrupt(signal.SIGINT, True)


def finish_report(report: Report, target: OutputTarget, *, strict: bool, quiet: bool) -> ExitCode:
    """Draw the report, unless nothing could be read; tell of it, and give the exit code."""
    target.write(report)
    report_notes(report, target, strict=strict, quiet=quiet)
    return input_exit_code(report, strict=strict)


def report_notes(report: Report, target: OutputTarget, *, strict: bool, quiet: bool) -> None:
    """Errors always; notes unless the report on stdout shows them, or nobody wants them."""
    shown = target.is_stdout and target.format == "table" and target.table is None
    report_input_errors(report, strict=strict, quiet=quiet or shown)
    if not (quiet or shown):
        for text in report.notes:
            streams.note(text)


def report_input_errors(report: Report, *, strict: bool, quiet: bool) -> None:
    """Inputs that could not be read; damaged ones as notes, unless `strict`."""
    for file in report.input.files:
        if file.error and (strict or not file.is_damaged):
            streams.error(f"{file.path}: {file.error}", file.hint)
        elif file.error and not quiet:
            streams.note(f"{file.path}: {file.error}; what stands before the damage was read")
    if strict and report.input.rejects:
        keeping = (
            "`apilog report --rejects FILE`" if report.command == "query" else "--rejects FILE"
        )
        count = "1 line" if report.input.rejects == 1 else f"{report.input.rejects:,} lines"
        streams.error(
            f"{count} could not be read, and --strict allows none",
            f"{keeping} keeps them",
        )


def input_exit_code(report: Report, *, strict: bool) -> ExitCode:
    """ERROR if an input could not be read, or with `strict` not all of it."""
    files = report.input.files
    failed = any(f.error and (strict or not f.is_damaged) for f in files)
    return ExitCode.ERROR if failed or (strict and report.input.rejects) else ExitCode.OK


@contextmanager
def rejects_writer(
    path: Path | None, *, force: bool
) -> Iterator[Callable[[pl.DataFrame], None] | None]:
    """A sink that writes rejects to the file; None without one.

    A file appears when the block ends without an error, an empty one if there were none.
    """
    if path is None:
        yield None
        return
    streams.check_target(path, force=force)
    with streams.open_output(path, force=force) as stream:
        yield lambda rejects: _write_rejects(rejects, stream)


def refuse_same_file(target: OutputTarget, rejects: Path | None) -> None:
    """Raise UsageError if report and rejects would be written to the same place."""
    if rejects is None:
        return
    both_stdout = target.is_stdout and str(rejects) == "-"
    if both_stdout or (target.file and os.path.realpath(target.file) == os.path.realpath(rejects)):
        raise UsageError(
            f"report and rejects would both be written to {rejects}",
            "give --output and --rejects different files",
        )


def _write_rejects(rejects: pl.DataFrame, stream: BinaryIO) -> None:
    stream.write(escape_json(rejects.write_ndjson()).encode())


def accounts_from_options(
    accounts: str | None, query: str | None, config: Config
) -> dict[str, Any]:
    """Return the accounts that are meant, as fields of options: those given, else configured."""
    return {
        "accounts": accounts or config.accounts.source,
        "accounts_query": query or (None if accounts else config.accounts.query),
        "account_columns": config.accounts.columns.names,
        "plans": config.plans,
    }


@contextmanager
def read_hooks(rejects: Path | None, *, force: bool, shown: bool) -> Iterator[dict[str, Any]]:
    """Give the fields of options that commands fill while they read: progress and rejects.

    The rejects file is complete when the block ends.
    """
    from apilog.cli.progress import progress_bar

    end_reads_on_interrupt()
    with (
        rejects_writer(rejects, force=force) as sink,
        progress_bar(shown=shown) as progress,
    ):
        yield {"progress": progress, "rejects": sink}

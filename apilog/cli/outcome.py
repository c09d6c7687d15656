"""What a finished report says on stderr, and the exit code that follows from its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apilog.cli import streams
from apilog.cli.streams import ExitCode

if TYPE_CHECKING:
    from apilog.cli.target import Target
    from apilog.model import Report


def finish(report: Report, target: Target, *, strict: bool, quiet: bool) -> ExitCode:
    """Draw the report, unless nothing could be read; tell of it, and give the exit code."""
    from apilog.reports import nothing_read

    if nothing_read(report):
        tell_errors(report, strict=strict, quiet=quiet)
        return ExitCode.ERROR
    target.write(report)
    tell(report, target, strict=strict, quiet=quiet)
    return exit_code(report, strict=strict)


def tell(report: Report, target: Target, *, strict: bool, quiet: bool) -> None:
    """Errors always; notes unless the report on stdout shows them, or nobody wants them."""
    shown = target.is_stdout and target.format == "table" and target.table is None
    tell_errors(report, strict=strict, quiet=quiet or shown)
    if not (quiet or shown):
        for text in report.notes:
            streams.note(text)


def tell_errors(report: Report, *, strict: bool, quiet: bool) -> None:
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


def exit_code(report: Report, *, strict: bool) -> ExitCode:
    """ERROR if an input could not be read, or with `strict` not all of it."""
    files = report.input.files
    failed = any(f.error and (strict or not f.is_damaged) for f in files)
    return ExitCode.ERROR if failed or (strict and report.input.rejects) else ExitCode.OK

"""What commands do before and after their work: rejects files, interrupts, notes, exit codes.

Errors go to stderr before the exit code is given.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apilog.cli import streams
from apilog.cli.options import NoProgress, Quiet, Rejects, Strict
from apilog.cli.streams import ExitCode
from apilog.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from apilog.cli.target import OutputTarget
    from apilog.config import Config
    from apilog.report_model import FileInput, Report

_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file that GitHub shows on the page of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietFlags:
    """Options on what a command says while it reads."""

    quiet: Quiet = False
    no_progress: NoProgress = False
    rejects: Path | None = None
    """See `RunFlags`; a command without the option writes no rejects."""

    @contextmanager
    def open_hooks(self, *, force: bool) -> Iterator[dict[str, Any]]:
        """Open the progress bar and the rejects file, as fields of the options on reading.

        The rejects file is complete when the block ends without an error.
        """
        from apilog.cli.progress import progress_bar
        from apilog.render.text.escape import escape_json

        end_reads_on_interrupt()
        with ExitStack() as stack:
            hooks: dict[str, Any] = {}
            if self.rejects is not None:
                streams.check_target(self.rejects, force=force)
                file = stack.enter_context(streams.open_output(self.rejects, force=force))

                def write_rejects(rejects: pl.DataFrame) -> None:
                    file.write(escape_json(rejects.write_ndjson()).encode())

                hooks["rejects"] = write_rejects
            is_shown = not (self.quiet or self.no_progress)
            hooks["progress"] = stack.enter_context(progress_bar(shown=is_shown))
            yield hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictFlags(QuietFlags):
    """Options on what a command says, and on what it takes for an error."""

    strict: Strict = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags(StrictFlags):
    """Options on what a command says, what is an error, and where rejected lines go."""

    rejects: Rejects = None


def end_reads_on_interrupt() -> None:
    """Let an interrupt end a read that waits; to be called once Polars is imported.

    Polars' handler restarts such system calls, so that Python would not see the interrupt.
    """
    if hasattr(signal, "siginterrupt"):  # not on Windows, where reads are not restarted
        signal.siginterrupt(signal.SIGINT, True)


def finish_report(report: Report, target: OutputTarget, flags: StrictFlags) -> ExitCode:
    """Draw the report, say what went wrong with its inputs, and return the exit code."""
    target.write(report)
    if target.format == "github" and (path := os.environ.get(_SUMMARY_VARIABLE)):
        from apilog.render.text.github import job_summary

        with Path(path).open("a", encoding="utf-8") as file:
            file.write(job_summary(report))
    return report_outcome(report, target, flags)


def report_outcome(report: Report, target: OutputTarget, flags: StrictFlags) -> ExitCode:
    """Print errors, and notes unless the report on stdout shows them; return the exit code."""
    shows_notes = target.is_stdout and target.format == "table" and target.table is None
    code = report_input_errors(report, flags, quiet=flags.quiet or shows_notes)
    if not (flags.quiet or shows_notes):
        for text in report.notes:
            streams.note(text)
    return code


def report_input_errors(
    report: Report, flags: StrictFlags, *, quiet: bool | None = None
) -> ExitCode:
    """Print which inputs could not be read; return ERROR if there is one.

    Damage to an input, and rejected lines, are errors only if `strict` says so.
    """
    quiet = flags.quiet if quiet is None else quiet
    failed = [
        report_file(f, strict=flags.strict, quiet=quiet) for f in report.input.files if f.error
    ]
    if flags.strict and report.input.rejects:
        keeper = "`apilog report --rejects FILE`" if report.command == "query" else "--rejects FILE"
        count = "1 line" if report.input.rejects == 1 else f"{report.input.rejects:,} lines"
        streams.error(
            f"{count} could not be read, and --strict allows none", f"{keeper} keeps them"
        )
        return ExitCode.ERROR
    return ExitCode.ERROR if any(failed) else ExitCode.OK


def report_file(file: FileInput, *, strict: bool, quiet: bool) -> bool:
    """Print why a file could not be read, or not to its end; whether that is an error."""
    if strict or not file.is_damaged:
        streams.error(f"{file.path}: {file.error}", file.hint)
        return True
    if not quiet:
        streams.note(f"{file.path}: {file.error}; what stands before the damage was read")
    return False


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


def accounts_from_options(
    accounts: str | None, query: str | None, config: Config
) -> dict[str, Any]:
    """Return which accounts to join, as fields of options: those given, else those configured."""
    return {
        "accounts": accounts or config.accounts.source,
        "accounts_query": query or (None if accounts else config.accounts.query),
        "account_columns": config.accounts.columns.names,
        "plans": config.plans,
    }

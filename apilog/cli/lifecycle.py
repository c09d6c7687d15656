"""What commands do around their work: rejects, progress, interrupts, notes and exit codes."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from apilog.cli import streams
from apilog.cli.ascii_drawing import AsciiText, is_ascii_locale
from apilog.cli.options import NoProgress, Quiet, Rejects, Strict
from apilog.cli.streams import ExitCode
from apilog.errors import ApilogError, OutputError, UnreadSourcesError, UsageError
from apilog.render import find_output
from apilog.text.units import format_bytes, format_count, format_duration
from apilog.version import __version__

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from apilog.cli.streams import OutputTarget
    from apilog.config import Config
    from apilog.report_model import DetectionResult, FileInput, Report


_QUIET_SECONDS = 0.5
"""Work that ends sooner shows no bar."""
_MOST_UNKNOWN = 10
"""The number of inputs of no known format that are named."""
_MOST_SKIPPED = 5
"""The number of inputs without access lines that are named."""
_TEXT_WIDTH = 54
"""The width of the text beside the bar."""


class ProgressBar:
    """A progress bar that appears once the work has taken a while."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._done = 0
        self._started = time.monotonic()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._cluster = ""

    def total(self, size: int | None) -> None:
        """Set the number of bytes to read; None if it is not known."""
        self._total = size

    def cluster(self, address: str, threads: int, dashboard: str) -> None:
        """Say above the bar where the work is done, and where that is seen."""
        self._cluster = f"on {address}, {format_count(threads)} tasks at once"
        if dashboard:
            self._cluster += f", dashboard {dashboard}"

    def advance(self, size: int) -> None:
        """Count bytes that were read since the last call."""
        self._done += size
        seconds = time.monotonic() - self._started
        if self._bar is None and seconds > _QUIET_SECONDS:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            in_ascii = cast("IO[str]", AsciiText(sys.stderr))
            file = in_ascii if is_ascii_locale(os.environ) else None
            console = Console(file=file, stderr=True)
            self._bar = Progress(
                "reading",
                BarColumn(bar_width=max(4, min(40, console.width - _TEXT_WIDTH))),
                TextColumn("{task.fields[text]}", style="cyan"),
                console=console,
                transient=True,
            )
            if self._cluster:
                console.print(self._cluster, style="dim", markup=False, highlight=False)
            self._task = self._bar.add_task("reading", total=self._total, text="")
        if self._bar is not None and self._task is not None:
            text = describe_progress(self._done, self._total, seconds)
            self._bar.update(self._task, completed=self._done, text=text)
            self._bar.start()

    def stop(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[ProgressBar | None]:
    """Show a bar until the block ends; None if it is not wanted or stderr can't show one."""
    can_redraw = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not shown or not can_redraw:
        yield None
        return
    bar = ProgressBar()
    try:
        yield bar
    finally:
        bar.stop()


def describe_progress(done: int, total: int | None, seconds: float) -> str:
    """Say how much was read, how fast, and how long the rest takes at that rate."""
    speed = done / max(seconds, 1e-3)
    of_all = "" if total is None else f" of {format_bytes(total)}"
    text = f"{format_bytes(done)}{of_all}  {format_bytes(round(speed))}/s"
    if total is None or done >= total or not done:
        return text
    return f"{text}  {format_duration(1000 * math.ceil((total - done) / speed))} left"


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
        from apilog.storage.folder import explain_write_errors

        what = f"{path}, which {_SUMMARY_VARIABLE} names"
        with explain_write_errors(what), Path(path).open("a", encoding="utf-8") as file:
            file.write(job_summary(report))
    return report_outcome(report, target, flags)


@contextmanager
def errors_as_verdicts(command: str, target: OutputTarget) -> Iterator[None]:
    """Have an output of verdicts, which a CI server reads, hold the error that ends the block."""
    try:
        yield
    except OutputError:
        raise
    except ApilogError as problem:
        if find_output(target.format).needs_verdicts:
            target.write(_report_of_error(command, problem))
        raise


def _report_of_error(command: str, problem: ApilogError) -> Report:
    """Return a report without verdicts whose one input is the command that failed."""
    import polars as pl

    from apilog.render.text.verdict_text import CHECKS
    from apilog.report_model import CheckState, FileInput, InputSummary, Report

    problems = problem.errors if isinstance(problem, UnreadSourcesError) else [problem]
    files = [
        FileInput(
            path=f"apilog {command}",
            format=None,
            lines=0,
            records=0,
            rejects=0,
            skipped=0,
            error=str(each),
            hint=each.hint,
        )
        for each in problems
    ]
    return Report(
        version=__version__,
        command=command,
        since=None,
        until=None,
        input=InputSummary.of_files(files),
        tables={CHECKS: pl.DataFrame()},
        state=CheckState.INCONCLUSIVE,
    )


def report_outcome(report: Report, target: OutputTarget, flags: StrictFlags) -> ExitCode:
    """Print errors, and notes unless the report on stdout shows them; return the exit code."""
    shows_notes = target.is_stdout and target.format == "table" and not target.table
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
    failed = report_files(
        [f for f in report.input.files if f.error], strict=flags.strict, quiet=quiet
    )
    if not flags.quiet:
        note_skipped(report.input.files)
    if flags.strict and report.input.rejects:
        keeper = "`apilog report --rejects FILE`" if report.command == "query" else "--rejects FILE"
        refuse_rejects(report.input.rejects, keeper)
        return ExitCode.ERROR
    return ExitCode.ERROR if failed else ExitCode.OK


def refuse_rejects(rejects: int, keeper: str = "--rejects FILE") -> None:
    """Print the error that `--strict` makes of rejected lines; `keeper` is what keeps them."""
    count = "1 line" if rejects == 1 else f"{rejects:,} lines"
    streams.error(f"{count} could not be read, and --strict allows none", f"{keeper} keeps them")


def report_files(files: Sequence[FileInput], *, strict: bool, quiet: bool) -> bool:
    """Print why files could not be read, or not to their end; whether any of it is an error.

    Of a folder's files that are no logs the first ones are named: it may be a folder of sources.
    """
    foreign = [f for f in files if f.is_foreign and not strict]
    for file in foreign[: 0 if quiet else _MOST_SKIPPED]:
        streams.note(f"{file.path} is left out: {file.error}; --exclude spares the note")
    if not quiet and (more := len(foreign) - _MOST_SKIPPED) > 0:
        streams.note(
            f"{more:,} more {'file' if more == 1 else 'files'} of folders left out as well"
        )
    unread = [f for f in files if strict or not f.is_foreign]
    return True in [_report_file(f, strict=strict, quiet=quiet) for f in unread]


def _report_file(file: FileInput, *, strict: bool, quiet: bool) -> bool:
    """Print why a file could not be read, or not to its end; whether that is an error."""
    if strict or not file.is_damaged:
        streams.error(f"{file.path}: {file.error}", file.hint)
        return True
    if not quiet:
        streams.note(f"{file.path}: {file.error}; what stands before the damage was read")
    return False


def report_unknown_files(found: DetectionResult, *, strict: bool = False) -> ExitCode:
    """Print why inputs are no known logs, those of the first; the exit code they come to.

    A folder may hold anything: what is no log beside logs is only noted, unless that is `strict`.
    """
    foreign = () if strict or not found.files else found.foreign
    errors = [problem for problem in found.errors if problem not in foreign]
    for problem in foreign[:_MOST_SKIPPED]:
        streams.note(f"{problem}; --exclude spares the note")
    if (more := len(foreign) - _MOST_SKIPPED) > 0:
        streams.note(f"{more:,} more {'file is' if more == 1 else 'files are'} no logs")
    for problem in errors[:_MOST_UNKNOWN]:
        streams.error(problem)
    if (more := len(errors) - _MOST_UNKNOWN) > 0:
        streams.error(
            f"{more:,} more inputs are no known logs", "`apilog detect -f json` tells of each"
        )
    return ExitCode.ERROR if errors else ExitCode.OK


def note_skipped(files: Sequence[FileInput]) -> None:
    """Note which inputs have lines and not one of an access log."""
    skipped = [f for f in files if f.lines and f.skipped == f.lines and not f.error]
    for file in skipped[:_MOST_SKIPPED]:
        count = "its line is" if file.lines == 1 else f"all {file.lines:,} lines are"
        streams.note(f"{file.path}: {count} skipped: it holds no access lines")
    if len(skipped) > _MOST_SKIPPED:
        streams.note(f"{len(skipped) - _MOST_SKIPPED:,} more inputs hold no access lines")


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
        "account_columns": config.accounts.columns,
        "plans": config.plans,
    }

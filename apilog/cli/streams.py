"""Where things go: data to stdout, a file or a directory of files, everything else to stderr.

Nothing else in the package writes to stderr but the progress bar. A target that can't be written to
is refused before any input is read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast

from apilog.cli.ascii_drawing import AsciiDrawing, draw_in_ascii, is_ascii_locale
from apilog.cli.options import ColumnChoice, Force, Output, color_choice
from apilog.cli.whole_writes import WholeWriter, stdout_error
from apilog.errors import ApilogError, OutputError, UsageError
from apilog.render import DEFAULT_TABLE, OutputOptions, find_output
from apilog.render.output import choose_columns, choose_table
from apilog.render.svg import chart_tables, require_chart
from apilog.render.text.escape import escape_terminal

if TYPE_CHECKING:
    from apilog.report_model import Report


_WIDEST = 1000
"""The most columns that are used; wider bars say no more."""


class ExitCode(IntEnum):
    """Exit codes. Where several apply, 2 goes before 1, and 1 before 3."""

    OK = 0
    """Done; all thresholds hold."""
    FAILED = 1
    """A threshold failed."""
    ERROR = 2
    """Wrong usage, configuration or input, or an output that can't be written."""
    INCONCLUSIVE = 3
    """Too little data to decide."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C."""


def note(text: str) -> None:
    """Print a note, which doesn't change the result."""
    _write_stderr(f"apilog: note: {escape_terminal(text)}\n")


def error(problem: ApilogError | str, hint: str = "") -> None:
    """Print what went wrong, and a hint on what to do if there is one."""
    _write_stderr(f"apilog: error: {escape_terminal(str(problem))}\n")
    hint = hint or (problem.hint if isinstance(problem, ApilogError) else "")
    if hint:
        _write_stderr(f"hint: {escape_terminal(hint)}\n")


def show(text: str) -> None:
    """Print a text of several lines to stderr, each of them escaped."""
    _write_stderr("".join(f"{escape_terminal(line)}\n" for line in text.splitlines()))


def width(*, to_terminal: bool = True) -> int:
    """Return the width to draw in: COLUMNS, else the terminal's; 80 without either."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return min(int(columns), _WIDEST)
    return shutil.get_terminal_size((80, 24)).columns if to_terminal else 80


def screen_size() -> tuple[int, int]:
    """Return the columns and rows of the terminal that stdout is; COLUMNS may narrow it.

    Wider lines than the terminal has would be wrapped, and move all others down.
    """
    try:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        columns, rows = 0, 0
    columns, rows = columns or 80, rows or 24  # some terminals don't tell their size
    return min(columns, width()) if os.environ.get("COLUMNS") else columns, rows


def color(*, to_terminal: bool) -> bool:
    """Whether to draw in colours: as --color says, else NO_COLOR, else FORCE_COLOR.

    Without any of them terminals that are not dumb get colours. The order is Python's:
    https://docs.python.org/3/using/cmdline.html#controlling-color
    """
    choice = color_choice.get()
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):  # whatever its value: https://force-color.org/
        return True
    return to_terminal and os.environ.get("TERM") != "dumb"


def check_target(path: Path | None, *, force: bool) -> None:
    """Raise OutputError before long work for a file that could not be written after it.

    Either it exists and `force` isn't given, or its folder doesn't exist.
    """
    if path is None or _is_stdout(path):
        return
    from apilog.storage.local_folder import refuse_existing

    refuse_existing([path], force)
    if not path.parent.is_dir():
        raise OutputError(f"can't write {path}: there is no folder {path.parent}", "make it first")


@contextlib.contextmanager
def open_output(path: Path | None, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a binary stream to stdout (None or `-`) or to a file.

    The file is written beside its target and renamed when the block ends without an
    error. Raises OutputError if the target exists and `force` isn't given, or if it
    can't be written.
    """
    if path is None or _is_stdout(path):
        stream = stdout_stream()
        yield stream
        stream.flush()
    else:
        from apilog.storage.local_folder import atomic_file

        with atomic_file(path, force) as stream:
            yield stream


def stdout_stream() -> BinaryIO:
    """Return a binary stream to stdout, to be flushed. Raises OutputError where it is closed."""
    if sys.stdout is None:
        raise OutputError("standard output is closed", "write to a file with --output")
    sys.stdout.flush()
    try:
        stream = cast("BinaryIO", WholeWriter(sys.stdout.fileno()))
        is_drawn_in_ascii = is_terminal() and is_ascii_locale(os.environ)
        return cast("BinaryIO", AsciiDrawing(stream)) if is_drawn_in_ascii else stream
    except (OSError, ValueError):  # something of Python's own has taken its place
        return sys.stdout.buffer


def flush_stdout() -> None:
    """Write out what stdout still holds. Raises OSError if it can't be written."""
    if sys.stdout is not None:
        sys.stdout.flush()


def os_error(problem: OSError) -> ApilogError:
    """Return the error for what the system refused: without a file it is about stdout."""
    if not problem.filename:
        return stdout_error(problem)
    return OutputError(
        f"{problem.filename}: {problem.strerror or problem}",
        "check that it is there, and who may use it",
    )


def abandon_stdout() -> None:
    """Discard what stdout still holds, so that the interpreter can exit without an error."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)


def end_process(code: int) -> NoReturn:
    """Flush the streams and end the process at once.

    Python's own shutdown would abort if a thread of Polars was still about to call back, as
    after a query that failed on a value.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _is_stdout(path: Path) -> bool:
    return str(path) == "-"


def _write_stderr(text: str) -> None:
    # If not even stderr takes the text, nobody is left to read it.
    with contextlib.suppress(OSError, AttributeError):
        if is_watched() and is_ascii_locale(os.environ):
            text = draw_in_ascii(text)
        sys.stderr.write(text)
        sys.stderr.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTarget:
    """Where a report goes, and in which format.

    A command that offers `format`, `table`, `top` or `raw` declares them in a subclass.
    """

    output: Output = None
    """The value of `--output`; None means stdout."""
    force: Force = False
    columns: ColumnChoice = ()
    """The columns of the one table to draw; all if there are none."""
    format: str = "table"
    table: Sequence[str] = ()
    """The tables to draw; all, or the one that fits, if there are none."""
    top: int | None = None
    raw: bool = False
    csv_dialect: str = "rfc4180"
    theme: str | None = None
    width: int | None = None

    @property
    def is_directory(self) -> bool:
        """Whether every table gets a file."""
        return self.output is not None and (
            self.output.endswith("/") or (self.output != "-" and Path(self.output).is_dir())
        )

    @property
    def file(self) -> Path | None:
        """The one file to write; None means stdout, or a directory."""
        return None if self.output in (None, "-") or self.is_directory else Path(self.output)

    @property
    def is_stdout(self) -> bool:
        """Whether the report goes to stdout."""
        return self.file is None and not self.is_directory

    @property
    def tables(self) -> list[str] | None:
        """The tables that will be drawn; None means all."""
        if self.draws_charts:
            return chart_tables(self.table, every=self.is_directory)
        if self.table or self.columns:
            return [*dict.fromkeys(self.table)] or [DEFAULT_TABLE]
        holds_all = find_output(self.format).holds_all_tables or self.is_directory
        return None if holds_all else [DEFAULT_TABLE]

    @property
    def draws_charts(self) -> bool:
        """Whether pictures are drawn, of some of the tables."""
        return find_output(self.format).draws_charts

    def check(self, tables: Iterable[str], *, is_own: bool = False) -> None:
        """Raise UsageError for a target that makes no sense, OutputError for a file that exists.

        `tables` are those that the report is going to have, each of which is a chart if it is one's
        own.
        """
        from apilog.storage.local_folder import refuse_existing

        tables, output, count = list(tables), find_output(self.format), len(set(self.table))
        self._check_charts(tables, is_own=is_own)
        if self.columns and (self.is_directory or count > 1):
            raise UsageError("--columns is about one table", "name a file, and one --table")
        has_verdicts = not {"checks", "comparison"}.isdisjoint(tables)
        if self.columns and (output.needs_verdicts or (self.format == "html" and has_verdicts)):
            hint = "take table, md, csv, ndjson, json, parquet or xlsx"
            raise UsageError(f"--columns is about tables, and {self.format} holds verdicts", hint)
        if count > 1 and not (
            output.holds_all_tables or output.holds_several_tables or self.is_directory
        ):
            what, others = (
                ("chart", "") if self.draws_charts else ("table", ", or take json, md or xlsx")
            )
            hint = f"name a directory/ with --output{others}"
            raise UsageError(f"{self.format} holds one {what}, not {count}", hint)
        if self.csv_dialect != "rfc4180" and self.format != "csv":
            raise UsageError(f"--csv-dialect is about csv, not {self.format}", "give -f csv")
        if self.raw and self.format != "csv":
            raise UsageError(f"--raw is about csv, not {self.format}", "give -f csv")
        if self.output == "":
            raise UsageError("--output is empty", "name a file, a directory/ or - for stdout")
        output.require_package()
        if self.format == "png":
            from apilog.render.svg.png import require_fonts

            require_fonts()
        if output.is_binary and self.is_stdout and is_terminal():
            raise UsageError(f"{self.format} is not for a terminal", "name a file with --output")
        check_target(self.file, force=self.force)
        if self.is_directory:
            folder, suffix = Path(self.output or "."), output.suffix
            names = output.parts(tables, self.table, is_own=is_own)
            refuse_existing((folder / f"{name}.{suffix}" for name in names), self.force)

    def _check_charts(self, tables: Sequence[str], *, is_own: bool) -> None:
        """Raise UsageError for a chart that there is not, or options that pictures alone have."""
        if not self.draws_charts:
            for option, value in (("--theme", self.theme), ("--width", self.width)):
                if value is not None:
                    hint = "draw one with --format svg or png"
                    raise UsageError(f"{option} is about pictures", hint)
            return
        for name in () if is_own else self.table or ("",):
            require_chart(name or None, tables)
        if self.columns:
            raise UsageError("--columns is about tables", "name a chart with --table")

    def write(self, report: Report) -> None:
        """Draw the report."""
        output, names = find_output(self.format), self.table
        if not self.draws_charts and (names or self.columns):
            chosen = dict(choose_table(report, name) for name in names)
            chosen = chosen or dict([choose_table(report, None)])
            if self.columns:
                if self.format in ("table", "md"):
                    from apilog.render.text.verdict_text import figures_in_columns

                    chosen = {n: figures_in_columns(n, f) for n, f in chosen.items()}
                chosen = {n: choose_columns(f, self.columns, n) for n, f in chosen.items()}
            report, names = replace(report, tables=chosen), [*chosen]
        to_terminal = self.is_stdout and is_terminal()
        options = OutputOptions(
            table=names[0] if len(names) == 1 else None,
            tables=names if len(names) > 1 else (),
            all_columns=bool(self.columns),
            width=width(to_terminal=to_terminal),
            color=color(to_terminal=to_terminal),
            terminal=to_terminal,
            top=self.top,
            raw=self.raw,
            csv_dialect=self.csv_dialect,
            theme=self.theme or "light",
            picture_width=self.width or 800,
        )
        if self.is_directory:
            assert self.output is not None
            output.write_directory(report, Path(self.output), options, force=self.force)
            return
        with open_output(self.file, force=self.force) as stream:
            output.write(report, stream, options)


def is_watched() -> bool:
    """Whether stderr is a terminal, where what is about to be done can be told."""
    return sys.stderr is not None and sys.stderr.isatty()


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()

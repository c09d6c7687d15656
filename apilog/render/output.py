"""The interface of an output, and the files that hold what it draws.

An output never changes a report and reads nothing else. Files appear whole or not at all.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from apilog.errors import OutputError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from apilog.report_model import Report


DEFAULT_TABLE = "endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How to draw. An output leaves alone what it has no use for."""

    table: str | None = None
    """The one table to draw; None: `endpoints` where only one fits, else all."""
    width: int = 80
    """Columns of the terminal."""
    color: bool = False
    """Whether the terminal output may use ANSI colours."""
    terminal: bool = False
    """Whether a terminal shows what is drawn, so that no text may act on it."""
    top: int | None = None
    """Rows a ranking shows on the terminal; data outputs always draw every row."""
    raw: bool = False
    """Whether CSV text cells stay as they are, even if a spreadsheet would run them."""


DrawFunction = Callable[["Report", BinaryIO, OutputOptions], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One way to draw a report."""

    name: str
    """What `--format` calls it."""
    suffix: str
    """Of its files, without the dot."""
    write: DrawFunction


def choose_table(report: Report, table: str | None) -> pl.DataFrame:
    """The table of that name; without one `endpoints`, or else the report's first.

    Raises UsageError for a name the report does not have, with the nearest ones.
    """
    return choose_named_table(report, table)[1]


def choose_named_table(report: Report, table: str | None) -> tuple[str, pl.DataFrame]:
    """The chosen table with its name; see `choose_table`."""
    tables = report.tables
    if table is None:
        table = DEFAULT_TABLE if DEFAULT_TABLE in tables else next(iter(tables), DEFAULT_TABLE)
    if table in tables:
        return table, tables[table]
    near = difflib.get_close_matches(table, tables, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else _describe_tables(report)
    raise UsageError(f"this report has no table {table!r}", hint)


def _describe_tables(report: Report) -> str:
    return f"its tables are {', '.join(report.tables)}" if report.tables else "it has no tables"


@contextmanager
def atomic_file(path: Path, force: bool) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file when the block ends without an error.

    A device or named pipe is written to directly, a symbolic link is followed. Raises
    OutputError if the file exists and `force` is not set, or if it can't be written.
    """
    target = Path(os.path.realpath(path))
    with _explain_os_errors(path):
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        refuse_existing([path], force)
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with beside.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def write_directory(
    report: Report, directory: Path, output: Output, options: OutputOptions, force: bool
) -> list[Path]:
    """Writes every table as `<table>.<suffix>` and returns the files.

    The directory is made if it is missing. Raises OutputError before anything is
    written if one of the files exists and `force` is not set.
    """
    paths = {name: directory / f"{name}.{output.suffix}" for name in report.tables}
    refuse_existing(paths.values(), force)
    with _explain_os_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        with atomic_file(path, force) as stream:
            output.write(report, stream, replace(options, table=name))
    return list(paths.values())


def refuse_existing(paths: Iterable[Path], force: bool) -> None:
    """Raises OutputError for the first of the files that exists, unless `force` is set.

    What is no regular file, such as /dev/null, is not replaced and so never refused.
    """
    existing = next((path for path in paths if path.is_file()), None)
    if existing is not None and not force:
        raise OutputError(f"{existing} exists already", "pass --force to replace it")


@contextmanager
def _explain_os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error

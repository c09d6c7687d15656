"""The interface of an output, and the files that hold what it draws.

An output never changes a report and reads nothing else. Files appear whole or not at all.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from apilog.errors import UsageError, install_hint
from apilog.render.svg import charts_of
from apilog.storage.folder import explain_write_errors
from apilog.storage.local_folder import atomic_file, refuse_existing, sync_stream
from apilog.text import did_you_mean

if TYPE_CHECKING:
    import polars as pl

    from apilog.report_model import Report

DEFAULT_TABLE = "endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How to draw; each output uses the options that concern it."""

    table: str | None = None
    """The one table to draw; None means all, or `endpoints` where only one fits."""
    tables: Sequence[str] = ()
    """Several tables to draw, each as it is drawn alone, where `table` is None."""
    width: int = 80
    """Columns of the terminal."""
    color: bool = False
    """Whether the terminal output may use ANSI colours."""
    terminal: bool = False
    """Whether the drawing goes to a terminal, on which no text may act."""
    top: int | None = None
    """Rows a ranking shows on the terminal; data outputs always draw every row."""
    raw: bool = False
    """Whether CSV text cells stay as they are, even if a spreadsheet would run them."""
    all_columns: bool = False
    """Whether each column of a table was asked for, so that none is left out."""
    theme: str = "light"
    """Of pictures: `light` or `dark`."""
    picture_width: int = 800
    """Pixels of a picture."""
    index_link: str = ""
    """Where a page that is one of many finds the list of them; empty for one that stands alone."""
    csv_dialect: str = "rfc4180"
    """`excel` for a byte order mark, CRLF and times that a spreadsheet takes for such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One way to draw a report, and what it is able to hold."""

    name: str
    """The value of `--format` that selects it."""
    suffix: str
    """The suffix of its files, without the dot."""
    module: str
    """The module below `apilog.render` whose function `write` draws."""
    holds_all_tables: bool = False
    """Whether one file holds the whole report, not a single table."""
    holds_several_tables: bool = False
    """Whether it draws several tables if they are asked for, though not the whole report."""
    is_binary: bool = False
    """Whether a terminal can't show it."""
    is_for_people: bool = False
    """Whether it is laid out for a screen, so that no other program should read it."""
    needs_verdicts: bool = False
    """Whether it draws nothing but the results of `check` and `compare`."""
    draws_charts: bool = False
    """Whether it draws pictures, each of which is of some tables."""
    package: str = ""
    """The package that it is drawn with, if apilog is useful without."""
    extra: str = ""
    """The extra that brings the package."""

    def parts(
        self, tables: Collection[str], chosen: Collection[str] = (), *, is_own: bool = False
    ) -> list[str]:
        """Return what there is to draw of a report with these tables, each in a file of its own.

        That is its tables, or the charts of them, of which each table is one where the report is
        one's own; without `chosen` all.
        """
        names = charts_of(tables) if self.draws_charts and not is_own else [*tables]
        return [name for name in names if not chosen or name in chosen]

    def require_package(self) -> None:
        """Raise UsageError where the package that it is drawn with is not installed."""
        module = self.package.lower().replace("-", "_")
        if self.package and find_spec(module) is None:
            hint = install_hint(self.extra)
            raise UsageError(f"-f {self.name} needs the package {self.package}", hint)

    def write(self, report: Report, stream: BinaryIO, options: OutputOptions) -> None:
        """Draw the report.

        Raises UsageError for a table or for verdicts that the report does not have.
        """
        # Imported when it draws: listing the outputs must not load Polars or Rich.
        module = import_module(f"apilog.render.{self.module}")
        with import_module("apilog.render.text.cell_text").units_of(report):
            module.write(report, stream, options)

    def draw_all(self, reports: Sequence[Report], options: OutputOptions) -> list[bytes]:
        """Return what `write` draws of each of these reports on several periods."""
        module = import_module(f"apilog.render.{self.module}")
        if len(reports) > 1 and hasattr(module, "draw_several"):
            with import_module("apilog.render.text.cell_text").units_of(reports[0]):
                drawn: list[bytes] = module.draw_several(reports, options)
                return drawn
        streams = [io.BytesIO() for _ in reports]
        for report, stream in zip(reports, streams, strict=True):
            self.write(report, stream, options)
        return [stream.getvalue() for stream in streams]

    def write_directory(
        self, report: Report, directory: Path, options: OutputOptions, *, force: bool = False
    ) -> list[Path]:
        """Write every table or chart as `<name>.<suffix>` and return the files: all, or none.

        Make the directory if it is missing. Raises OutputError before anything is written if
        one of the files exists and `force` is not set.
        """
        chosen = [options.table] if options.table else options.tables
        some = chosen if self.draws_charts else ()
        names = self.parts(report.tables, some, is_own=bool(report.layout))
        paths = {name: directory / f"{name}.{self.suffix}" for name in names}
        refuse_existing(paths.values(), force)
        with explain_write_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as files:  # whose names they get once all of them are written
            for name, path in paths.items():
                stream = files.enter_context(atomic_file(path, force))
                self.write(report, stream, replace(options, table=name))
                # Where a disk is full, some systems say so only here: no file has its name yet.
                with explain_write_errors(path):
                    sync_stream(stream)
        return list(paths.values())


def choose_table(report: Report, name: str | None) -> tuple[str, pl.DataFrame]:
    """Return the table of that name, by default `endpoints` or else the first, with its name.

    Raises UsageError for a name that the report does not have, with the nearest ones.
    """
    tables = report.tables
    if name is None:
        name = DEFAULT_TABLE if DEFAULT_TABLE in tables else next(iter(tables), DEFAULT_TABLE)
    if name in tables:
        return name, tables[name]
    listed = f"its tables are {', '.join(tables)}" if tables else "it has no tables"
    raise UsageError(f"this report has no table {name!r}", did_you_mean(name, tables, listed))


def _other_names(column: str) -> tuple[str, ...]:
    """Return what else a column is called: `latency_p95` for `latency_p95_ms`."""
    others = ("count", "hits", "n", "calls") if column == "requests" else ()
    return (column.removesuffix("_ms"), *others)


def choose_columns(frame: pl.DataFrame, columns: Sequence[str], table: str) -> pl.DataFrame:
    """Return these columns of a table, in this order, each once.

    Raises UsageError for a column that the table does not have, with the nearest ones.
    """
    unknown = next((column for column in columns if column not in frame.columns), None)
    if unknown is None:
        return frame[[*dict.fromkeys(columns)]]
    listed = f"its columns are {', '.join(frame.columns)}"
    named = [c for c in frame.columns if unknown in c.split("_") or unknown in _other_names(c)]
    hint = f"did you mean {' or '.join(named[:3])}?"
    if not named:
        hint = did_you_mean(unknown, frame.columns, listed)
    raise UsageError(f"the table {table} has no column {unknown!r}", hint)

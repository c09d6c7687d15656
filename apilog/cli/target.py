"""Where a report goes: stdout, one file, or a directory with a file for each table.

A target that can't be written to is refused before any input is read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.cli import streams
from apilog.cli.options import Force, Output
from apilog.errors import UsageError
from apilog.render import DEFAULT_TABLE, OutputOptions, find_output

if TYPE_CHECKING:
    from apilog.report_model import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTarget:
    """Where a report goes, and in which format.

    A command that offers `format`, `table`, `top` or `raw` declares them in a subclass.
    """

    output: Output = None
    """The value of `--output`; None means stdout."""
    force: Force = False
    format: str = "table"
    table: str | None = None
    top: int | None = None
    raw: bool = False

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
        if self.table is not None:
            return [self.table]
        holds_all = find_output(self.format).holds_all_tables or self.is_directory
        return None if holds_all else [DEFAULT_TABLE]

    def check(self, tables: Iterable[str]) -> None:
        """Raise UsageError for a target that makes no sense, OutputError for a file that exists.

        `tables` are those that the report is going to have.
        """
        from apilog.storage.local_folder import refuse_existing

        if self.output == "":
            raise UsageError("--output is empty", "name a file, a directory/ or - for stdout")
        if find_output(self.format).is_binary and self.is_stdout and is_terminal():
            raise UsageError(f"{self.format} is not for a terminal", "name a file with --output")
        streams.check_target(self.file, force=self.force)
        if self.is_directory:
            folder, suffix = Path(self.output or "."), find_output(self.format).suffix
            refuse_existing((folder / f"{name}.{suffix}" for name in tables), self.force)

    def write(self, report: Report) -> None:
        """Draw the report."""
        output = find_output(self.format)
        to_terminal = self.is_stdout and is_terminal()
        options = OutputOptions(
            table=self.table,
            width=streams.width(to_terminal=to_terminal),
            color=to_terminal and streams.color(),
            terminal=to_terminal,
            top=self.top,
            raw=self.raw,
        )
        if self.is_directory:
            assert self.output is not None
            output.write_directory(report, Path(self.output), options, force=self.force)
            return
        with streams.open_output(self.file, force=self.force) as stream:
            output.write(report, stream, options)


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()

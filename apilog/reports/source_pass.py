"""One pass over the sources: the caller decides what becomes of the records.

Rejected lines are passed on and accounted for in the same way for every caller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Generic, TypeVar

import polars as pl

from apilog.engine.local import LocalRun, Progress
from apilog.engine.parse_chunks import summarise_inputs
from apilog.formats.file_plan import FormatChoice, explain_mismatch
from apilog.report_model import InputSummary
from apilog.reports.options import ReportOptions
from apilog.time import ALL_TIME, TimeWindow

T = TypeVar("T")

RejectSink = Callable[[pl.DataFrame], None]
"""Takes rejects as they are found; columns source, line_number, line, reason."""


class SourcePass(Generic[T]):
    """Reads the sources as the options say; `input` and `notes` are there afterwards."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        options: ReportOptions,
        columns: frozenset[str],
        work: Callable[[pl.DataFrame], T],
        *,
        window: TimeWindow = ALL_TIME,
        progress: Progress | None = None,
        rejects: RejectSink | None = None,
    ) -> None:
        """`work` gets the records of each chunk, with these columns of the schema.

        It also gets records outside of `window`, where not reading them spares nothing.
        """
        wanted, self._choice = options.make_read_spec(columns), options.choose_format()
        self._run = LocalRun(
            sources, wanted, work, choice=self._choice, progress=progress, window=window
        )
        self._reject_notes = _RejectNotes(rejects)

    def iter_results(self) -> Generator[T]:
        """What the work makes of each chunk, in the order of the lines."""
        with closing(self._run.results()) as results:
            for result in results:
                self._reject_notes.add_rejects(result.rejects)
                yield result.value

    @property
    def input(self) -> InputSummary:
        """The account of what was read so far."""
        return summarise_inputs(self._run.accounts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be told about the lines that could not be read."""
        read = self.input
        return (
            *self._reject_notes.count_notes(read),
            *self._reject_notes.mismatch_notes(read, self._choice),
        )


class _RejectNotes:
    """The lines that could not be read: passed on, and told of in notes."""

    def __init__(self, sink: RejectSink | None) -> None:
        self._sink = sink
        self._first_lines: dict[str, str] = {}

    def add_rejects(self, rejects: pl.DataFrame) -> None:
        """Take the rejects of some chunks."""
        if not rejects.height:
            return
        if self._sink:
            self._sink(rejects)
        firsts = rejects.unique("source", keep="first", maintain_order=True)
        self._first_lines = dict(firsts.select("source", "line").iter_rows()) | self._first_lines

    def count_notes(self, read: InputSummary) -> Iterator[str]:
        """How many they are."""
        if read.rejects:
            told = f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read"
            yield told if self._sink else f"{told}; --rejects FILE keeps them"

    def mismatch_notes(self, read: InputSummary, choice: FormatChoice | None) -> Iterator[str]:
        """Why the chosen format reads not one line of a file; told of the first such file."""
        for file in read.files:
            if (
                choice
                and not file.records
                and (line := self._first_lines.get(file.path)) is not None
            ):
                if why := explain_mismatch(choice, line):
                    yield f"no line of {file.path} is in the given format: {why}"
                return

"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from apilog.aggregate import Partial, Plan, finish, merge, partial
from apilog.engines.inputs import summary
from apilog.engines.local import Progress, Run
from apilog.engines.reading import where_it_stops
from apilog.formats.choice import Choice
from apilog.model import InputSummary, Report
from apilog.reports.options import ReportOptions
from apilog.version import __version__

RejectSink = Callable[[pl.DataFrame], None]
"""Takes rejects as they are found; columns source, line_number, line, reason."""

_FOLD_AT = 8
"""So many partial results wait before they are merged."""


def build(
    sources: Sequence[str | os.PathLike[str]],
    options: ReportOptions,
    *,
    progress: Progress | None = None,
    rejects: RejectSink | None = None,
) -> Report:
    """The report on these sources.

    An input that can't be read has its `error` in `report.input.files`; the others are
    reported. Raises `UsageError` for options that can't be understood, before reading.
    """
    plan = options.plan()
    wanted, choice = options.wanted(plan.columns), options.choice()
    run: Run[Partial] = Run(
        sources,
        wanted,
        lambda records: partial(plan, records),
        choice=choice,
        progress=progress,
        within=(plan.since, plan.until),
    )
    unread = _Unread(rejects)
    finished = finish(plan, _folded(plan, run, unread))
    read = summary(run.files)
    return Report(
        version=__version__,
        command="report",
        since=finished.since,
        until=finished.until,
        input=read,
        tables=finished.tables,
        bucket=finished.bucket,
        timezone=options.tz,
        notes=(*unread.notes(read), *unread.mistaken(read, choice)),
    )


def nothing_read(report: Report) -> bool:
    """Whether there were inputs and not one of them could be opened and understood."""
    files = report.input.files
    return bool(files) and all(file.error and not file.is_damaged for file in files)


def _folded(plan: Plan, run: Run[Partial], unread: _Unread) -> Partial:
    waiting: list[Partial] = []
    for result in run.results():
        unread.add(result.rejects)
        waiting.append(result.value)
        if len(waiting) == _FOLD_AT:
            waiting = [merge(plan, waiting)]
    return merge(plan, waiting)


class _Unread:
    """The lines that could not be read: passed on, and told of in notes."""

    def __init__(self, sink: RejectSink | None) -> None:
        self._sink = sink
        self._first: dict[str, str] = {}

    def add(self, rejects: pl.DataFrame) -> None:
        """Take the rejects of some chunks."""
        if not rejects.height:
            return
        if self._sink:
            self._sink(rejects)
        firsts = rejects.unique("source", keep="first", maintain_order=True)
        self._first = dict(firsts.select("source", "line").iter_rows()) | self._first

    def notes(self, read: InputSummary) -> Iterator[str]:
        """How many they are."""
        if read.rejects:
            told = f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read"
            yield told if self._sink else f"{told}; --rejects FILE keeps them"

    def mistaken(self, read: InputSummary, choice: Choice | None) -> Iterator[str]:
        """Why the chosen format reads not one line of a file; told of the first such file."""
        for file in read.files:
            if choice and not file.records and (line := self._first.get(file.path)) is not None:
                if why := where_it_stops(choice, line):
                    yield f"no line of {file.path} is in the given format: {why}"
                return

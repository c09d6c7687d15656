"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import polars as pl

from apilog.aggregate import Partial, Plan, finish, merge, partial
from apilog.engines.inputs import summary
from apilog.engines.local import Progress, Run
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
    wanted = options.wanted(plan.columns)
    run: Run[Partial] = Run(
        sources,
        wanted,
        lambda records: partial(plan, records),
        choice=options.choice(),
        progress=progress,
    )
    finished = finish(plan, _folded(plan, run, rejects))
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
        notes=_notes(read, kept=rejects is not None),
    )


def nothing_read(report: Report) -> bool:
    """Whether there were inputs and not one of them could be opened and understood."""
    files = report.input.files
    return bool(files) and all(file.error and not file.is_damaged for file in files)


def _folded(plan: Plan, run: Run[Partial], rejects: RejectSink | None) -> Partial:
    waiting: list[Partial] = []
    for result in run.results():
        if rejects and result.rejects.height:
            rejects(result.rejects)
        waiting.append(result.value)
        if len(waiting) == _FOLD_AT:
            waiting = [merge(plan, waiting)]
    return merge(plan, waiting)


def _notes(read: InputSummary, *, kept: bool) -> tuple[str, ...]:
    """What the reader should know; `kept` tells that rejects are written somewhere."""
    if not read.rejects:
        return ()
    unread = f"{read.rejects:,} of {read.rejects + read.records:,} lines could not be read"
    return (unread if kept else f"{unread}; --rejects FILE keeps them",)

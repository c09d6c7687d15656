"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import polars as pl

from apilog.aggregate import Finished, Partial, Plan, finish, merge, partial
from apilog.engines.inputs import FileAccount, summary
from apilog.engines.local import Progress, Run
from apilog.model import Report
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
        sources, wanted, lambda records: partial(plan, records), choice=options.choice(),
        progress=progress,
    )
    finished = finish(plan, _folded(plan, run, rejects))
    return Report(
        version=__version__,
        command="report",
        since=finished.since,
        until=finished.until,
        input=summary(run.files),
        tables=finished.tables,
        bucket=finished.bucket,
        timezone=options.tz,
        notes=tuple(_notes(run.files)),
    )


def _folded(plan: Plan, run: Run[Partial], rejects: RejectSink | None) -> Partial:
    waiting: list[Partial] = []
    for result in run:
        if rejects and result.rejects.height:
            rejects(result.rejects)
        waiting.append(result.value)
        if len(waiting) == _FOLD_AT:
            waiting = [merge(plan, waiting)]
    return merge(plan, waiting)


def _notes(files: list[FileAccount]) -> list[str]:
    notes = []
    read = sum(f.records for f in files)
    rejects = sum(f.rejects for f in files)
    if rejects:
        notes.append(
            f"{rejects:,} of {rejects + read:,} lines could not be read; --rejects FILE keeps them"
        )
    return notes

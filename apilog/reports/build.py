"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing

from apilog.aggregate import Partial, Plan, finish, merge, partial
from apilog.engines.local import Progress
from apilog.model import Report
from apilog.reports.options import ReportOptions
from apilog.reports.passes import Pass, RejectSink
from apilog.version import __version__

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
    reading = Pass(
        sources,
        options,
        plan.columns,
        lambda records: partial(plan, records),
        progress=progress,
        within=(plan.since, plan.until),
        rejects=rejects,
    )
    with closing(reading.results()) as states:
        finished = finish(plan, _folded(plan, states))
    return Report(
        version=__version__,
        command="report",
        since=finished.since,
        until=finished.until,
        input=reading.input,
        tables=finished.tables,
        bucket=finished.bucket,
        timezone=options.tz,
        notes=reading.notes,
    )


def nothing_read(report: Report) -> bool:
    """Whether there were inputs and not one of them could be opened and understood."""
    files = report.input.files
    return bool(files) and all(file.error and not file.is_damaged for file in files)


def _folded(plan: Plan, states: Iterable[Partial]) -> Partial:
    waiting: list[Partial] = []
    for state in states:
        waiting.append(state)
        if len(waiting) == _FOLD_AT:
            waiting = [merge(plan, waiting)]
    return merge(plan, waiting)

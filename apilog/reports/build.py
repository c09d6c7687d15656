"""From sources to a finished report: read, aggregate, account."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

from apilog.aggregate import finish, merge, merge_in_batches, partial
from apilog.engine.local import Progress
from apilog.report_model import Report
from apilog.reports.options import ReportOptions
from apilog.reports.source_pass import RejectSink, SourcePass
from apilog.version import __version__


def build_report(
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
    plan = options.make_plan()
    reading = SourcePass(
        sources,
        options,
        plan.columns,
        lambda records: partial(plan, records),
        progress=progress,
        window=plan.window,
        rejects=rejects,
    )
    with closing(reading.iter_results()) as states:
        finished = finish(plan, merge_in_batches(states, lambda batch: merge(plan, batch)))
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


def read_nothing(report: Report) -> bool:
    """Whether there were inputs and not one of them could be opened and understood."""
    files = report.input.files
    return bool(files) and all(file.error and not file.is_damaged for file in files)

"""`apilog report`: build a report, draw it, give the exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace

import typer

import apilog
from apilog.cli.lifecycle import RunFlags, finish_report, refuse_same_file
from apilog.cli.options import (
    ChartTheme,
    ChartWidth,
    CsvDialect,
    Raw,
    ReportFormat,
    Sources,
    TableChoice,
    Top,
)
from apilog.cli.streams import OutputTarget
from apilog.options import ReportOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTarget(OutputTarget):
    """Where the report goes."""

    format: ReportFormat = "table"
    table: TableChoice = ()
    raw: Raw = False
    csv_dialect: CsvDialect = "rfc4180"
    theme: ChartTheme = None
    width: ChartWidth = None
    top: Top = None


def report(sources: Sources, read: ReportOptions, target: ReportTarget, run: RunFlags) -> None:
    """Report usage, errors, latency and endpoints of access logs.

    Sources that can't be read are named on stderr and the others reported, with exit code 2;
    if none can be read, no report is written.
    """
    from apilog.reports import make_plan, plan_own_report

    read = replace(read, tables=target.tables, for_page=target.format == "html")
    if target.format == "table" and not target.tables and read.report is None:
        # Each ranking shows so many rows of its own: the slowest of all, not of the busiest few.
        read = replace(read, top=None)
    if read.report is None:
        target.check(spec.name for spec in make_plan(read).tables)
    else:
        read = replace(read, tables=[*target.table] or None)
        names = [table.layout.name for table in plan_own_report(read).tables]
        target.check(names, is_own=True)
    refuse_same_file(target, run.rejects)
    with run.open_hooks(force=target.force) as hooks:
        built = apilog.report(sources, **replace(read, **hooks).as_arguments())
    raise typer.Exit(finish_report(built, target, run))

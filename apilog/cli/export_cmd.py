"""`apilog export`: keep a folder of reports up to date, say what was done, give the exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer

import apilog
from apilog.cli import streams
from apilog.cli.completion import complete_table
from apilog.cli.lifecycle import RunFlags, report_input_errors
from apilog.cli.options import Choices, Raw, Sources
from apilog.options import ExportOptions
from apilog.render import OUTPUTS
from apilog.time import PeriodLength


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFlags(ExportOptions):
    """What is exported, and how."""

    every: Annotated[
        PeriodLength, typer.Option(help="How long a period is; each gets a folder.")
    ] = PeriodLength.DAY
    format: Annotated[
        str,
        typer.Option("--format", "-f", help="A file for each table; html, json: one for all."),
        Choices([o.name for o in OUTPUTS.values() if o.name != "table"]),
    ] = "csv"
    closed_only: Annotated[
        bool, typer.Option("--closed-only", help="Leave out periods that are not over yet.")
    ] = False
    raw: Raw = False
    force: Annotated[
        bool,
        typer.Option("--force", help="Take other options than before, and fewer requests."),
    ] = False


def export(
    sources: Sources,
    to: Annotated[
        str,
        typer.Option(
            metavar="DIR|URL", help="The folder to keep up to date; made if it is missing."
        ),
    ],
    read: ExportFlags,
    run: RunFlags,
    table: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_table,
            help="Only this table; may be repeated.",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Remove periods that ended longer ago, such as 90d."),
    ] = None,
) -> None:
    """Keep a folder of reports, one per day, up to date; safe to run again, as from cron.

    Only periods that changed are written anew, and each appears whole or not at all. Sources
    that can't be read are named on stderr and the others exported, with exit code 2.
    """
    from apilog.text.units import parse_duration

    read = replace(read, tables=table, keep=None if keep is None else parse_duration(keep))
    with run.open_hooks(force=read.force) as hooks:
        summary = apilog.export(sources, to=to, **replace(read, **hooks).as_arguments())
    code = report_input_errors(summary.report, run)
    if not run.quiet:
        for text in summary.notes:
            streams.note(text)
        streams.show(summary.format_line())
    raise typer.Exit(code)

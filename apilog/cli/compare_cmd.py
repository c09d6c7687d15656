"""`apilog compare`: measure both sides, draw the differences, give the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

import apilog
from apilog.cli.completion import complete_from, complete_metric
from apilog.cli.lifecycle import RunFlags, errors_as_verdicts, finish_report, refuse_same_file
from apilog.cli.options import ANY_VERDICTS, Top
from apilog.cli.streams import ExitCode, OutputTarget
from apilog.options import CompareOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareFlags(CompareOptions):
    """What is compared, and how."""

    split: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=A,B", help="The sides are two values of a column, such as host=a,b."
        ),
    ] = None
    a: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The sides are two times of the sources: this one, such as "
            "2026-11-01..2026-11-07 or yesterday, and that of --b.",
        ),
    ] = None
    b: Annotated[
        str | None, typer.Option(metavar="TIME", help="The other time, such as today or 24h.")
    ] = None
    metrics: Annotated[
        Sequence[str],
        typer.Option(
            "--metric",
            "-m",
            metavar="METRIC",
            autocompletion=complete_metric,
            help="A metric to compare; may be repeated. Default: error rates and latencies.",
        ),
    ] = ()
    min_requests: Annotated[
        int, typer.Option(min=0, help="With fewer requests on a side nothing is decided.")
    ] = 100
    confidence: Annotated[
        float, typer.Option(help="How sure a difference has to be, in either direction.")
    ] = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareTarget(OutputTarget):
    """Where the comparison goes."""

    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="How to draw the comparison. Default: as the name of --output says, else table.",
        ),
        ANY_VERDICTS,
    ] = "table"
    table: Annotated[
        Sequence[str],
        typer.Option(
            "--table",
            metavar="NAME",
            autocompletion=complete_from("comparison", "changed"),
            help="Only this table: comparison or changed; may be repeated.",
        ),
    ] = ()
    top: Top = None


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="A B | SOURCES...",
            help="The two sides; with --split any log files, directories, globs, or -.",
            show_default=False,
        ),
    ],
    read: CompareFlags,
    target: CompareTarget,
    run: RunFlags,
) -> None:
    """Compare two sets of sources, or two values of a column, metric by metric.

    The exit code is 0 whatever the difference is, and 3 if there is too little data to tell.
    """
    from apilog.report_model import CheckState

    target.check(("comparison", "changed"))
    refuse_same_file(target, run.rejects)
    with errors_as_verdicts("compare", target), run.open_hooks(force=target.force) as hooks:
        compared = apilog.compare(sources, **replace(read, **hooks).as_arguments())
    code = finish_report(compared.report, target, run)
    is_open = compared.state is CheckState.INCONCLUSIVE
    raise typer.Exit(ExitCode.INCONCLUSIVE if is_open and code is ExitCode.OK else code)

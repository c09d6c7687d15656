"""`apilog query`: parse, run the SELECT, draw its rows, exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options
from apilog.cli.report_cmd import ReportFormat
from apilog.cli.target import OutputTarget

if TYPE_CHECKING:
    from apilog.options import QueryOptions
    from apilog.report_model import Report


SQL = Annotated[
    str,
    typer.Argument(metavar="SQL", help="One SELECT over the table `requests`.", show_default=False),
]


def query(
    sql: SQL,
    sources: options.Sources,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    since: options.Since = None,
    until: options.Until = None,
    tz: options.Tz = "UTC",
    route: options.Route = None,
    keep_query: options.KeepQuery = False,
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
    format: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="How to draw the rows.")
    ] = ReportFormat.TABLE,
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave CSV cells as they are, formulas too.")
    ] = False,
    output: options.Output = None,
    force: options.Force = False,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Run a SELECT of SQL over the requests of access logs.

    The table `requests` has the columns of `apilog schema`; only those that the query needs are
    parsed. Sources that can't be read are told on stderr, with exit code 2.
    """
    from apilog.cli.lifecycle import finish_report
    from apilog.options import QueryOptions

    asked = QueryOptions(
        log_format=log_format,
        nginx_conf=nginx_conf,
        since=since,
        until=until,
        tz=tz,
        routes=route or (),
        keep_query=keep_query,
        anonymize_ip=anonymize_ip,
        hash_consumers=hash_consumers,
    )
    target = OutputTarget(output=output, format=format.value, force=force, raw=raw)
    report = _run_query(sql, sources, asked, target, shown=not (quiet or no_progress))
    raise typer.Exit(finish_report(report, target, strict=strict, quiet=quiet))


def _run_query(
    sql: str, sources: list[str], asked: QueryOptions, target: OutputTarget, *, shown: bool
) -> Report:
    from apilog.cli.lifecycle import end_reads_on_interrupt
    from apilog.cli.progress import progress_bar
    from apilog.reports.query import RESULT, run_query

    end_reads_on_interrupt()
    target.check([RESULT])
    with progress_bar(shown=shown) as progress:
        return run_query(sql, sources, replace(asked, progress=progress)).if_read()

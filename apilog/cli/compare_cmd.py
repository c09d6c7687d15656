"""`apilog compare`: parse, measure both sides, draw, exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

import apilog
from apilog.cli import options
from apilog.cli.check_cmd import VerdictFormat, write_job_summary
from apilog.cli.streams import ExitCode
from apilog.cli.target import OutputTarget

if TYPE_CHECKING:
    from apilog.checks.compare import ComparisonResult


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="A B | SOURCES...",
            help="The two sides; with --split any log files, directories, globs, or -.",
            show_default=False,
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=A,B", help="The sides are two values of a column, such as host=a,b."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="METRIC",
            help="A metric to compare; may be repeated. Default: error rates and latencies.",
        ),
    ] = None,
    min_requests: Annotated[
        int, typer.Option(min=0, help="Fewer requests on a side decide nothing.")
    ] = 100,
    confidence: Annotated[
        float, typer.Option(help="How sure a difference has to be, on both sides of none.")
    ] = 0.99,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    since: options.Since = None,
    until: options.Until = None,
    where: options.Where = None,
    tz: options.Tz = "UTC",
    route: options.Route = None,
    max_routes: options.MaxRoutes = 1000,
    keep_query: options.KeepQuery = False,
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
    format: Annotated[
        VerdictFormat, typer.Option("--format", "-f", help="How to draw the comparison.")
    ] = VerdictFormat.TABLE,
    table: Annotated[
        str | None, typer.Option(help="The one table to draw: comparison or changed.")
    ] = None,
    top: options.Top = None,
    output: options.Output = None,
    force: options.Force = False,
    rejects: options.Rejects = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Compare two sets of sources, or two values of a column, metric by metric.

    Exit code 0 whatever the difference is; 3 if there is too little data to tell any.
    """
    from apilog.cli.lifecycle import read_hooks, refuse_same_file, report_notes
    from apilog.options import CompareOptions

    target = OutputTarget(output=output, format=format.value, force=force, table=table, top=top)
    target.check(("comparison", "changed"))
    refuse_same_file(target, rejects)
    with read_hooks(rejects, force=force, shown=not (quiet or no_progress)) as hooks:
        asked = CompareOptions(
            split=split,
            metrics=metric or (),
            min_requests=min_requests,
            confidence=confidence,
            log_format=log_format,
            nginx_conf=nginx_conf,
            since=since,
            until=until,
            tz=tz,
            where=where,
            routes=route or (),
            max_routes=max_routes,
            keep_query=keep_query,
            anonymize_ip=anonymize_ip,
            hash_consumers=hash_consumers,
            **hooks,
        )
        compared = apilog.compare(sources, **asked.as_arguments())
    target.write(compared.report)
    if format is VerdictFormat.GITHUB:
        write_job_summary(compared.report)
    report_notes(compared.report, target, strict=strict, quiet=quiet)
    raise typer.Exit(_compare_exit_code(compared, strict=strict))


def _compare_exit_code(compared: ComparisonResult, *, strict: bool) -> ExitCode:
    from apilog.cli.lifecycle import input_exit_code
    from apilog.report_model import CheckState

    code = input_exit_code(compared.report, strict=strict)
    if code is ExitCode.OK and compared.state is CheckState.INCONCLUSIVE:
        return ExitCode.INCONCLUSIVE
    return code

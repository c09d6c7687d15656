"""`apilog compare`: parse, measure both sides, draw, exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options
from apilog.cli.check_cmd import VerdictFormat, write_job_summary
from apilog.cli.lifecycle import MeasureCommandOptions, parse_window, stop_if_nothing_read
from apilog.cli.streams import ExitCode
from apilog.cli.target import OutputTarget
from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.checks.compare import ColumnSplit, CompareOptions, ComparisonResult


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
    from apilog.checks import DecisionPolicy
    from apilog.checks.compare import CompareOptions, parse_metrics
    from apilog.cli.lifecycle import refuse_same_file, report_notes

    parted = _parse_sides(split, sources)
    metrics = parse_metrics(metric or ())
    policy = DecisionPolicy(min_requests=min_requests, confidence=confidence)
    window = parse_window(since, until, tz)
    target = OutputTarget(output=output, format=format.value, force=force, table=table, top=top)
    target.check(("comparison", "changed"))
    refuse_same_file(target, rejects)
    asked = MeasureCommandOptions(
        log_format=log_format,
        nginx_conf=nginx_conf,
        where=where,
        routes=route or (),
        max_routes=max_routes,
        rejects=rejects,
        force=force,
        no_progress=quiet or no_progress,
    )
    with asked.reading() as reading:
        compared = _compare_sides(
            sources,
            parted,
            CompareOptions(metrics=metrics, window=window, policy=policy, reading=reading, tz=tz),
        )
        stop_if_nothing_read(compared.report, strict=strict, quiet=quiet)
    target.write(compared.report)
    if format is VerdictFormat.GITHUB:
        write_job_summary(compared.report)
    report_notes(compared.report, target, strict=strict, quiet=quiet)
    raise typer.Exit(_compare_exit_code(compared, strict=strict))


def _parse_sides(text: str | None, sources: list[str]) -> ColumnSplit | None:
    from apilog.checks.compare import parse_split

    if text is not None:
        return parse_split(text)
    if len(sources) != 2:
        raise UsageError(
            f"compare takes two sources, not {len(sources)}",
            "give a folder or glob for each side in quotes, or --split COLUMN=a,b",
        )
    if sources[0] == sources[1]:
        raise UsageError("both sides are the same", "give another source for one of them")
    return None


def _compare_sides(
    sources: list[str], split: ColumnSplit | None, asked: CompareOptions
) -> ComparisonResult:
    from apilog.checks.compare import compare_sources as both
    from apilog.checks.compare import compare_split

    if split:
        return compare_split(sources, split, asked)
    return both(sources[:1], sources[1:], asked)


def _compare_exit_code(compared: ComparisonResult, *, strict: bool) -> ExitCode:
    from apilog.cli.lifecycle import input_exit_code
    from apilog.report_model import CheckState

    code = input_exit_code(compared.report, strict=strict)
    if code is ExitCode.OK and compared.state is CheckState.INCONCLUSIVE:
        return ExitCode.INCONCLUSIVE
    return code

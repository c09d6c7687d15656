"""`apilog baseline`: parse, measure, save, exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apilog.cli import options, streams
from apilog.cli.lifecycle import MeasureCommandOptions, parse_window, stop_if_nothing_read
from apilog.cli.target import OutputTarget
from apilog.errors import InputError


def baseline(
    sources: options.Sources,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file."),
    ] = None,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    since: options.Since = None,
    until: options.Until = None,
    where: options.Where = None,
    tz: options.Tz = "UTC",
    route: options.Route = None,
    max_routes: options.MaxRoutes = 1000,
    force: options.Force = False,
    rejects: options.Rejects = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Save what `apilog check --baseline` compares with: counts by endpoint, status and latency.

    The file is JSON and holds no addresses, consumers or paths.
    """
    from apilog.checks.baseline import make_baseline
    from apilog.checks.baseline_file import format_baseline
    from apilog.cli.lifecycle import input_exit_code, refuse_same_file, report_notes

    window = parse_window(since, until, tz)
    target = OutputTarget(
        output=None if output is None else str(output), format="json", force=force
    )
    streams.check_target(output, force=force)
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
        made = make_baseline(sources, window, reading)
        stop_if_nothing_read(made.report, strict=strict, quiet=quiet)
    if not made.baseline.total:
        raise InputError(
            "there is no request to make a baseline of", "choose another time or other sources"
        )
    with streams.open_output(output, force=force) as stream:
        stream.write(format_baseline(made.baseline).encode())
    report_notes(made.report, target, strict=strict, quiet=quiet)
    raise typer.Exit(input_exit_code(made.report, strict=strict))

"""`apilog baseline`: parse, measure, save, exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apilog.cli import options, streams
from apilog.cli.checking import ReadOptions, stop_if_nothing_read, window_of
from apilog.cli.target import Target
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
    from apilog.checks.baseline_file import baseline_text
    from apilog.checks.save import make_baseline
    from apilog.cli.outcome import exit_code, tell
    from apilog.cli.rejects import check_apart

    window = window_of(since, until, tz)
    target = Target(output=None if output is None else str(output), format="json", force=force)
    streams.check_target(output, force=force)
    check_apart(target, rejects)
    asked = ReadOptions(
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
        stream.write(baseline_text(made.baseline).encode())
    tell(made.report, target, strict=strict, quiet=quiet)
    raise typer.Exit(exit_code(made.report, strict=strict))

"""`apilog baseline`: parse, measure, save, exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import apilog
from apilog.cli import options, streams
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
    keep_query: options.KeepQuery = False,
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
    force: options.Force = False,
    rejects: options.Rejects = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Save what `apilog check --baseline` compares with: counts by endpoint, status and latency.

    The file is JSON and holds no addresses, consumers or paths.
    """
    from apilog.cli.lifecycle import (
        input_exit_code,
        read_hooks,
        refuse_same_file,
        report_notes,
    )
    from apilog.options import ReadOptions

    target = OutputTarget(
        output=None if output is None else str(output), format="json", force=force
    )
    streams.check_target(output, force=force)
    refuse_same_file(target, rejects)
    with read_hooks(rejects, force=force, shown=not (quiet or no_progress)) as hooks:
        asked = ReadOptions(
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
        made = apilog.baseline(sources, **asked.as_arguments())
    if not made.baseline.total:
        raise InputError(
            "there is no request to make a baseline of", "choose another time or other sources"
        )
    with streams.open_output(output, force=force) as stream:
        stream.write(made.text.encode())
    report_notes(made.report, target, strict=strict, quiet=quiet)
    raise typer.Exit(input_exit_code(made.report, strict=strict))

"""`apilog baseline`: measure, save, give the exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import apilog
from apilog.cli import streams
from apilog.cli.lifecycle import RunFlags, refuse_same_file, report_outcome
from apilog.cli.options import Force, Sources
from apilog.cli.streams import OutputTarget
from apilog.errors import InputError
from apilog.options import MetricOptions


def baseline(
    sources: Sources,
    read: MetricOptions,
    run: RunFlags,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file."),
    ] = None,
    force: Force = False,
) -> None:
    """Save what `apilog check --baseline` compares with: counts by endpoint, status and latency.

    The file is JSON and holds no addresses, consumers or paths.
    """
    target = OutputTarget(
        output=None if output is None else str(output), format="json", force=force
    )
    streams.check_target(output, force=force)
    refuse_same_file(target, run.rejects)
    with run.open_hooks(force=force) as hooks:
        result = apilog.baseline(sources, **replace(read, **hooks).as_arguments())
    if not result.baseline.total:
        raise InputError(
            "there is no request to make a baseline of", "choose another time or other sources"
        )
    with streams.open_output(output, force=force) as stream:
        stream.write(result.text.encode())
    raise typer.Exit(report_outcome(result.report, target, run))

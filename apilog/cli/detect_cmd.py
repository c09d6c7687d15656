"""`apilog detect`: which format a file is, what it lacks, and what would add it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import apilog
from apilog.cli import options, streams
from apilog.cli.streams import ExitCode
from apilog.cli.target import is_terminal


class DetectFormat(StrEnum):
    """How the findings are drawn."""

    TABLE = "table"
    JSON = "json"


def detect(
    files: options.Sources,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    format: Annotated[
        DetectFormat, typer.Option("--format", "-f", help="How to draw the findings.")
    ] = DetectFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Tell the format of each file, what its lines lack, and how to log it."""
    from apilog.render.text.findings import draw_findings

    streams.check_target(output, force=force)
    detected = apilog.detect(files, log_format, nginx_conf=nginx_conf)
    if detected.files or format is DetectFormat.JSON:
        to_terminal = output is None and is_terminal()
        width = streams.width(to_terminal=to_terminal)
        color = to_terminal and streams.color()
        with streams.open_output(output, force=force) as stream:
            stream.write(
                draw_findings(detected.files, detected.errors, format.value, width, color=color)
            )
    for problem in detected.errors:
        streams.error(problem)
    raise typer.Exit(ExitCode.ERROR if detected.errors else ExitCode.OK)

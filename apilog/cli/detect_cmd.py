"""`apilog detect`: which format a file is, what it lacks, and what would add it."""

from __future__ import annotations

from typing import Annotated

import typer

import apilog
from apilog.cli import streams
from apilog.cli.lifecycle import report_unknown_files
from apilog.cli.options import TEXT_OR_JSON, Force, OutputFile, Sources
from apilog.cli.streams import is_terminal
from apilog.options import FormatOptions


def detect(
    files: Sources,
    read: FormatOptions,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="How to draw the findings. Default: as the name of --output says, else table.",
        ),
        TEXT_OR_JSON,
    ] = "table",
    output: OutputFile = None,
    force: Force = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 2 for files of folders that are no logs, too."),
    ] = False,
) -> None:
    """Tell the format of each file, what its lines lack, and how to log it.

    Files of a folder that are no logs are noted, beside others that are.
    """
    from apilog.render.text.findings import draw_findings

    streams.check_target(output, force=force)
    detected = apilog.detect(files, **read.as_arguments())
    if detected.files or format == "json":
        to_terminal = output is None and is_terminal()
        width = streams.width(to_terminal=to_terminal)
        color = streams.color(to_terminal=to_terminal)
        with streams.open_output(output, force=force) as stream:
            stream.write(draw_findings(detected.files, detected.errors, format, width, color=color))
    raise typer.Exit(report_unknown_files(detected, strict=strict))

"""`apilog openapi`: write a first specification of what is called."""

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
from apilog.options import OpenApiOptions


def openapi(
    sources: Sources,
    read: OpenApiOptions,
    run: RunFlags,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write to this file; JSON if it ends in .json."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write an OpenAPI 3.1 skeleton of what is called: paths, parameters, methods, statuses.

    It has no values of parameters; the names of query parameters with --keep-query.
    """
    name = None if output is None else str(output)
    target = OutputTarget(output=name, format="json", force=force)
    streams.check_target(output, force=force)
    refuse_same_file(target, run.rejects)
    with run.open_hooks(force=force) as hooks:
        result = apilog.openapi(sources, **replace(read, **hooks).as_arguments())
    is_json = output is not None and output.suffix.lower() == ".json"
    text = result.json if is_json else result.text
    with streams.open_output(output, force=force) as stream:
        stream.write(text.encode("utf-8", "replace"))
    raise typer.Exit(report_outcome(result.report, target, run))

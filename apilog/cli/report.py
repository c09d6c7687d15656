"""`apilog report`: parse, build, draw, exit code."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options, streams
from apilog.cli.streams import ExitCode

if TYPE_CHECKING:
    from apilog.model import Report
    from apilog.outputs import OutputOptions


class ReportFormat(StrEnum):
    """How a report is drawn."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    MD = "md"
    PARQUET = "parquet"


def report(
    sources: options.Sources,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    since: options.Since = None,
    until: options.Until = None,
    where: options.Where = None,
    by: options.By = None,
    bucket: options.Bucket = None,
    top: options.Top = None,
    tz: options.Tz = "UTC",
    route: options.Route = None,
    max_routes: options.MaxRoutes = 1000,
    keep_query: options.KeepQuery = False,
    format: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="How to draw the report.")
    ] = ReportFormat.TABLE,
    table: Annotated[
        str | None,
        typer.Option(help="The one table to draw; csv, md, ndjson and parquet hold one."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave CSV cells as they are, formulas too.")
    ] = False,
    output: options.Output = None,
    force: options.Force = False,
    rejects: options.Rejects = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Report usage, errors, latency and endpoints of access logs."""
    from apilog.cli.progress import watched
    from apilog.cli.rejects import writing
    from apilog.outputs import OutputOptions
    from apilog.reports import ReportOptions, build

    streams.check_target(_file(output), force=force)
    asked = ReportOptions(
        log_format=log_format,
        nginx_conf=nginx_conf,
        since=since,
        until=until,
        where=where,
        by=[column for text in by or [] for column in text.split(",")],
        bucket=bucket,
        top=top,
        tz=tz,
        routes=route or (),
        max_routes=max_routes,
        keep_query=keep_query,
    )
    with (
        writing(rejects, force=force) as sink,
        watched(shown=not (quiet or no_progress)) as progress,
    ):
        built = build(sources, asked, progress=progress, rejects=sink)
    to_terminal = output is None and sys.stdout is not None and sys.stdout.isatty()
    drawing = OutputOptions(
        table=table,
        width=streams.width(),
        color=to_terminal and streams.color(),
        top=top,
        raw=raw,
    )
    _draw(built, format, output, drawing, force)
    _tell(built, quiet=quiet, drawn=format is ReportFormat.TABLE)
    raise typer.Exit(_exit_code(built, strict=strict))


def _file(output: str | None) -> Path | None:
    return None if output is None or _is_directory(output) else Path(output)


def _is_directory(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir()


def _draw(
    built: Report, format: ReportFormat, output: str | None, drawing: OutputOptions, force: bool
) -> None:
    from apilog.outputs import OUTPUTS, write_directory

    if output is not None and _is_directory(output):
        write_directory(built, Path(output), format.value, drawing, force)
        return
    with streams.open_output(_file(output), force=force) as stream:
        OUTPUTS[format.value].write(built, stream, drawing)


def _tell(built: Report, *, quiet: bool, drawn: bool) -> None:
    """Errors always; notes unless the report shows them itself or nobody wants them."""
    for file in built.input.files:
        if file.error and not file.is_damaged:
            streams.error(f"{file.path}: {file.error}", file.hint)
        elif file.error and not quiet:
            streams.note(f"{file.path}: {file.error}; what stands before the damage was read")
    if not (quiet or drawn):
        for text in built.notes:
            streams.note(text)


def _exit_code(built: Report, *, strict: bool) -> ExitCode:
    files = built.input.files
    failed = any(f.error and not f.is_damaged for f in files)
    flawed = built.input.rejects or any(f.error for f in files)
    return ExitCode.ERROR if failed or (strict and flawed) else ExitCode.OK

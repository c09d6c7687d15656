"""`apilog export`: parse, export, tell, exit code."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

import apilog
from apilog.cli import options, streams
from apilog.time import PeriodLength

if TYPE_CHECKING:
    from apilog.exports import ExportSummary


class ExportFormat(StrEnum):
    """How each period is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    MD = "md"
    PARQUET = "parquet"
    JSON = "json"


def export(
    sources: options.Sources,
    to: Annotated[
        str,
        typer.Option(
            metavar="DIR|URL", help="The folder to keep up to date; made if it is missing."
        ),
    ],
    every: Annotated[
        PeriodLength, typer.Option(help="How long a period is; each gets a folder.")
    ] = PeriodLength.DAY,
    format: Annotated[
        ExportFormat,
        typer.Option("--format", "-f", help="A file for each table; json: one file for all."),
    ] = ExportFormat.CSV,
    table: Annotated[
        list[str] | None, typer.Option(help="Only this table; may be repeated.")
    ] = None,
    closed_only: Annotated[
        bool, typer.Option("--closed-only", help="Leave out periods that are not over yet.")
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Remove periods that ended longer ago, such as 90d."),
    ] = None,
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
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave CSV cells as they are, formulas too.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Take other options than before, and fewer requests."),
    ] = False,
    rejects: options.Rejects = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Keep a folder of reports, one a day, up to date; safe to run again, as from cron.

    Only periods that changed are written anew, and each appears whole or not at all. Sources
    that can't be read are told on stderr and the others exported, with exit code 2.
    """
    from apilog.cli.lifecycle import input_exit_code, read_hooks
    from apilog.options import ExportOptions
    from apilog.text.units import parse_duration

    with read_hooks(rejects, force=force, shown=not (quiet or no_progress)) as hooks:
        asked = ExportOptions(
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
            by=[column.strip() for text in by or () for column in text.split(",")],
            bucket=bucket,
            top=top,
            tables=table,
            every=every,
            format=format.value,
            raw=raw,
            closed_only=closed_only,
            keep=parse_duration(keep) if keep is not None else None,
            force=force,
            **hooks,
        )
        done = apilog.export(sources, to=to, **asked.as_arguments())
    _report_export(done, strict=strict, quiet=quiet)
    raise typer.Exit(input_exit_code(done.report, strict=strict))


def _report_export(done: ExportSummary, *, strict: bool, quiet: bool) -> None:
    from apilog.cli.lifecycle import report_input_errors

    report_input_errors(done.report, strict=strict, quiet=quiet)
    if quiet:
        return
    for text in done.notes:
        streams.note(text)
    streams.show(done.format_line())

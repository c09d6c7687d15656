"""`apilog export`: parse, export, tell, exit code."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options, streams
from apilog.window import Every

if TYPE_CHECKING:
    from apilog.export import Exported


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
        Every, typer.Option(help="How long a period is; each gets a folder.")
    ] = Every.DAY,
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
    from apilog.cli.interrupts import heed_interrupts
    from apilog.cli.outcome import exit_code
    from apilog.cli.progress import watched
    from apilog.cli.rejects import writing
    from apilog.export import ExportOptions
    from apilog.export import export as bring_up_to_date
    from apilog.privacy import Privacy
    from apilog.reports import ReportOptions
    from apilog.units import parse_duration

    asked = ExportOptions(
        report=ReportOptions(
            log_format=log_format,
            nginx_conf=nginx_conf,
            since=since,
            until=until,
            where=where,
            by=[column.strip() for text in by or () for column in text.split(",")],
            bucket=bucket,
            top=top,
            tz=tz,
            routes=route or (),
            max_routes=max_routes,
            keep_query=keep_query,
            privacy=Privacy.of(anonymize_ip=anonymize_ip, hash_consumers=hash_consumers),
            tables=table,
        ),
        every=every,
        format=format.value,
        raw=raw,
        closed_only=closed_only,
        keep=parse_duration(keep) if keep is not None else None,
        force=force,
    )
    heed_interrupts()
    with (
        writing(rejects, force=force) as sink,
        watched(shown=not (quiet or no_progress)) as progress,
    ):
        done = bring_up_to_date(sources, to, asked, progress=progress, rejects=sink)
    _tell(done, strict=strict, quiet=quiet)
    raise typer.Exit(exit_code(done.report, strict=strict))


def _tell(done: Exported, *, strict: bool, quiet: bool) -> None:
    from apilog.cli.outcome import tell_errors

    tell_errors(done.report, strict=strict, quiet=quiet)
    if quiet:
        return
    for text in done.notes:
        streams.note(text)
    streams.show(done.line())

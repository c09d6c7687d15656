"""`apilog report`: parse, build, draw, exit code."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

import apilog
from apilog.cli import options
from apilog.cli.target import OutputTarget


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
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
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
    """Report usage, errors, latency and endpoints of access logs.

    Sources that can't be read are told on stderr and the others reported, with exit code 2;
    where none can be read, no report is written.
    """
    from apilog.cli.lifecycle import (
        input_exit_code,
        read_hooks,
        refuse_same_file,
        report_notes,
    )
    from apilog.options import ReportOptions
    from apilog.reports import make_plan

    target = OutputTarget(
        output=output, format=format.value, force=force, table=table, top=top, raw=raw
    )
    asked = ReportOptions(
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
        anonymize_ip=anonymize_ip,
        hash_consumers=hash_consumers,
        tables=target.tables,
    )
    target.check(spec.name for spec in make_plan(asked).tables)
    refuse_same_file(target, rejects)
    with read_hooks(rejects, force=force, shown=not (quiet or no_progress)) as hooks:
        built = apilog.report(sources, **replace(asked, **hooks).as_arguments())
    target.write(built)
    report_notes(built, target, strict=strict, quiet=quiet)
    raise typer.Exit(input_exit_code(built, strict=strict))

"""`apilog success`: parse, join accounts with calls, draw, exit code."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

import apilog
from apilog.cli import options
from apilog.cli.report_cmd import ReportFormat
from apilog.cli.target import OutputTarget


class CohortStep(StrEnum):
    """What accounts of one cohort have in common, and what a step of their age is."""

    WEEK = "week"
    MONTH = "month"


def success(
    sources: options.Sources,
    accounts: options.Accounts = None,
    accounts_query: options.AccountsQuery = None,
    as_of: options.AsOf = None,
    activation_calls: Annotated[
        int, typer.Option(min=1, help="So many successful calls make an account an active one.")
    ] = 10,
    cohort: Annotated[
        CohortStep, typer.Option(help="Retention of accounts that signed up in the same …")
    ] = CohortStep.WEEK,
    control: Annotated[
        str | None,
        typer.Option(metavar="VARIANT", help="What variants compare with. Default: the first."),
    ] = None,
    min_accounts: Annotated[
        int, typer.Option(min=1, help="No winner is called with fewer accounts in a variant.")
    ] = 100,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Tables for each value of a column of the accounts, or gateway; may be repeated.",
        ),
    ] = None,
    config: options.ConfigFile = None,
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
    """Tell whether developers succeed: join the calls in the logs with the accounts.

    Activation, bottlenecks, trials, revenue, plans, proofs of concept, retention, experiments.
    """
    from apilog.cli.lifecycle import (
        accounts_from_options,
        finish_report,
        read_hooks,
        refuse_same_file,
    )
    from apilog.config import load_config
    from apilog.developer_success import table_names
    from apilog.options import SuccessOptions

    target = OutputTarget(output=output, format=format.value, force=force, table=table, raw=raw)
    target.check(table_names(target.table))
    refuse_same_file(target, rejects)
    settings = load_config(config)
    with read_hooks(rejects, force=force, shown=not (quiet or no_progress)) as hooks:
        asked = SuccessOptions(
            **accounts_from_options(accounts, accounts_query, settings),
            goals=settings.goals,
            as_of=as_of,
            activation_calls=activation_calls,
            cohort=cohort.value,
            control=control,
            min_accounts=min_accounts,
            by=[column.strip() for text in by or () for column in text.split(",")],
            strict=strict,
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
        report = apilog.success(sources, **asked.as_arguments())
    raise typer.Exit(finish_report(report, target, strict=strict, quiet=quiet))

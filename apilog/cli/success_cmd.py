"""`apilog success`: join accounts with calls, draw the report, give the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

import apilog
from apilog.cli.lifecycle import RunFlags, accounts_from_options, finish_report, refuse_same_file
from apilog.cli.options import (
    Attribution,
    ChartTheme,
    ChartWidth,
    Choices,
    ConfigFile,
    CsvDialect,
    Raw,
    ReportFormat,
    Sources,
    Strict,
    TableChoice,
)
from apilog.cli.streams import OutputTarget
from apilog.options import SuccessOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessFlags(SuccessOptions):
    """How success is measured."""

    activation_calls: Annotated[
        int, typer.Option(min=1, help="The successful calls that make an account an active one.")
    ] = 10
    cohort: Annotated[
        str,
        typer.Option(help="Retention of accounts that signed up in the same …"),
        Choices(["week", "month"]),
    ] = "week"
    control: Annotated[
        str | None,
        typer.Option(metavar="VARIANT", help="What variants compare with. Default: the first."),
    ] = None
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="How large the variants were planned to be: 90:10, the control first, or "
            "control=90,new=10. Default: equally large.",
        ),
    ] = None
    min_accounts: Annotated[
        int, typer.Option(min=1, help="No winner is called with fewer accounts in a variant.")
    ] = 100
    by: Annotated[
        Sequence[str],
        typer.Option(
            metavar="COLUMN",
            help="Tables for each value of a column of the accounts, or gateway; may be repeated.",
        ),
    ] = ()
    strict: Strict = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessTarget(OutputTarget):
    """Where the report goes."""

    format: ReportFormat = "table"
    table: TableChoice = ()
    raw: Raw = False
    csv_dialect: CsvDialect = "rfc4180"
    theme: ChartTheme = None
    width: ChartWidth = None


def success(
    sources: Sources,
    read: SuccessFlags,
    target: SuccessTarget,
    run: RunFlags,
    attribution: Attribution = "30d",
    config: ConfigFile = None,
) -> None:
    """Tell whether developers succeed: join the calls in the logs with the accounts.

    Activation, bottlenecks, trials, revenue, plans, proofs of concept, retention, experiments.
    """
    from apilog.config import load_config
    from apilog.developer_success import table_names
    from apilog.errors import UsageError
    from apilog.text.units import parse_duration

    target.check(table_names(target.table))
    if target.draws_charts and read.by:
        raise UsageError("charts are of all accounts, not of groups", "leave out --by")
    refuse_same_file(target, run.rejects)
    settings = load_config(config)
    accounts = accounts_from_options(read.accounts, read.accounts_query, settings)
    read = replace(read, **accounts, goals=settings.goals, attribution=parse_duration(attribution))
    with run.open_hooks(force=target.force) as hooks:
        report = apilog.success(sources, **replace(read, **hooks).as_arguments())
    raise typer.Exit(finish_report(report, target, run))

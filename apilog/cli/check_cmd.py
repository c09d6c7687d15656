"""`apilog check`: parse, measure, evaluate, draw, exit code."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import apilog
from apilog.cli import options
from apilog.cli.lifecycle import accounts_from_options
from apilog.cli.streams import ExitCode
from apilog.cli.target import OutputTarget

if TYPE_CHECKING:
    from apilog.checks.check import CheckResult
    from apilog.config import ChecksConfig
    from apilog.report_model import Report


class VerdictFormat(StrEnum):
    """How verdicts are drawn."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    NDJSON = "ndjson"
    CSV = "csv"
    MD = "md"
    PARQUET = "parquet"


class InconclusivePolicy(StrEnum):
    """What too little data means for the exit code."""

    PASS = "pass"
    FAIL = "fail"
    OWN = "3"


_INCONCLUSIVE_CODES = {
    InconclusivePolicy.PASS: ExitCode.OK,
    InconclusivePolicy.FAIL: ExitCode.FAILED,
    InconclusivePolicy.OWN: ExitCode.INCONCLUSIVE,
}
_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file that GitHub shows on the page of a job."""


def check(
    sources: options.Sources,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            "-t",
            metavar="THRESHOLD",
            help='Such as "error_rate < 1%"; may be repeated, and adds to the configuration\'s.',
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with what `apilog baseline` saved."),
    ] = None,
    baseline_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Compare with this time of the same sources."),
    ] = None,
    baseline_until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Its end, exclusive. Default: where --since begins."),
    ] = None,
    min_requests: Annotated[
        int | None,
        typer.Option(min=0, help="Fewer requests decide nothing. Default: 100."),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(help="How sure a difference to the baseline has to be. Default: 0.99."),
    ] = None,
    inconclusive: Annotated[
        InconclusivePolicy | None,
        typer.Option(help="What too little data means for the exit code. Default: 3."),
    ] = None,
    alerts: Annotated[
        bool,
        typer.Option("--alerts", help="Evaluate the alerts of the configuration, as cron does."),
    ] = False,
    state: options.AlertState = None,
    accounts: options.Accounts = None,
    accounts_query: options.AccountsQuery = None,
    as_of: options.AsOf = None,
    min_accounts: Annotated[int, typer.Option(min=0, help="Fewer accounts decide nothing.")] = 20,
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
        VerdictFormat, typer.Option("--format", "-f", help="How to draw the results.")
    ] = VerdictFormat.TABLE,
    table: Annotated[
        str | None, typer.Option(help="The one table to draw: checks, worst or changed.")
    ] = None,
    output: options.Output = None,
    force: options.Force = False,
    rejects: options.Rejects = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Hold thresholds against access logs: exit code 0 if all hold, 1 if one failed.

    Thresholds are such as 'latency_p95{route="/orders"} < 300ms' or
    'error_rate <= baseline + 0.5pp for each route', and with --accounts also
    'trial_conversion_rate >= 20%'. Too little data to decide is exit code 3, never a pass. With
    --alerts the rules of the configuration are evaluated instead, each over its own last minutes,
    and those told who are to be: exit code 1 while one fires.
    """
    from apilog.cli.alerting import check_alerts, rules_to_check
    from apilog.cli.lifecycle import read_hooks, refuse_same_file, report_notes
    from apilog.config import load_config
    from apilog.options import CheckOptions, ReadOptions

    target = OutputTarget(output=output, format=format.value, force=force, table=table)
    read = ReadOptions(
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
    )
    shown = not (quiet or no_progress)
    if alerts or state:
        others: list[object] = [threshold, baseline, baseline_since, baseline_until, since]
        others += [min_requests, confidence, inconclusive]
        alone = alerts and all(option is None for option in others)
        rules = rules_to_check(config, state, target, alone=alone)
        refuse_same_file(target, rejects)
        with read_hooks(rejects, force=force, shown=shown) as hooks:
            code = check_alerts(
                sources, rules, replace(read, **hooks), target, strict=strict, quiet=quiet
            )
        raise typer.Exit(code)
    settings = load_config(config)
    is_earlier = baseline_since is not None or baseline_until is not None
    saved = baseline or (None if is_earlier else settings.checks.baseline)
    asked = read.convert_to(
        CheckOptions,
        thresholds=[*settings.checks.thresholds, *(threshold or ())],
        baseline=saved,
        baseline_since=baseline_since,
        baseline_until=baseline_until,
        as_of=as_of,
        min_accounts=min_accounts,
        **accounts_from_options(accounts, accounts_query, settings),
        **_decision(min_requests, confidence, settings.checks),
    )
    target.check(("checks", "worst", *(["changed"] if saved or is_earlier else [])))
    refuse_same_file(target, rejects)
    with read_hooks(rejects, force=force, shown=shown) as hooks:
        checked = apilog.check(sources, **replace(asked, **hooks).as_arguments())
    target.write(checked.report)
    if format is VerdictFormat.GITHUB:
        write_job_summary(checked.report)
    report_notes(checked.report, target, strict=strict, quiet=quiet)
    undecided = inconclusive or InconclusivePolicy(
        settings.checks.inconclusive or InconclusivePolicy.OWN
    )
    raise typer.Exit(_check_exit_code(checked, undecided, strict=strict))


def _decision(
    min_requests: int | None, confidence: float | None, settings: ChecksConfig
) -> dict[str, Any]:
    """Return the fields of options that are given, else configured."""
    given = {
        "min_requests": settings.min_requests if min_requests is None else min_requests,
        "confidence": settings.confidence if confidence is None else confidence,
    }
    return {name: value for name, value in given.items() if value is not None}


def write_job_summary(report: Report) -> None:
    """Add to the summary of a GitHub job, where there is one."""
    from apilog.render.text.github import job_summary

    if path := os.environ.get(_SUMMARY_VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(job_summary(report))


def _check_exit_code(
    checked: CheckResult, undecided: InconclusivePolicy, *, strict: bool
) -> ExitCode:
    from apilog.cli.lifecycle import input_exit_code
    from apilog.report_model import CheckState

    if code := input_exit_code(checked.report, strict=strict):
        return code
    match checked.state:
        case CheckState.FAIL:
            return ExitCode.FAILED
        case CheckState.INCONCLUSIVE:
            return _INCONCLUSIVE_CODES[undecided]
        case CheckState.PASS:
            return ExitCode.OK

"""`apilog check`: parse, measure, evaluate, draw, exit code."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options, success_checks
from apilog.cli.accounts import joined
from apilog.cli.checking import ReadOptions, stop_if_nothing_read
from apilog.cli.streams import ExitCode
from apilog.cli.target import Target
from apilog.cli.thresholds import baseline_of, policy_of, thresholds_of, windows_of

if TYPE_CHECKING:
    from apilog.checks import Measured, Threshold
    from apilog.checks.check import Checked
    from apilog.model import Report


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


class Inconclusive(StrEnum):
    """What too little data means for the exit code."""

    PASS = "pass"
    FAIL = "fail"
    OWN = "3"


_CODES = {
    Inconclusive.PASS: ExitCode.OK,
    Inconclusive.FAIL: ExitCode.FAILED,
    Inconclusive.OWN: ExitCode.INCONCLUSIVE,
}
_SUMMARY = "GITHUB_STEP_SUMMARY"
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
        Inconclusive | None,
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
    from apilog.checks.check import CheckOptions
    from apilog.checks.check import check as run
    from apilog.cli.alerting import check_alerts, rules_to_check
    from apilog.cli.outcome import tell
    from apilog.cli.rejects import check_apart
    from apilog.config import load

    asked = ReadOptions(
        log_format=log_format,
        nginx_conf=nginx_conf,
        where=where,
        routes=route or (),
        max_routes=max_routes,
        rejects=rejects,
        force=force,
        no_progress=quiet or no_progress,
    )
    target = Target(output=output, format=format.value, force=force, table=table)
    if alerts or state:
        others: list[object] = [threshold, baseline, baseline_since, baseline_until, since]
        others += [min_requests, confidence, inconclusive]
        alone = alerts and all(option is None for option in others)
        rules = rules_to_check(config, state, target, alone=alone)
        check_apart(target, rejects)
        told = {"strict": strict, "quiet": quiet}
        raise typer.Exit(check_alerts(sources, rules, asked, target, until=until, tz=tz, **told))
    settings = load(config).checks
    thresholds = thresholds_of(threshold, settings)
    policy = policy_of(min_requests, confidence, settings)
    window, earlier = windows_of(since, until, baseline_since, baseline_until, tz)
    saved = baseline_of(baseline, earlier, settings)
    target.check(("checks", "worst", *(["changed"] if saved else [])))
    check_apart(target, rejects)
    elsewhere: dict[Threshold, Measured] = {}
    if about_accounts := success_checks.are_success(thresholds):
        joining = success_checks.joining(
            joined(accounts, accounts_query, config),
            asked,
            as_of=as_of,
            since=since,
            until=until,
            tz=tz,
        )
        elsewhere = success_checks.measured(sources, about_accounts, joining)
    with asked.reading() as reading:
        how = CheckOptions(
            window=window,
            baseline=saved,
            policy=policy,
            reading=reading,
            tz=tz,
            min_elsewhere=min_accounts,
        )
        checked = run(sources, thresholds, how, elsewhere=elsewhere)
        stop_if_nothing_read(checked.report, strict=strict, quiet=quiet)
    target.write(checked.report)
    if format is VerdictFormat.GITHUB:
        write_summary(checked.report)
    tell(checked.report, target, strict=strict, quiet=quiet)
    undecided = inconclusive or Inconclusive(settings.inconclusive or Inconclusive.OWN)
    raise typer.Exit(_exit_code(checked, undecided, strict=strict))


def write_summary(report: Report) -> None:
    """Add to the summary of a GitHub job, where there is one."""
    from apilog.outputs.github import summary

    if path := os.environ.get(_SUMMARY):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(summary(report))


def _exit_code(checked: Checked, undecided: Inconclusive, *, strict: bool) -> ExitCode:
    from apilog.checks import State
    from apilog.cli.outcome import exit_code

    if code := exit_code(checked.report, strict=strict):
        return code
    match checked.state:
        case State.FAIL:
            return ExitCode.FAILED
        case State.INCONCLUSIVE:
            return _CODES[undecided]
        case State.PASS:
            return ExitCode.OK

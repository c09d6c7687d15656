"""`apilog check`: parse, measure, evaluate, draw, exit code."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options, success_checks
from apilog.cli.accounts import joined
from apilog.cli.checking import ReadOptions, stop_if_nothing_read, window_of
from apilog.cli.streams import ExitCode
from apilog.cli.target import Target
from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.checks import Measured, Policy, Threshold
    from apilog.checks.baseline import SavedBaseline
    from apilog.checks.check import Checked
    from apilog.checks.measure import Window
    from apilog.config import ChecksConfig
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
        told = rules_to_check(config, state, target, alone=alone)
        check_apart(target, rejects)
        raise typer.Exit(
            check_alerts(
                sources, told, asked, target, until=until, tz=tz, strict=strict, quiet=quiet
            )
        )
    settings = load(config).checks
    thresholds = _thresholds([*settings.thresholds, *(threshold or ())])
    policy = _policy(min_requests, confidence, settings)
    window, earlier = _windows(since, until, baseline_since, baseline_until, tz)
    saved = _saved(baseline, earlier, settings)
    target.check(("checks", "worst", *(["changed"] if saved else [])))
    check_apart(target, rejects)
    about_accounts = success_checks.are_success(thresholds)
    elsewhere: dict[Threshold, Measured] = {}
    if about_accounts:
        joining = replace(
            joined(accounts, accounts_query, config),
            as_of=as_of,
            since=since,
            until=until,
            tz=tz,
            where=where,
            log_format=log_format,
            nginx_conf=nginx_conf,
            routes=route or (),
            goals={},
        )
        elsewhere = success_checks.measured(sources, about_accounts, joining)
    with asked.reading() as reading:
        checked = run(
            sources,
            thresholds,
            CheckOptions(
                window=window,
                baseline=saved,
                policy=policy,
                reading=reading,
                tz=tz,
                min_elsewhere=min_accounts,
            ),
            elsewhere=elsewhere,
        )
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


def _thresholds(texts: list[str]) -> list[Threshold]:
    from apilog.checks import ANOMALIES, REQUESTS, parse_threshold

    if not texts:
        raise UsageError(
            "there is no threshold to check",
            'give -t "error_rate < 1%", or thresholds in [checks] of apilog.toml',
        )
    catalogues = (REQUESTS, ANOMALIES, success_checks.catalogue())
    return [*dict.fromkeys(parse_threshold(text, catalogues) for text in texts)]


def _policy(min_requests: int | None, confidence: float | None, settings: ChecksConfig) -> Policy:
    """What is given, else what is configured, else the defaults."""
    from apilog.checks import Policy

    usual = Policy()
    numbers = (min_requests, settings.min_requests, usual.min_requests)
    confidences = (confidence, settings.confidence, usual.confidence)
    return Policy(
        min_requests=next(n for n in numbers if n is not None),
        confidence=next(c for c in confidences if c is not None),
    )


def _windows(
    since: str | None,
    until: str | None,
    baseline_since: str | None,
    baseline_until: str | None,
    tz: str,
) -> tuple[Window, Window | None]:
    """The time that is checked, and that of the baseline, which ends where the other begins."""
    if baseline_since is None and baseline_until is None:
        return window_of(since, until, tz), None
    if since is None and baseline_until is None:
        raise UsageError(
            "--baseline-since alone does not say where the baseline ends",
            "give --since, where what is checked begins, or --baseline-until",
        )
    window = window_of(since or baseline_until, until, tz)
    try:
        earlier = window_of(baseline_since, baseline_until or since, tz)
    except UsageError as error:
        told = re.sub("--(since|until)", r"--baseline-\1", str(error))
        raise UsageError(told, error.hint) from error
    return window, earlier


def _saved(
    file: Path | None, earlier: Window | None, settings: ChecksConfig
) -> SavedBaseline | Window | None:
    """The baseline; what the options give goes before the configuration."""
    from apilog.checks.baseline_file import read_baseline

    if file and earlier:
        raise UsageError(
            "--baseline and --baseline-since both give a baseline", "leave one of them out"
        )
    path = file or (None if earlier else settings.baseline)
    return read_baseline(path) if path else earlier


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

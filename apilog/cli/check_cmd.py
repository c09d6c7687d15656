"""`apilog check`: measure, evaluate thresholds or alerts, draw the results, give the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import apilog
from apilog.cli import streams
from apilog.cli.completion import complete_from
from apilog.cli.lifecycle import (
    RunFlags,
    accounts_from_options,
    errors_as_verdicts,
    finish_report,
    refuse_same_file,
)
from apilog.cli.options import (
    ANY_VERDICTS,
    Accounts,
    AccountsQuery,
    AlertState,
    AsOf,
    Attribution,
    Choices,
    ConfigFile,
    Sources,
)
from apilog.cli.streams import ExitCode, OutputTarget
from apilog.errors import UsageError
from apilog.options import MetricOptions, ReadOptions
from apilog.render import find_output

if TYPE_CHECKING:
    from apilog.config import Config
    from apilog.options import CheckOptions
    from apilog.report_model import CheckState

_INCONCLUSIVE_CHOICES = ("pass", "fail", "3")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdFlags:
    """Options on thresholds; None and () leave it to the configuration, or to the defaults."""

    threshold: Annotated[
        Sequence[str],
        typer.Option(
            "--threshold",
            "-t",
            metavar="THRESHOLD",
            help='Such as "error_rate < 1%"; may be repeated, and adds to the configuration\'s.',
        ),
    ] = ()
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with what `apilog baseline` saved."),
    ] = None
    baseline_optional: Annotated[
        bool,
        typer.Option("--baseline-optional", help="Compare with nothing while FILE isn't there."),
    ] = False
    update_baseline: Annotated[
        bool,
        typer.Option("--update-baseline", help="Write FILE anew if the check passes."),
    ] = False
    baseline_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Compare with this time of the same sources."),
    ] = None
    baseline_until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Its end, exclusive. Default: where --since begins."),
    ] = None
    min_requests: Annotated[
        int | None,
        typer.Option(min=0, help="With fewer requests nothing is decided. Default: 100."),
    ] = None
    confidence: Annotated[
        float | None,
        typer.Option(help="How sure a value has to be beyond its limit to fail. Default: 0.99."),
    ] = None
    strict_limits: Annotated[
        bool,
        typer.Option(
            "--strict-limits",
            help="A limit that is a number fails by the value alone, whatever chance does.",
        ),
    ] = False
    inconclusive: Annotated[
        str | None,
        typer.Option(help="What too little data means for the exit code. Default: 3."),
        Choices(_INCONCLUSIVE_CHOICES),
    ] = None

    @property
    def are_given(self) -> bool:
        """Whether there is any of these options."""
        return any(getattr(self, field.name) != field.default for field in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFlags:
    """Options on the accounts that thresholds may be about."""

    accounts: Accounts = None
    accounts_query: AccountsQuery = None
    as_of: AsOf = None
    attribution: Attribution = "30d"
    min_accounts: Annotated[
        int, typer.Option(min=0, help="With fewer accounts nothing is decided.")
    ] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTarget(OutputTarget):
    """Where the results go."""

    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="How to draw the results. Default: as the name of --output says, else table.",
        ),
        ANY_VERDICTS,
    ] = "table"
    table: Annotated[
        Sequence[str],
        typer.Option(
            "--table",
            metavar="NAME",
            autocompletion=complete_from("checks", "worst", "changed"),
            help="Only this table: checks, worst or changed; may be repeated.",
        ),
    ] = ()


def check(
    sources: Sources,
    given: ThresholdFlags,
    accounts: AccountFlags,
    read: MetricOptions,
    target: CheckTarget,
    run: RunFlags,
    alerts: Annotated[
        bool,
        typer.Option("--alerts", help="Evaluate the alerts of the configuration, as cron does."),
    ] = False,
    state: AlertState = None,
    config: ConfigFile = None,
) -> None:
    """Hold thresholds against access logs: exit code 0 if all hold, 1 if one failed.

    Thresholds are such as 'latency_p95{route="/orders"} < 300ms' or
    'error_rate <= baseline + 0.5pp for each route', and with --accounts also
    'trial_conversion_rate >= 20%'. Too little data to decide is exit code 3, never a pass. With
    --alerts the rules of the configuration are evaluated instead, each over its own last minutes,
    and their targets notified: exit code 1 while one fires.
    """
    from apilog.config import load_config

    if alerts or state:
        if not alerts or given.are_given or read.since is not None:
            raise UsageError(
                "--alerts is about the rules of the configuration, not about other thresholds",
                "give --alerts, --state and --until without options on thresholds; "
                "rules have `over`",
            )
        raise typer.Exit(_check_alerts(sources, config, state, read, target, run))
    settings = load_config(config)
    with errors_as_verdicts("check", target):
        options = _check_options(given, accounts, read, settings)
    has_baseline = options.baseline or options.baseline_since or options.baseline_until
    target.check(("checks", "worst", *(["changed"] if has_baseline else [])))
    refuse_same_file(target, run.rejects)
    with errors_as_verdicts("check", target), run.open_hooks(force=target.force) as hooks:
        checked = apilog.check(sources, **replace(options, **hooks).as_arguments())
    undecided = given.inconclusive or settings.checks.inconclusive or "3"
    outcome = checked.state
    if outcome.value == "inconclusive" and undecided != "3":
        outcome = type(outcome)(undecided)
    code = finish_report(replace(checked.report, state=outcome), target, run)
    raise typer.Exit(code or _state_code(outcome))


def _check_options(
    given: ThresholdFlags, accounts: AccountFlags, read: ReadOptions, config: Config
) -> CheckOptions:
    """Return the options: what is given goes before what is configured."""
    from apilog.options import CheckOptions
    from apilog.text.units import parse_duration

    settings = config.checks
    is_earlier = given.baseline_since is not None or given.baseline_until is not None
    decision = {
        "min_requests": settings.min_requests if given.min_requests is None else given.min_requests,
        "confidence": settings.confidence if given.confidence is None else given.confidence,
    }
    return read.convert_to(
        CheckOptions,
        thresholds=[*settings.thresholds, *given.threshold],
        baseline=given.baseline or (None if is_earlier else settings.baseline),
        baseline_optional=given.baseline_optional,
        update_baseline=given.update_baseline,
        baseline_since=given.baseline_since,
        baseline_until=given.baseline_until,
        as_of=accounts.as_of,
        attribution=parse_duration(accounts.attribution),
        min_accounts=accounts.min_accounts,
        **accounts_from_options(accounts.accounts, accounts.accounts_query, config),
        strict_limits=given.strict_limits or settings.strict_limits,
        **{name: value for name, value in decision.items() if value is not None},
    )


def _check_alerts(
    sources: Sequence[str],
    config: Path | None,
    state: Path | None,
    read: ReadOptions,
    target: OutputTarget,
    run: RunFlags,
) -> ExitCode:
    """Evaluate the configured alerts once, notify their targets, and return the exit code."""
    from apilog.alerts.batch import ALERTS_TABLE, evaluate_sources
    from apilog.alerts.manager import NO_ALERTS_HINT, configured_alerts

    if find_output(target.format).needs_verdicts:
        raise UsageError(f"alerts are not drawn as {target.format}", "give -f json, csv or md")
    target.check([ALERTS_TABLE])
    manager = configured_alerts(config, state, streams.error)
    if manager is None:
        raise UsageError("no alerts are configured", NO_ALERTS_HINT)
    refuse_same_file(target, run.rejects)
    with run.open_hooks(force=target.force) as hooks:
        evaluation = evaluate_sources(sources, manager, replace(read, **hooks))
        evaluation.report.if_read()
    manager.save()
    code = finish_report(replace(evaluation.report, state=evaluation.state), target, run)
    are_delivered = manager.close()
    return ExitCode.ERROR if code or not are_delivered else _state_code(evaluation.state)


def _state_code(state: CheckState) -> ExitCode:
    from apilog.report_model import CheckState

    match state:
        case CheckState.FAIL:
            return ExitCode.FAILED
        case CheckState.INCONCLUSIVE:
            return ExitCode.INCONCLUSIVE
        case CheckState.PASS:
            return ExitCode.OK

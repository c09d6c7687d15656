"""Alerts on the command line: those of the configuration, and `apilog check --alerts`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.cli import streams
from apilog.cli.checking import ReadOptions, stop_if_nothing_read, window_of
from apilog.cli.streams import ExitCode
from apilog.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apilog.alerts.alerts import Alerts
    from apilog.alerts.delivery import Tell
    from apilog.cli.target import Target


def alerts_of(config: Path | None, state: Path | None, tell: Tell) -> Alerts | None:
    """The alerts of the configuration; None if it has no rules.

    Raises ApilogError for what can't be understood, and for a state file that can't be read.
    """
    from apilog.alerts.alerts import Alerts
    from apilog.alerts.settings import settings
    from apilog.config import load

    found = settings(load(config))
    if not found.rules:
        if state:
            raise UsageError("--state is for alerts, and none are configured", _HINT)
        return None
    return Alerts(replace(found, state=state or found.state), tell)


def rules_to_check(
    config: Path | None, state: Path | None, target: Target, *, alone: bool
) -> Alerts:
    """The alerts for `check --alerts`; UsageError without any, and with options on thresholds."""
    if not alone:
        raise UsageError(
            "--alerts is about the rules of the configuration, not about other thresholds",
            "give --alerts, --state and --until without options on thresholds; rules have `over`",
        )
    if target.format in _VERDICTS:
        raise UsageError(f"alerts are not drawn as {target.format}", "give -f json, csv or md")
    target.check([ALERTS])
    found = alerts_of(config, state, streams.error)
    if found is None:
        raise UsageError("no alerts are configured", _HINT)
    return found


def check_alerts(
    sources: Sequence[str],
    alerts: Alerts,
    asked: ReadOptions,
    target: Target,
    *,
    until: str | None,
    tz: str,
    strict: bool,
    quiet: bool,
) -> ExitCode:
    """Evaluate the alerts once over sources and tell their targets.

    ERROR if an input could not be read or a target not be told, FAILED if an alert fires,
    INCONCLUSIVE if there was nothing to evaluate.
    """
    from apilog.alerts.cron import evaluate_sources
    from apilog.cli.outcome import exit_code, tell

    window = window_of(None, until, tz)
    with asked.reading() as reading:
        done = evaluate_sources(sources, alerts, reading, until=window.until, tz=tz)
        stop_if_nothing_read(done.report, strict=strict, quiet=quiet)
    alerts.save()
    target.write(done.report)
    tell(done.report, target, strict=strict, quiet=quiet)
    were_told = alerts.close()
    if not were_told or exit_code(done.report, strict=strict):
        return ExitCode.ERROR
    if done.is_firing:
        return ExitCode.FAILED
    return ExitCode.OK if done.at else ExitCode.INCONCLUSIVE


def end(alerts: Alerts | None) -> None:
    """Wait for what is still to be told."""
    if alerts:
        alerts.close()


_VERDICTS = {"junit", "github"}
"""Outputs of thresholds alone."""
ALERTS = "alerts"
"""The table of `check --alerts`."""
_HINT = "add [[alerts.rules]] to apilog.toml, or name the file with --config"

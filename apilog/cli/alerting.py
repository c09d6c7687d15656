"""Alerts on the command line: those of the configuration, and `apilog check --alerts`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apilog.cli import streams
from apilog.cli.lifecycle import stop_if_nothing_read
from apilog.cli.streams import ExitCode
from apilog.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apilog.alerts.manager import AlertManager
    from apilog.cli.target import OutputTarget
    from apilog.options import ReadOptions


def rules_to_check(
    config: Path | None, state: Path | None, target: OutputTarget, *, alone: bool
) -> AlertManager:
    """The alerts for `check --alerts`; UsageError without any, and with options on thresholds."""
    from apilog.alerts.manager import NO_ALERTS_HINT, configured_alerts

    if not alone:
        raise UsageError(
            "--alerts is about the rules of the configuration, not about other thresholds",
            "give --alerts, --state and --until without options on thresholds; rules have `over`",
        )
    if target.format in _VERDICT_FORMATS:
        raise UsageError(f"alerts are not drawn as {target.format}", "give -f json, csv or md")
    target.check([ALERTS])
    alerts = configured_alerts(config, state, streams.error)
    if alerts is None:
        raise UsageError("no alerts are configured", NO_ALERTS_HINT)
    return alerts


def check_alerts(
    sources: Sequence[str],
    alerts: AlertManager,
    asked: ReadOptions,
    target: OutputTarget,
    *,
    strict: bool,
    quiet: bool,
) -> ExitCode:
    """Evaluate the alerts once over sources and tell their targets.

    ERROR if an input could not be read or a target not be told, FAILED if an alert fires,
    INCONCLUSIVE if there was nothing to evaluate.
    """
    from apilog.alerts.batch import evaluate_sources
    from apilog.cli.lifecycle import input_exit_code, report_notes

    done = evaluate_sources(sources, alerts, asked)
    stop_if_nothing_read(done.report, strict=strict, quiet=quiet)
    alerts.save()
    target.write(done.report)
    report_notes(done.report, target, strict=strict, quiet=quiet)
    were_told = alerts.close()
    if not were_told or input_exit_code(done.report, strict=strict):
        return ExitCode.ERROR
    if done.is_firing:
        return ExitCode.FAILED
    return ExitCode.OK if done.at else ExitCode.INCONCLUSIVE


def end_alerts(alerts: AlertManager | None) -> None:
    """Wait for what is still to be told."""
    if alerts:
        alerts.close()


_VERDICT_FORMATS = {"junit", "github"}
"""Outputs of thresholds alone."""
ALERTS = "alerts"
"""The table of `check --alerts`."""

"""Alerts on the command line: those of the configuration, and `apilog check --alerts`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apilog.cli import streams
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
    """Return the alerts for `check --alerts`; raises UsageError with options on thresholds."""
    from apilog.alerts.batch import ALERTS_TABLE
    from apilog.alerts.manager import NO_ALERTS_HINT, configured_alerts
    from apilog.render import VERDICT_OUTPUTS

    if not alone:
        raise UsageError(
            "--alerts is about the rules of the configuration, not about other thresholds",
            "give --alerts, --state and --until without options on thresholds; rules have `over`",
        )
    if target.format in VERDICT_OUTPUTS:
        raise UsageError(f"alerts are not drawn as {target.format}", "give -f json, csv or md")
    target.check([ALERTS_TABLE])
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
    """Evaluate the alerts once over sources, and notify their targets.

    Return ERROR if an input could not be read or a notice not be delivered, FAILED if an alert
    fires, INCONCLUSIVE if there was nothing to evaluate.
    """
    from apilog.alerts.batch import evaluate_sources
    from apilog.cli.lifecycle import input_exit_code, report_notes
    from apilog.report_model import CheckState

    evaluation = evaluate_sources(sources, alerts, asked)
    report = evaluation.report.if_read()
    alerts.save()
    target.write(report)
    report_notes(report, target, strict=strict, quiet=quiet)
    if not alerts.close() or input_exit_code(report, strict=strict):
        return ExitCode.ERROR
    match evaluation.state:
        case CheckState.FAIL:
            return ExitCode.FAILED
        case CheckState.PASS:
            return ExitCode.OK
        case CheckState.INCONCLUSIVE:
            return ExitCode.INCONCLUSIVE


def end_alerts(alerts: AlertManager | None) -> None:
    """Wait for notices that are still being sent."""
    if alerts:
        alerts.close()

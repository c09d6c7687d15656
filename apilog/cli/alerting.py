"""Alerts on the command line: those of the configuration, and `apilog check --alerts`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.alerts.alerts import Alerts
    from apilog.alerts.delivery import Tell


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


def end(alerts: Alerts | None) -> None:
    """Wait for what is still to be told."""
    if alerts:
        alerts.close()


_HINT = "add [[alerts.rules]] to apilog.toml, or name the file with --config"

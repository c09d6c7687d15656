"""Rules and targets out of a configuration, complete before anything is read.

Secrets come from variables of the environment, which the configuration names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from apilog.aggregate.rolling import LONGEST
from apilog.alerts.rules import Rule, Severity
from apilog.alerts.targets import Command, Delivery, Exporter, Notifier, Slack, Textfile, Webhook
from apilog.alerts.targets.http import Address, from_environment
from apilog.checks import parse_threshold
from apilog.config import Config
from apilog.config.alerts import RuleConfig, TargetConfig
from apilog.errors import UsageError

MIN_REQUESTS = 20
"""Fewer requests of a window decide nothing, unless the configuration says another number."""
_OVER = timedelta(minutes=5)
_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that is configured of alerts."""

    rules: tuple[Rule, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    min_requests: int = MIN_REQUESTS
    state: Path | None = None
    """The file that remembers them."""


def settings(config: Config) -> Settings:
    """The settings of a configuration.

    Raises UsageError that names the key for thresholds that can't be understood or need a
    baseline, and for variables of the environment that are not set.
    """
    alerts, file = config.alerts, config.path
    return Settings(
        rules=tuple(_rule(one, file, alerts.repeat) for one in alerts.rules),
        notifiers=tuple(_notifier(one, file) for one in alerts.targets if one.file is None),
        exporters=tuple(
            Textfile(name=one.name, path=one.file) for one in alerts.targets if one.file
        ),
        min_requests=alerts.min_requests or MIN_REQUESTS,
        state=alerts.state,
    )


def _rule(rule: RuleConfig, file: Path | None, repeat: timedelta | None) -> Rule:
    over = rule.over or _OVER
    with _explained(file, rule.path):
        threshold = parse_threshold(rule.threshold)
        if threshold.is_comparison:
            hint = "give a number, or use anomaly(requests)"
            raise UsageError("an alert has no baseline to compare with", hint)
        if not _SHORTEST <= over <= LONGEST:
            raise UsageError("the time that it looks at (over) is not between 1s and 7d")
    return Rule(
        name=rule.name,
        threshold=threshold,
        over=over,
        intervals=rule.intervals or 1,
        severity=Severity(rule.severity or Severity.WARNING),
        repeat=rule.repeat or repeat,
        targets=rule.targets,
    )


def _notifier(target: TargetConfig, file: Path | None) -> Notifier:
    usual = Delivery()
    delivery = Delivery(
        timeout=target.timeout or usual.timeout,
        retries=usual.retries if target.retries is None else target.retries,
    )
    if target.type == "command":
        return Command(name=target.name, argv=target.command, delivery=delivery)
    with _explained(file, target.path):
        url = target.url or from_environment(target.url_env or "", "the address")
        address, secret = Address.of(url), None
        if target.secret_env:
            secret = from_environment(target.secret_env, "the secret")
    if target.type == "slack":
        return Slack(name=target.name, address=address, delivery=delivery)
    return Webhook(name=target.name, address=address, secret=secret, delivery=delivery)


@contextmanager
def _explained(file: Path | None, path: str) -> Iterator[None]:
    """Has errors say where in the configuration they come from."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{file}: {path}: {error}", error.hint) from error

"""Alert rules and targets built from the configuration, checked before anything is read.

Secrets come from environment variables that the configuration names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from apilog.aggregate.sliding_window import LONGEST_WINDOW
from apilog.alerts.rules import AlertRule, Severity
from apilog.alerts.targets import (
    CommandTarget,
    DeliveryPolicy,
    Notifier,
    SlackTarget,
    SnapshotWriter,
    TextfileTarget,
    WebhookAddress,
    WebhookTarget,
    read_variable,
)
from apilog.checks import parse_threshold
from apilog.checks.threshold import ANOMALY_METRICS, request_catalogue
from apilog.config import Config
from apilog.config.sections import ALERT_MIN_REQUESTS, TargetConfig
from apilog.config.toml_places import Place, describe_place, write_place
from apilog.errors import UsageError
from apilog.own_metrics import own_definitions

_DEFAULT_WINDOW = timedelta(minutes=5)
_SHORTEST_WINDOW = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """The alerts section of the configuration, with rules parsed and targets built."""

    rules: tuple[AlertRule, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    snapshot_writers: tuple[SnapshotWriter, ...] = ()
    min_requests: int = ALERT_MIN_REQUESTS
    state_file: Path | None = None


def alert_settings(config: Config) -> AlertSettings:
    """Build the rules and targets of a configuration.

    Raises UsageError, which names the key, for thresholds that can't be parsed or need a baseline,
    and for environment variables that are not set.
    """
    alerts, file = config.alerts, config.path
    catalogues = (
        request_catalogue(own_definitions(config.metrics, openapi=config.defaults.openapi or ())),
        ANOMALY_METRICS,
    )
    rules = []
    for rule in alerts.rules:
        window = rule.over or _DEFAULT_WINDOW
        with _naming_key(file, rule.place):
            threshold = parse_threshold(rule.threshold, catalogues)
            if threshold.is_comparison:
                hint = "give a number, or use anomaly(requests)"
                raise UsageError("an alert has no baseline to compare with", hint)
            if not _SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
                raise UsageError("the window (over) is not between 1s and 7d")
        rules.append(
            AlertRule(
                name=rule.name,
                threshold=threshold,
                window=window,
                intervals=rule.intervals or 1,
                severity=Severity(rule.severity or Severity.WARNING),
                repeat=rule.repeat or alerts.repeat,
                targets=rule.targets,
            )
        )
    return AlertSettings(
        rules=tuple(rules),
        notifiers=tuple(_make_notifier(t, file) for t in alerts.targets if t.file is None),
        snapshot_writers=tuple(
            TextfileTarget(name=t.name, path=t.file) for t in alerts.targets if t.file
        ),
        min_requests=alerts.min_requests or ALERT_MIN_REQUESTS,
        state_file=alerts.state,
    )


def _make_notifier(target: TargetConfig, file: Path | None) -> Notifier:
    default = DeliveryPolicy()
    delivery = DeliveryPolicy(
        timeout=target.timeout or default.timeout,
        retries=default.retries if target.retries is None else target.retries,
    )
    if target.type == "command":
        return CommandTarget(name=target.name, argv=target.command, delivery=delivery)
    with _naming_key(file, target.place):
        # A missing secret is an error before anything is read, not when the first alert fires.
        url = target.url or read_variable(target.url_env or "", "the address")
        address = WebhookAddress.parse(url)
        secret = read_variable(target.secret_env, "the secret") if target.secret_env else None
    if target.type == "slack":
        return SlackTarget(name=target.name, address=address, delivery=delivery)
    return WebhookTarget(name=target.name, address=address, secret=secret, delivery=delivery)


@contextmanager
def _naming_key(file: Path | None, place: Place) -> Iterator[None]:
    """Let errors name the key of the configuration that they come from, and its line."""
    try:
        yield
    except UsageError as error:
        where = describe_place(file, place) if file else write_place(place)
        raise UsageError(f"{where}: {error}", error.hint) from error

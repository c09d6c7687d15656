"""`[alerts]` of a configuration: rules and targets, checked before anything is read.

Secrets stand in variables of the environment; the configuration only names these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from apilog.aggregate.rolling import LONGEST
from apilog.alerts.keys import Keys, nearest
from apilog.alerts.rules import Rule, Severity
from apilog.alerts.targets import Command, Delivery, Exporter, Notifier, Slack, Textfile, Webhook
from apilog.alerts.targets.http import Address, from_environment
from apilog.checks import REQUESTS, parse_threshold
from apilog.checks.unusual import ANOMALIES
from apilog.errors import UsageError

Target = Command | Slack | Textfile | Webhook

MIN_REQUESTS = 20
"""Fewer requests of a window decide nothing, unless the configuration says another number."""
_OVER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that is configured of alerts."""

    rules: tuple[Rule, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    min_requests: int = MIN_REQUESTS


def settings(section: Mapping[str, object], path: str) -> Settings:
    """The settings of a section; `path` is where it stands, such as `apilog.toml: alerts`.

    Raises UsageError that names the key for what is missing, unknown or of another type, and for
    variables of the environment that are not set.
    """
    keys = Keys(section, path)
    repeat = keys.duration("repeat")
    min_requests = keys.number("min_requests", MIN_REQUESTS)
    targets = [_target(each) for each in keys.tables("targets")]
    _distinct(f"{path}.targets", [target.name for target in targets])
    notifiers = tuple(target for target in targets if not isinstance(target, Textfile))
    names = [target.name for target in notifiers]
    rules = tuple(_rule(each, repeat, names) for each in keys.tables("rules"))
    _distinct(f"{path}.rules", [rule.name for rule in rules])
    keys.finish()
    return Settings(
        rules=rules,
        notifiers=notifiers,
        exporters=tuple(target for target in targets if isinstance(target, Textfile)),
        min_requests=min_requests,
    )


def _rule(keys: Keys, repeat: timedelta | None, targets: Sequence[str]) -> Rule:
    text = keys.text("threshold")
    with keys.explained("threshold"):
        threshold = parse_threshold(text, (REQUESTS, ANOMALIES))
    if threshold.is_comparison:
        hint = "give a number, or use anomaly(requests)"
        raise keys.error("threshold", "an alert has no baseline to compare with", hint)
    over = keys.duration("over") or _OVER
    if not timedelta(seconds=1) <= over <= LONGEST:
        raise keys.error("over", "is not between 1s and 7d")
    told = keys.texts("targets")
    for name in told or ():
        if name not in targets:
            raise keys.error("targets", f"there is no target {name!r}", nearest(name, targets))
    rule = Rule(
        name=keys.text("name", text),
        threshold=threshold,
        over=over,
        intervals=keys.number("for", 1),
        severity=keys.choice("severity", Severity, Severity.WARNING),
        repeat=keys.duration("repeat") or repeat,
        targets=told,
    )
    keys.finish()
    return rule


def _target(keys: Keys) -> Target:
    kind = keys.text("type")
    if kind not in _TARGETS:
        raise keys.error("type", f"there is no type {kind!r}", nearest(kind, list(_TARGETS)))
    target = _TARGETS[kind](keys, keys.text("name", kind))
    keys.finish()
    return target


def _command(keys: Keys, name: str) -> Command:
    argv = keys.texts("command")
    if not argv:
        hint = 'write a list such as ["/usr/local/bin/page", "--urgent"]; no shell reads it'
        raise keys.error("command", "is missing", hint)
    return Command(name=name, argv=argv, delivery=_delivery(keys))


def _webhook(keys: Keys, name: str) -> Webhook:
    address, delivery = _address(keys), _delivery(keys)
    variable = keys.text("secret_env", "")
    with keys.explained("secret_env"):
        secret = from_environment(variable, "the secret") if variable else None
    return Webhook(name=name, address=address, secret=secret, delivery=delivery)


def _slack(keys: Keys, name: str) -> Slack:
    return Slack(name=name, address=_address(keys), delivery=_delivery(keys))


def _textfile(keys: Keys, name: str) -> Textfile:
    return Textfile(name=name, path=Path(keys.text("path")))


_TARGETS: Mapping[str, Callable[[Keys, str], Target]] = {
    "command": _command,
    "webhook": _webhook,
    "slack": _slack,
    "textfile": _textfile,
}


def _address(keys: Keys) -> Address:
    url, variable = keys.text("url", ""), keys.text("url_env", "")
    if bool(url) == bool(variable):
        hint = "an address that is a secret stands in a variable of the environment: `url_env`"
        raise keys.error("url", "give either `url` or `url_env`", hint)
    with keys.explained("url_env" if variable else "url"):
        return Address.of(url or from_environment(variable, "the address"))


def _delivery(keys: Keys) -> Delivery:
    usual = Delivery()
    timeout = keys.duration("timeout") or usual.timeout
    return Delivery(timeout=timeout, retries=keys.number("retries", usual.retries, least=0))


def _distinct(path: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path}: two are called {name!r}", "give each a `name` of its own")

"""The section `[alerts]`: rules, and who is told. Thresholds and secrets are not yet looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from apilog.config.table import Table
from apilog.errors import UsageError
from apilog.units import parse_duration

SEVERITIES = ("info", "warning", "critical")
TARGETS = ("command", "webhook", "slack", "textfile")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleConfig:
    """A table `[[alerts.rules]]`."""

    path: str
    """Where its threshold stands in the file."""
    threshold: str
    name: str
    over: timedelta | None = None
    intervals: int | None = None
    severity: str | None = None
    repeat: timedelta | None = None
    targets: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    """A table `[[alerts.targets]]`; which keys it may have depends on its type."""

    path: str
    """Where its type stands in the file."""
    type: str
    name: str
    command: tuple[str, ...] = ()
    url: str | None = None
    url_env: str | None = None
    secret_env: str | None = None
    file: Path | None = None
    timeout: timedelta | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsConfig:
    """None is a setting that the file does not have."""

    rules: tuple[RuleConfig, ...] = ()
    targets: tuple[TargetConfig, ...] = ()
    repeat: timedelta | None = None
    min_requests: int | None = None
    state: Path | None = None


def read_alerts(table: Table) -> AlertsConfig:
    """The section. Raises UsageError for a value that is none of its kind."""
    targets = tuple(_target(one) for one in table.tables("targets") or ())
    rules = tuple(_rule(one, targets) for one in table.tables("rules") or ())
    for key, names in (("rules", [r.name for r in rules]), ("targets", [t.name for t in targets])):
        for name in names:
            if names.count(name) > 1:
                raise table.error(key, f"has two called {name!r}", "give each a name of its own")
    return AlertsConfig(
        rules=rules,
        targets=targets,
        repeat=_duration(table, "repeat"),
        min_requests=table.integer("min_requests", least=1),
        state=table.file("state"),
    )


def _rule(table: Table, targets: tuple[TargetConfig, ...]) -> RuleConfig:
    threshold = _required(table, "threshold", 'such as "error_rate < 5%"')
    told = table.texts("targets")
    known = [target.name for target in targets if target.type != "textfile"]
    for name in told or ():
        if name not in known:
            hint = f"it is one of {', '.join(known)}" if known else "add [[alerts.targets]]"
            raise table.error("targets", f"names {name!r}, which is no target", hint)
    rule = RuleConfig(
        path=table.path_of("threshold"),
        threshold=threshold,
        name=table.text("name") or threshold,
        over=_duration(table, "over"),
        intervals=table.integer("for", least=1),
        severity=table.choice("severity", SEVERITIES),
        repeat=_duration(table, "repeat"),
        targets=told,
    )
    table.finish()
    return rule


def _target(table: Table) -> TargetConfig:
    kind = table.choice("type", TARGETS) or _required(table, "type", f"one of {', '.join(TARGETS)}")
    name = table.text("name") or kind
    path = table.path_of("type")
    match kind:
        case "command":
            command = table.texts("command")
            if not command:
                hint = 'write a list such as ["/usr/local/bin/page", "--urgent"]: no shell reads it'
                raise table.error("command", "is missing", hint)
            target = TargetConfig(
                path=path,
                type=kind,
                name=name,
                command=command,
                timeout=_duration(table, "timeout"),
            )
        case "textfile":
            file = table.file("path")
            if file is None:
                raise table.error("path", "is missing", 'write path = "…/apilog.prom"')
            target = TargetConfig(path=path, type=kind, name=name, file=file)
        case _:
            target = _http(table, kind, name)
    table.finish()
    return target


def _http(table: Table, kind: str, name: str) -> TargetConfig:
    url, url_env = table.text("url"), table.text("url_env")
    if bool(url) == bool(url_env):
        hint = "an address that is a secret stands in a variable of the environment: url_env"
        raise table.error("url", "or url_env has to be there, one of them", hint)
    return TargetConfig(
        path=table.path_of("type"),
        type=kind,
        name=name,
        url=url,
        url_env=url_env,
        secret_env=table.text("secret_env") if kind == "webhook" else None,
        timeout=_duration(table, "timeout"),
        retries=table.integer("retries", least=0),
    )


def _required(table: Table, key: str, such_as: str) -> str:
    text = table.text(key)
    if not text:
        raise table.error(key, "is missing", f"write {key} = …, {such_as}")
    return text


def _duration(table: Table, key: str) -> timedelta | None:
    text = table.text(key)
    if text is None:
        return None
    try:
        length = parse_duration(text)
    except UsageError as error:
        raise table.error(key, f"is no length of time: {error}", error.hint) from error
    if not length:
        raise table.error(key, "is no time at all", f'write {key} = "5m"')
    return length

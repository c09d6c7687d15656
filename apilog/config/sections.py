"""The sections `[alerts]`, `[checks]`, `[accounts]`, `[plans.NAME]` and `[goals]`, read key by key.

A key that nothing reads is an error, which names the file, the path of the key and the nearest key
that is known. Thresholds and secrets are kept as they are written; other modules parse them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from apilog.config.toml_places import Place, describe_place, write_place
from apilog.errors import UsageError
from apilog.options import PlanTerms
from apilog.text import did_you_mean
from apilog.text.units import parse_duration


class ConfigTable:
    """Typed access to one table. Absent keys are None; a value of another type is an error."""

    def __init__(
        self, values: Mapping[str, object], file: Path, place: Sequence[str | int] = ()
    ) -> None:
        """Read a table; `place` are the keys that lead to it, such as `checks`."""
        self.keys = tuple(values)
        self._values = values
        self._file = file
        self._place = tuple(place)
        self._asked: dict[str, None] = {}

    def text(self, key: str) -> str | None:
        value = self._get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.error(key, "is not a text", f'write {key} = "…"')

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise self.error(key, "is not a list of texts", f'write {key} = ["…", "…"]')

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        value = self.text(key)
        if value is None or value in choices:
            return value
        raise self.error(key, f"is {value!r}", f"it is one of {', '.join(choices)}")

    def integer(self, key: str, *, least: int) -> int | None:
        value = self._get(key)
        if value is None:
            return None
        # True and false are integers in Python, but not in TOML.
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            problem = f"is not a whole number from {least} on"
            raise self.error(key, problem, f"write such as {key} = {max(least, 10)}")
        return value

    def boolean(self, key: str) -> bool | None:
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.error(key, "is neither true nor false", f"write {key} = true")

    def number(self, key: str) -> float | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, "is not a number", f"write {key} = 0.5")
        return float(value)

    def truth(self, key: str) -> bool | None:
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.error(key, "is neither true nor false", f"write {key} = true")

    def file(self, key: str) -> Path | None:
        """Return the path of a file, relative to the folder of the configuration."""
        value = self.text(key)
        return None if value is None else self._file.parent / value

    @property
    def folder(self) -> Path:
        """The folder of the configuration."""
        return self._file.parent

    def table(self, key: str) -> ConfigTable | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return ConfigTable(value, self._file, (*self._place, key))
        raise self.error(key, "is not a table", f"write [{self.key_path(key)}]")

    def tables(self, key: str) -> tuple[ConfigTable, ...] | None:
        """Return a list of tables, as `[[rules]]` makes it."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            place = (*self._place, key)
            return tuple(ConfigTable(v, self._file, (*place, i)) for i, v in enumerate(value))
        raise self.error(key, "is not a list of tables", f"write [[{self.key_path(key)}]]")

    def finish(self) -> None:
        """Raise UsageError for the first key that nothing has read."""
        for key in self._values:
            if key not in self._asked:
                known = f"the settings here are {', '.join(self._asked)}"
                hint = did_you_mean(key, self._asked, known, at_most=1)
                raise self.error(key, "is no setting", hint)

    def error(
        self, key: str, problem: str, hint: str = "", below: Sequence[str | int] = ()
    ) -> UsageError:
        """Return the error about a key; with keys `below` it, in the table that is its value."""
        place = (*self._place, key, *below)
        return UsageError(f"{describe_place(self._file, place)} {problem}", hint)

    def place_of(self, key: str) -> Place:
        return (*self._place, key)

    def key_path(self, key: str) -> str:
        return write_place(self.place_of(key))

    def values(self, key: str) -> Mapping[str, object] | None:
        """Return the table that is a value as it is, to be read by what it is about."""
        value = self._get(key)
        if value is None or isinstance(value, dict):
            return value
        raise self.error(key, "is not a table", f"write [{self.key_path(key)}]")

    def _get(self, key: str) -> object:
        self._asked[key] = None
        return self._values.get(key)


SEVERITIES = ("info", "warning", "critical")
ALERT_MIN_REQUESTS = 20
"""The default of `min_requests` of alerts: a window with fewer requests decides nothing."""
TARGET_TYPES = ("command", "webhook", "slack", "textfile")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleConfig:
    """A table `[[alerts.rules]]`."""

    place: Place
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

    place: Place
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
    """Rules and targets; a setting that the file does not have is None."""

    rules: tuple[RuleConfig, ...] = ()
    targets: tuple[TargetConfig, ...] = ()
    repeat: timedelta | None = None
    min_requests: int | None = None
    state: Path | None = None


def read_alerts(table: ConfigTable) -> AlertsConfig:
    """Read rules and targets. Raises UsageError for a value of the wrong type."""
    targets = tuple(_read_target(one) for one in table.tables("targets") or ())
    rules = tuple(_read_rule(one, targets) for one in table.tables("rules") or ())
    for key, names in (("rules", [r.name for r in rules]), ("targets", [t.name for t in targets])):
        for name in names:
            if names.count(name) > 1:
                raise table.error(key, f"has two called {name!r}", "give each a name of its own")
    return AlertsConfig(
        rules=rules,
        targets=targets,
        repeat=_read_duration(table, "repeat"),
        min_requests=table.integer("min_requests", least=1),
        state=table.file("state"),
    )


def _read_rule(table: ConfigTable, targets: tuple[TargetConfig, ...]) -> RuleConfig:
    threshold = _require_text(table, "threshold", 'such as "error_rate < 5%"')
    names = table.texts("targets")
    known = [target.name for target in targets if target.type != "textfile"]
    for name in names or ():
        if name not in known:
            hint = f"it is one of {', '.join(known)}" if known else "add [[alerts.targets]]"
            raise table.error("targets", f"names {name!r}, which is no target", hint)
    rule = RuleConfig(
        place=table.place_of("threshold"),
        threshold=threshold,
        name=table.text("name") or threshold,
        over=_read_duration(table, "over"),
        intervals=table.integer("for", least=1),
        severity=table.choice("severity", SEVERITIES),
        repeat=_read_duration(table, "repeat"),
        targets=names,
    )
    table.finish()
    return rule


def _read_target(table: ConfigTable) -> TargetConfig:
    kind = table.choice("type", TARGET_TYPES) or _require_text(
        table, "type", f"one of {', '.join(TARGET_TYPES)}"
    )
    name = table.text("name") or kind
    target = TargetConfig(place=table.place_of("type"), type=kind, name=name)
    match kind:
        case "command":
            command = table.texts("command")
            if not command:
                hint = 'write a list such as ["/usr/local/bin/page", "--urgent"]: no shell reads it'
                raise table.error("command", "is missing", hint)
            target = replace(target, command=command, timeout=_read_duration(table, "timeout"))
        case "textfile":
            file = table.file("path")
            if file is None:
                raise table.error("path", "is missing", 'write path = "…/apilog.prom"')
            target = replace(target, file=file)
        case _:
            url, url_env = table.text("url"), table.text("url_env")
            if bool(url) == bool(url_env):
                hint = (
                    "an address that is a secret stands in a variable of the environment: url_env"
                )
                raise table.error("url", "or url_env has to be there, one of them", hint)
            target = replace(
                target,
                url=url,
                url_env=url_env,
                secret_env=table.text("secret_env") if kind == "webhook" else None,
                timeout=_read_duration(table, "timeout"),
                retries=table.integer("retries", least=0),
            )
    table.finish()
    return target


def _require_text(table: ConfigTable, key: str, such_as: str) -> str:
    text = table.text(key)
    if not text:
        raise table.error(key, "is missing", f"write {key} = …, {such_as}")
    return text


def _read_duration(table: ConfigTable, key: str) -> timedelta | None:
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


INCONCLUSIVE_CHOICES = ("pass", "fail", "3")
"""What may come of too little measured: a verdict, or the exit code of its own, the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksConfig:
    """Defaults of `apilog check`; a setting that the file does not have is None."""

    thresholds: tuple[str, ...] = ()
    """Thresholds as they are written; not yet parsed."""
    baseline: Path | None = None
    min_requests: int | None = None
    confidence: float | None = None
    strict_limits: bool = False
    inconclusive: str | None = None


def read_checks(table: ConfigTable) -> ChecksConfig:
    """Read the defaults of checks. Raises UsageError for a value of the wrong type."""
    return ChecksConfig(
        thresholds=table.texts("thresholds") or (),
        baseline=table.file("baseline"),
        min_requests=table.integer("min_requests", least=0),
        confidence=table.number("confidence"),
        strict_limits=table.truth("strict_limits") or False,
        inconclusive=table.choice("inconclusive", INCONCLUSIVE_CHOICES),
    )


PlansConfig = Mapping[str, PlanTerms]
GoalsConfig = Mapping[str, str | float]
"""Goals by metric, as they are written; not yet parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsConfig:
    """Where the accounts are, and what their columns are called."""

    source: str | None = None
    """A file, or the URL of a database."""
    query: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """The table's own names by those that apilog has for them."""


def read_accounts(table: ConfigTable) -> AccountsConfig:
    """Read where the accounts are; a file is relative to the folder of the configuration."""
    source = table.text("source")
    if source is not None and "://" not in source:
        source = str(table.file("source"))
    names = table.table("columns")
    keys = names.keys if names else ()
    columns = {key: text for key in keys if names and (text := names.text(key))}
    if columns:
        from apilog.developer_success import AccountColumns  # which loads more than this does

        for key, text in columns.items():
            try:
                AccountColumns({key: text})
            except UsageError as error:
                assert names is not None
                raise names.error(key, "is no column of accounts", error.hint) from error
        AccountColumns(columns)
    return AccountsConfig(source=source, query=table.text("query"), columns=columns)


def read_plans(table: ConfigTable) -> PlansConfig:
    """Read the terms of each plan by its name."""
    plans = {}
    for name in table.keys:
        if terms := table.table(name):
            quota, price = terms.integer("quota", least=1), terms.number("price")
            plans[name] = PlanTerms(quota=quota, price=price)
            terms.finish()
    return plans


def read_goals(table: ConfigTable) -> GoalsConfig:
    """Read the target of each metric: a text such as "25%", or a number."""
    goals: dict[str, str | float] = {}
    for name in table.keys:
        # A ratio may be written as a text, "25%"; the metric, which is not known here, parses it.
        try:
            goal: str | float | None = table.number(name)
        except UsageError:
            goal = table.text(name)
        if goal is not None:
            goals[name] = goal
    return goals

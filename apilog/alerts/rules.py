"""The vocabulary of alerts as plain values: rules, observations, alerts and notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from apilog.checks import Threshold

AlertLabels = tuple[tuple[str, str], ...]
"""What one of several alerts of a rule is about: columns of its `for each`, and their values."""


class Severity(StrEnum):
    """How bad it is; only whoever is told makes a difference of it."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """A threshold that has to hold."""

    name: str
    threshold: Threshold
    window: timedelta
    """The time up to now that it is evaluated on."""
    intervals: int = 1
    """How many evaluations have to fail, one after the other, before anybody is told."""
    severity: Severity = Severity.WARNING
    repeat: timedelta | None = None
    """How long after a notice it is told of again if it still fails; None: never."""
    targets: tuple[str, ...] | None = None
    """Names of those who are told; None: all."""

    @property
    def condition(self) -> str:
        """What has to hold, in the words of the configuration."""
        return str(self.threshold)


class RuleVerdict(StrEnum):
    """What an evaluation says of one alert."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    """Too few requests to tell."""
    ABSENT = "absent"
    """No requests that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """An evaluation of a rule, for one of its values."""

    labels: AlertLabels
    verdict: RuleVerdict
    value: float | None = None
    limit: float | None = None
    requests: int = 0
    reason: str = ""


class AlertStatus(StrEnum):
    """How an alert stands; one that isn't kept is all right."""

    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that has begun to fail."""

    rule: str
    condition: str
    """What had to hold, so that another condition begins anew."""
    labels: AlertLabels
    status: AlertStatus
    since: datetime
    """When it began to fail."""
    breaches: int
    """Evaluations that failed, one after the other."""
    notified: datetime | None = None
    """When it was last told of."""
    value: float | None = None
    limit: float | None = None
    requests: int = 0
    reason: str = ""

    @property
    def is_firing(self) -> bool:
        """Whether the alert is firing, not only pending."""
        return self.status is AlertStatus.FIRING

    @property
    def key(self) -> tuple[str, AlertLabels]:
        """What tells it from the others."""
        return self.rule, self.labels


class NoticeEvent(StrEnum):
    """What a notice is about."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotice:
    """What targets are told."""

    event: NoticeEvent
    rule: AlertRule
    alert: Alert
    at: datetime
    is_repeated: bool = False
    """Whether it was told of before and still fails."""

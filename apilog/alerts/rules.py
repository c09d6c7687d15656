"""The vocabulary of alerts as plain values: rules, observations, alerts and notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from apilog.checks import Threshold

AlertLabels = tuple[tuple[str, str], ...]
"""The columns of a rule's `for each` and their values, which tell its alerts apart."""


class Severity(StrEnum):
    """How bad a breach is; apilog passes it on and treats all alike."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """A threshold that has to hold."""

    name: str
    threshold: Threshold
    window: timedelta
    intervals: int = 1
    """How many evaluations have to fail in a row before the alert fires."""
    severity: Severity = Severity.WARNING
    repeat: timedelta | None = None
    """How long after a notice the next one is sent if the alert still fires; None: never."""
    targets: tuple[str, ...] | None = None
    """The names of the targets that are notified; None: all."""

    @property
    def condition(self) -> str:
        """The threshold in the words of the configuration."""
        return str(self.threshold)


class RuleVerdict(StrEnum):
    """The verdict of an evaluation on one alert."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    """There are too few requests to decide."""
    ABSENT = "absent"
    """There are no such requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The evaluation of a rule for one combination of labels."""

    labels: AlertLabels
    verdict: RuleVerdict
    value: float | None = None
    limit: float | None = None
    requests: int = 0
    reason: str = ""


class AlertStatus(StrEnum):
    """The status of an alert; a healthy one is not kept."""

    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that has begun to fail."""

    rule: str
    condition: str
    """The condition that failed; if the rule's condition changes, the alert begins anew."""
    labels: AlertLabels
    status: AlertStatus
    since: datetime
    breaches: int
    """How many evaluations have failed in a row."""
    notified: datetime | None = None
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
        """The identity of the alert among all alerts."""
        return self.rule, self.labels


class NoticeEvent(StrEnum):
    """What a notice announces."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotice:
    """A notice about one alert, as it is sent to targets."""

    event: NoticeEvent
    rule: AlertRule
    alert: Alert
    at: datetime
    is_repeated: bool = False
    """Whether an earlier notice has announced that the alert fires."""

"""What targets are told, as an object for machines and a sentence for people.

Texts of the log stand in it as they are: whoever writes them to a target escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from apilog.alerts.rules import Event, Notice
from apilog.metrics import Unit
from apilog.outputs.labels import display
from apilog.outputs.values import iso_timestamp
from apilog.units import format_duration

VERSION = 1
"""Of the object; a key is never given another meaning within a version."""


def document(notice: Notice) -> dict[str, object]:
    """A notice as JSON has it."""
    rule, alert = notice.rule, notice.alert
    return {
        "version": VERSION,
        "event": notice.event.value,
        "repeated": notice.is_repeated,
        "alert": rule.name,
        "severity": rule.severity.value,
        "threshold": rule.condition,
        "over_seconds": rule.over.total_seconds(),
        "labels": dict(alert.labels),
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "since": _time(alert.since),
        "at": _time(notice.at),
        "message": sentence(notice),
    }


def sentence(notice: Notice) -> str:
    """A notice in one line.

    Such as `[critical] errors: error_rate is 7.2 % over 5m 0s, has to be < 5 %`.
    """
    rule, alert = notice.rule, notice.alert
    metric, unit = rule.threshold.metric, rule.threshold.metric.unit
    about = "".join(f" {column}={value}" for column, value in alert.labels)
    if notice.event is Event.RESOLVED:
        return f"[resolved] {rule.name}{about}: {_value(metric.name, alert.value, unit)}".rstrip(
            ": "
        ) + (f" ({alert.reason})" if alert.reason else "")
    still = "still " if notice.is_repeated else ""
    limit = _number(alert.limit, unit)
    why = f" ({alert.reason})" if alert.reason else ""
    return (
        f"[{rule.severity}] {rule.name}{about}: {still}{_value(metric.name, alert.value, unit)} "
        f"over {format_duration(rule.over.total_seconds() * 1000)}, has to be "
        f"{rule.threshold.operator} {limit}{why}"
    )


def environment(notice: Notice) -> Mapping[str, str]:
    """A notice as variables of the environment, without what others named: the labels."""
    told = document(notice)
    names = ("event", "alert", "severity", "threshold", "value", "limit", "requests", "since", "at")
    return {
        f"APILOG_ALERT_{'NAME' if name == 'alert' else name.upper()}": _text(told[name])
        for name in names
    }


def _value(metric: str, value: float | None, unit: Unit) -> str:
    return "" if value is None else f"{metric} is {_number(value, unit)}"


def _number(value: float | None, unit: Unit) -> str:
    return display(value, unit, "UTC")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _time(moment: datetime) -> str:
    return iso_timestamp(moment, "UTC")

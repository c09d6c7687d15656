"""What targets are told, as an object for machines and a sentence for people.

Texts of the log stand in it as they are: whoever writes them to a target escapes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from apilog.alerts.rules import Event, Notice
from apilog.metrics import Unit
from apilog.outputs.labels import display
from apilog.outputs.values import iso_timestamp
from apilog.units import format_duration

VERSION = 1
"""Of the object; a key is never given another meaning within a version."""
_VARIABLES = {
    f"APILOG_ALERT_{'NAME' if key == 'alert' else key.upper()}": key
    for key in (
        *("event", "alert", "severity", "threshold", "labels", "value", "limit", "requests"),
        *("since", "at", "message"),
    )
}


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

    Such as `[critical] errors: error_rate is 7.2 % over 5m, not < 5 %`.
    """
    rule, alert = notice.rule, notice.alert
    metric = rule.threshold.metric
    about = "".join(f" {column}={value}" for column, value in alert.labels)
    why = f" ({alert.reason})" if alert.reason else ""
    value = "" if alert.value is None else f" {metric.name} is {_number(alert.value, metric.unit)}"
    if notice.event is Event.RESOLVED:
        return f"[resolved] {rule.name}{about}:{value or ' is over'}{why}"
    still = " still:" if notice.is_repeated else ""
    over = format_duration(rule.over.total_seconds() * 1000).removesuffix(" 0s").removesuffix(" 0m")
    limit = f"{rule.threshold.operator} {_number(alert.limit, metric.unit)}"
    return f"[{rule.severity}] {rule.name}{about}:{still}{value} over {over}, not {limit}{why}"


def environment(notice: Notice) -> Mapping[str, str]:
    """A notice as variables of the environment."""
    told = document(notice)
    return {variable: _text(told[key]) for variable, key in _VARIABLES.items()}


def _number(value: float | None, unit: Unit) -> str:
    return display(value, unit, "UTC")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _time(moment: datetime) -> str:
    return iso_timestamp(moment, "UTC")

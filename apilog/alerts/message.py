"""What targets are told, as an object for machines and a sentence for people.

Texts of the log stand in it as they are: whoever writes them to a target escapes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from apilog.alerts.rules import AlertNotice, NoticeEvent
from apilog.metrics import Unit
from apilog.render.data.cell_values import iso_timestamp
from apilog.render.text.cell_text import format_value
from apilog.text.units import format_duration

NOTICE_VERSION = 1
"""Of the object; a key is never given another meaning within a version."""
_VARIABLES = {
    f"APILOG_ALERT_{'NAME' if key == 'alert' else key.upper()}": key
    for key in (
        *("event", "alert", "severity", "threshold", "labels", "value", "limit", "requests"),
        *("since", "at", "message"),
    )
}


def notice_document(notice: AlertNotice) -> dict[str, object]:
    """A notice as JSON has it."""
    rule, alert = notice.rule, notice.alert
    return {
        "version": NOTICE_VERSION,
        "event": notice.event.value,
        "repeated": notice.is_repeated,
        "alert": rule.name,
        "severity": rule.severity.value,
        "threshold": rule.condition,
        "over_seconds": rule.window.total_seconds(),
        "labels": dict(alert.labels),
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "since": _format_time(alert.since),
        "at": _format_time(notice.at),
        "message": notice_sentence(notice),
    }


def notice_sentence(notice: AlertNotice) -> str:
    """A notice in one line.

    Such as `[critical] errors: error_rate is 7.2 % over 5m, not < 5 %`.
    """
    rule, alert = notice.rule, notice.alert
    metric = rule.threshold.metric
    about = "".join(f" {column}={value}" for column, value in alert.labels)
    why = f" ({alert.reason})" if alert.reason else ""
    value = (
        ""
        if alert.value is None
        else f" {metric.name} is {_format_value(alert.value, metric.unit)}"
    )
    if notice.event is NoticeEvent.RESOLVED:
        return f"[resolved] {rule.name}{about}:{value or ' is over'}{why}"
    still = " still:" if notice.is_repeated else ""
    over = (
        format_duration(rule.window.total_seconds() * 1000).removesuffix(" 0s").removesuffix(" 0m")
    )
    limit = f"{rule.threshold.operator} {_format_value(alert.limit, metric.unit)}"
    return f"[{rule.severity}] {rule.name}{about}:{still}{value} over {over}, not {limit}{why}"


def notice_environment(notice: AlertNotice) -> Mapping[str, str]:
    """A notice as variables of the environment."""
    told = notice_document(notice)
    return {variable: _variable_text(told[key]) for variable, key in _VARIABLES.items()}


def _format_value(value: float | None, unit: Unit) -> str:
    return format_value(value, unit, "UTC")


def _variable_text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _format_time(moment: datetime) -> str:
    return iso_timestamp(moment, "UTC")

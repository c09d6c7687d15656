"""Notices in words: a JSON object for programs, a sentence for people, environment variables.

Text of the log is left as it is: each target escapes it for what it writes to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from apilog.alerts.rules import AlertNotice, NoticeEvent
from apilog.render.data.cell_values import iso_timestamp
from apilog.render.text.cell_text import format_value
from apilog.text.units import format_duration

NOTICE_VERSION = 1
"""The version of the JSON object; within a version no key changes its meaning."""
_VARIABLES = {
    f"APILOG_ALERT_{'NAME' if key == 'alert' else key.upper()}": key
    for key in (
        *("event", "alert", "severity", "threshold", "labels", "value", "limit", "requests"),
        *("since", "at", "message"),
    )
}


def notice_document(notice: AlertNotice) -> dict[str, object]:
    """Return a notice as a JSON object."""
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
        "since": iso_timestamp(alert.since, "UTC"),
        "at": iso_timestamp(notice.at, "UTC"),
        "message": notice_sentence(notice),
    }


def notice_sentence(notice: AlertNotice) -> str:
    """Return a notice as one line.

    For example `[critical] errors: error_rate is 7.2 % over 5m, not < 5 %`.
    """
    rule, alert = notice.rule, notice.alert
    metric = rule.threshold.metric
    about = "".join(f" {column}={value}" for column, value in alert.labels)
    why = f" ({alert.reason})" if alert.reason else ""
    value = ""
    if alert.value is not None:
        value = f" {metric.name} is {format_value(alert.value, metric.unit, 'UTC')}"
    if notice.event is NoticeEvent.RESOLVED:
        return f"[resolved] {rule.name}{about}:{value or ' is over'}{why}"
    still = " still:" if notice.is_repeated else ""
    # A window of `5m 0s` is written as `5m`, as in the configuration.
    window = format_duration(rule.window.total_seconds() * 1000)
    over = window.removesuffix(" 0s").removesuffix(" 0m")
    limit = f"{rule.threshold.operator} {format_value(alert.limit, metric.unit, 'UTC')}"
    return f"[{rule.severity}] {rule.name}{about}:{still}{value} over {over}, not {limit}{why}"


def notice_environment(notice: AlertNotice) -> Mapping[str, str]:
    """Return a notice as environment variables."""
    document = notice_document(notice)
    labels = json.dumps(document["labels"], ensure_ascii=False)
    values = {**{key: "" if v is None else str(v) for key, v in document.items()}, "labels": labels}
    return {variable: values[key] for variable, key in _VARIABLES.items()}

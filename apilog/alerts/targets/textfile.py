"""A file of metrics, as node_exporter's textfile collector takes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apilog.alerts.rules import Labels, Rule, Status
from apilog.alerts.targets.base import DeliveryError, Standing
from apilog.errors import OutputError
from apilog.outputs.escape import terminal_text
from apilog.outputs.files import replacing

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Textfile:
    """A file that is replaced after each evaluation, never seen half written."""

    name: str
    path: Path

    def write(self, standing: Standing) -> None:
        """Write it beside its place and rename it; raises DeliveryError."""
        try:
            with replacing(self.path, force=True) as stream:
                stream.write("".join(f"{line}\n" for line in exposition(standing)).encode())
        except OutputError as error:
            raise DeliveryError(str(error)) from error


def exposition(standing: Standing) -> Iterator[str]:
    """The lines of Prometheus' text format.

    `apilog_alert_firing` and `apilog_alert_pending` are 1 or 0 for each rule, and for each value
    of its `for each` that fails; `apilog_alert_value` is what was measured.
    """
    for status in Status:
        yield from _head(f"apilog_alert_{status}", f"Whether the alert is {status}.")
        for rule in standing.rules:
            failing = [alert for alert in standing.alerts if alert.rule == rule.name]
            for alert in failing:
                number = int(alert.status is status)
                yield f"apilog_alert_{status}{_labels(rule, alert.labels)} {number}"
            if not failing:
                yield f"apilog_alert_{status}{_labels(rule, ())} 0"
    yield from _head("apilog_alert_value", "What the alert's metric measures, while it fails.")
    yield from _values(standing)
    name = "apilog_alerts_evaluated_timestamp_seconds"
    yield from _head(name, "When the alerts were last evaluated.")
    yield f"{name} {standing.at.timestamp():.3f}"


def _values(standing: Standing) -> Iterator[str]:
    rules = {rule.name: rule for rule in standing.rules}
    for alert in standing.alerts:
        if alert.value is not None and alert.rule in rules:
            yield f"apilog_alert_value{_labels(rules[alert.rule], alert.labels)} {alert.value!r}"


def _head(name: str, told: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} gauge"


def _labels(rule: Rule, labels: Labels) -> str:
    pairs = [("alert", rule.name), ("severity", rule.severity.value), *labels]
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)
    return f"{{{inner}}}"


def _escaped(value: str) -> str:
    return terminal_text(value).translate(_ESCAPED)

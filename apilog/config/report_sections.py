"""The sections `[metrics.NAME]` and `[reports.NAME]`: what the user counts, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping

from apilog.config.sections import ConfigTable
from apilog.errors import DeclarationError


def read_metrics(table: ConfigTable) -> Mapping[str, Mapping[str, object]]:
    """Read the user's metrics by name; raises UsageError for one that can't be."""
    from apilog.developer_success.success_metrics import SUCCESS_METRICS
    from apilog.own_metrics import declare_metric

    metrics: dict[str, Mapping[str, object]] = {}
    for name in table.keys:
        values = table.values(name)
        if values is None:
            continue
        if name in SUCCESS_METRICS:
            raise table.error(name, "has the name of a metric that apilog has", "call it otherwise")
        try:
            declare_metric(name, values)
        except DeclarationError as problem:
            raise table.error(name, problem.problem, problem.hint, problem.place) from problem
        metrics[name] = values
    return metrics

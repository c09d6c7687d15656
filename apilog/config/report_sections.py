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


def read_reports(
    table: ConfigTable, metrics: Mapping[str, Mapping[str, object]]
) -> Mapping[str, Mapping[str, object]]:
    """Read the user's reports by name; raises UsageError for one that can't be.

    `metrics` are the user's, which the tables may name.
    """
    from apilog.own_metrics import APDEX, own_definitions
    from apilog.reports.report_layout import declare_report

    # With --apdex its metric is there, whatever the configuration has.
    target = None if APDEX in metrics else "1s"
    definitions = own_definitions(metrics, target)
    reports: dict[str, Mapping[str, object]] = {}
    for name in table.keys:
        values = table.values(name)
        if values is None:
            continue
        try:
            declare_report(name, values, definitions)
        except DeclarationError as problem:
            raise table.error(name, problem.problem, problem.hint, problem.place) from problem
        reports[name] = values
    return reports

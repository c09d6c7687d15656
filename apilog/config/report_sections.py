"""The sections `[metrics.NAME]`, `[slo.NAME]` and `[reports.NAME]`: what the user counts and wants,
and how it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from apilog.config.sections import ConfigTable
from apilog.errors import DeclarationError

if TYPE_CHECKING:
    from apilog.metrics import Metric

_Declared = Mapping[str, Mapping[str, object]]


def read_metrics(table: ConfigTable) -> _Declared:
    """Read the user's metrics by name; raises UsageError for one that can't be."""
    from apilog.own_metrics import declare_metric

    return _read_declared(table, declare_metric)


def read_objectives(table: ConfigTable, metrics: _Declared) -> _Declared:
    """Read the service level objectives by name; raises UsageError for one that can't be.

    `metrics` are the user's, whose names are taken.
    """
    from apilog.own_metrics import declare_objective

    for name in table.keys:
        if name in metrics:
            raise table.error(name, "has the name of a metric of [metrics]", "call it otherwise")
    return _read_declared(table, declare_objective)


def _read_declared(
    table: ConfigTable, declare: Callable[[str, Mapping[str, object]], Metric]
) -> _Declared:
    from apilog.developer_success.success_metrics import SUCCESS_METRICS

    declared: dict[str, Mapping[str, object]] = {}
    for name in table.keys:
        values = table.values(name)
        if values is None:
            continue
        if name in SUCCESS_METRICS:
            raise table.error(name, "has the name of a metric that apilog has", "call it otherwise")
        try:
            declare(name, values)
        except DeclarationError as problem:
            raise table.error(name, problem.problem, problem.hint, problem.place) from problem
        declared[name] = values
    return declared


def read_reports(table: ConfigTable, metrics: _Declared) -> _Declared:
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

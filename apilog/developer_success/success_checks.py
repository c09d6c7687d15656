"""Thresholds on success metrics: `check` holds them against accounts beside those on requests."""

from __future__ import annotations

from collections.abc import Sequence
from os import fspath

from apilog.checks.check import CheckResult, plan_check, run_check
from apilog.checks.grammar import parse_thresholds
from apilog.checks.samples import MetricSample, SampleKey, SubjectSamples
from apilog.checks.threshold import ANOMALY_METRICS, MetricCatalogue, request_catalogue
from apilog.developer_success.report_builder import build_success_report
from apilog.developer_success.success_metrics import ROW_KEYS, SUCCESS_METRICS, success_values
from apilog.errors import UsageError
from apilog.metrics import Metric, MetricDefinitions, MetricKind
from apilog.options import CheckOptions, JoinOptions, Source, SuccessOptions
from apilog.own_metrics import own_definitions
from apilog.sources import STDIN

SUCCESS_CATALOGUE = MetricCatalogue(
    metrics={
        name: Metric(
            name=name,
            unit=metric.unit,
            definition=metric.definition,
            better=metric.better,
            kind=MetricKind.PROPORTION if metric.is_proportion else MetricKind.OTHER,
            sample="account",
            is_share=metric.is_share,
        )
        for name, metric in SUCCESS_METRICS.items()
    },
    columns=ROW_KEYS,
)
"""The success metrics, as thresholds name them."""


def all_catalogues(definitions: MetricDefinitions) -> tuple[MetricCatalogue, ...]:
    """Return what the thresholds of `check` can be about; the definitions are of requests."""
    return (request_catalogue(definitions), ANOMALY_METRICS, SUCCESS_CATALOGUE)


def check_all(sources: Sequence[Source], options: CheckOptions) -> CheckResult:
    """Hold the thresholds against requests and, where they are about them, accounts.

    Raises UsageError before anything is read: for what can't be understood, and for a success
    metric that is held to a baseline or asked for by a column that doesn't tell it apart.
    """
    definitions = own_definitions(options.own_metrics, options.apdex, options.openapi)
    thresholds = parse_thresholds(options.thresholds, all_catalogues(definitions))
    on_accounts = [t for t in thresholds if t.metric.name in SUCCESS_METRICS]
    for threshold in on_accounts:
        name = threshold.metric.name
        if threshold.is_comparison:
            raise UsageError(f"{threshold}: {name} is not in a baseline", "give a number")
        keys = SUCCESS_METRICS[name].keys
        for column in (*dict(threshold.where), *threshold.each):
            if column not in keys:
                hint = f"it is told apart by {', '.join(keys)}" if keys else "leave it out"
                raise UsageError(f"{threshold}: {name} has no column {column!r}", hint)
    plan = plan_check(thresholds, options)
    if not on_accounts:
        return run_check(sources, plan, {})
    if STDIN in [fspath(source) for source in sources]:
        raise UsageError(
            "standard input can't be read twice, for requests and for accounts",
            "save the log to a file, or `apilog ingest` it",
        )
    # The same calls as are checked; rejects and progress belong to the pass over requests.
    joined = options.convert_to(JoinOptions, progress=None, rejects=None)
    values = success_values(build_success_report(sources, joined.convert_to(SuccessOptions)).tables)
    measured = {}
    for threshold in on_accounts:
        of_metric = [value for value in values if value.name == threshold.metric.name]
        chosen = dict(threshold.where)
        samples: dict[SampleKey, MetricSample] = {
            tuple(value.keys[column] for column in threshold.each): MetricSample(
                value=value.value, size=value.n, events=value.events
            )
            for value in of_metric
            # Only the rows that exactly these columns tell apart: totals have fewer of them.
            if {*value.keys} == {*chosen, *threshold.each} and chosen.items() <= value.keys.items()
        }
        total = sum(value.n for value in of_metric)
        measured[threshold] = SubjectSamples(samples=samples, total=total)
    return run_check(sources, plan, measured)

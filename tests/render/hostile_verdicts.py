"""Reports with verdicts in which a text stands wherever a log's text may stand."""

from __future__ import annotations

from typing import Any

import polars as pl

from apilog.checks import MetricSample, SubjectSamples, evaluate_threshold, parse_threshold
from apilog.checks.check_tables import changed_table, checks_table, worst_table
from apilog.checks.compare import SamplePair, compare_pairs, comparison_table
from apilog.checks.evaluate import DecisionPolicy
from apilog.checks.samples import SampleKey
from apilog.checks.threshold import ENDPOINT_COLUMNS
from apilog.metrics import METRICS
from apilog.report_model import FileInput, InputSummary, Report

_FILE = FileInput(path="access.log", format="combined", lines=9, records=9, rejects=0, skipped=0)
_INPUT = InputSummary(lines=9, records=9, rejects=0, skipped=0, files=(_FILE,))


def errors(events: int, size: int) -> MetricSample:
    return MetricSample(value=events / size if size else None, size=size, events=events)


def latency(bucket: int, size: int) -> MetricSample:
    return MetricSample(value=1.02**bucket, size=size, histogram={bucket: size})


def checks_report(*texts: str, said: str = "a note") -> Report:
    """Thresholds that pass, fail and are open; the texts are routes, and part of a threshold."""
    quoted = texts[0].replace("\\", "\\\\").replace('"', '\\"')
    samples = {
        (text,): errors(min(i * 40, 900), 1000) for i, text in enumerate(dict.fromkeys(texts))
    }
    few: dict[Any, MetricSample] = {(f"/few/{i}",): errors(1, 9) for i in range(12)}
    every = SubjectSamples(samples=samples | few, total=5000)
    base = SubjectSamples(samples={(text,): errors(40, 1000) for text in texts}, total=5000)
    plan = [
        ("error_rate < 1%", SubjectSamples(samples={(): errors(80, 2000)}, total=5000), None),
        (
            f'requests{{route="{quoted}"}} >= 10',
            SubjectSamples(samples={(): errors(0, 50)}, total=1),
            None,
        ),
        ("error_rate < 5% for each route", every, None),
        ("error_rate <= baseline for each route", every, base),
        ("latency_p95 < 300ms", SubjectSamples(samples={(): latency(200, 500)}, total=5000), None),
        (
            "consumers >= 2",
            SubjectSamples(samples={(): MetricSample(value=None, size=500)}, total=5),
            None,
        ),
    ]
    thresholds = [parse_threshold(text) for text, _, _ in plan]
    results = {
        threshold: evaluate_threshold(threshold, current, before)
        for threshold, (_, current, before) in zip(thresholds, plan, strict=True)
    }
    ends: dict[SampleKey, MetricSample] = {
        ("nginx", text, text): sample for (text,), sample in samples.items()
    }
    endpoints = SubjectSamples(samples=ends, total=5000)
    tables = {
        "checks": checks_table(results),
        "worst": worst_table([(thresholds[0], endpoints)]),
        "changed": changed_table(endpoints, SubjectSamples(samples={}, total=0)),
    }
    return _report("check", tables, said)


def comparison_report(*texts: str, said: str = "a note") -> Report:
    """A metric of every verdict; the texts are methods and routes."""
    policy = DecisionPolicy()
    pairs: dict[SampleKey, SamplePair] = {
        ("nginx", text, text): SamplePair(errors(min(10 + 40 * i, 900), 1000), errors(50, 1000))
        for i, text in enumerate(dict.fromkeys(texts))
    }
    both = {None: SamplePair(errors(50, 5000), errors(90, 5000))}
    few = {None: SamplePair(latency(200, 50), latency(210, 5000))}
    rows = [
        *compare_pairs(METRICS["error_rate"], both, policy),
        *compare_pairs(METRICS["error_rate"], pairs, policy),
        *compare_pairs(METRICS["latency_p95"], few, policy),
    ]
    return _report(
        "compare", {"comparison": comparison_table(rows, ENDPOINT_COLUMNS, policy)}, said
    )


def _report(command: str, tables: dict[str, pl.DataFrame], said: str) -> Report:
    return Report(
        version="0.0.0",
        command=command,
        since=None,
        until=None,
        input=_INPUT,
        tables=tables,
        notes=(said,),
    )

"""Reports with verdicts in which a text stands wherever a log's text may stand."""

from __future__ import annotations

from typing import Any

import polars as pl

from apilog.checks import Measured, Sample, evaluate, parse_threshold
from apilog.checks.comparison import Pair, comparison_table, decided
from apilog.checks.evaluate import Policy
from apilog.checks.tables import changed_table, checks_table, worst_table
from apilog.checks.threshold import ENDPOINT
from apilog.metrics import METRICS
from apilog.model import FileInput, InputSummary, Report

_FILE = FileInput(path="access.log", format="combined", lines=9, records=9, rejects=0, skipped=0)
_INPUT = InputSummary(lines=9, records=9, rejects=0, skipped=0, files=(_FILE,))


def errors(events: int, size: int) -> Sample:
    return Sample(value=events / size if size else None, size=size, events=events)


def latency(bucket: int, size: int) -> Sample:
    return Sample(value=1.02**bucket, size=size, histogram={bucket: size})


def checks_report(*texts: str, said: str = "a note") -> Report:
    """Thresholds that pass, fail and are open; the texts are routes, and part of a threshold."""
    quoted = texts[0].replace("\\", "\\\\").replace('"', '\\"')
    samples = {
        (text,): errors(min(i * 40, 900), 1000) for i, text in enumerate(dict.fromkeys(texts))
    }
    few: dict[Any, Sample] = {(f"/few/{i}",): errors(1, 9) for i in range(12)}
    every = Measured(samples=samples | few, total=5000)
    base = Measured(samples={(text,): errors(40, 1000) for text in texts}, total=5000)
    plan = [
        ("error_rate < 1%", Measured(samples={(): errors(80, 2000)}, total=5000), None),
        (
            f'requests{{route="{quoted}"}} >= 10',
            Measured(samples={(): errors(0, 50)}, total=1),
            None,
        ),
        ("error_rate < 5% for each route", every, None),
        ("error_rate <= baseline for each route", every, base),
        ("latency_p95 < 300ms", Measured(samples={(): latency(200, 500)}, total=5000), None),
        ("consumers >= 2", Measured(samples={(): Sample(value=None, size=500)}, total=5), None),
    ]
    thresholds = [parse_threshold(text) for text, _, _ in plan]
    results = {
        threshold: evaluate(threshold, current, before)
        for threshold, (_, current, before) in zip(thresholds, plan, strict=True)
    }
    ends = {("nginx", text, text): sample for (text,), sample in samples.items()}
    endpoints = Measured(samples=ends, total=5000)
    tables = {
        "checks": checks_table(results),
        "worst": worst_table([(thresholds[0], endpoints)]),
        "changed": changed_table(endpoints, Measured(samples={}, total=0)),
    }
    return _report("check", tables, said)


def comparison_report(*texts: str, said: str = "a note") -> Report:
    """A metric of every verdict; the texts are methods and routes."""
    policy = Policy()
    pairs = {
        ("nginx", text, text): Pair(errors(min(10 + 40 * i, 900), 1000), errors(50, 1000))
        for i, text in enumerate(dict.fromkeys(texts))
    }
    both = {None: Pair(errors(50, 5000), errors(90, 5000))}
    few = {None: Pair(latency(200, 50), latency(210, 5000))}
    rows = [
        *decided(METRICS["error_rate"], both, policy),
        *decided(METRICS["error_rate"], pairs, policy),
        *decided(METRICS["latency_p95"], few, policy),
    ]
    return _report("compare", {"comparison": comparison_table(rows, ENDPOINT, policy)}, said)


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

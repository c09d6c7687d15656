"""Runs a plan over records, and holds a finished table against the definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from apilog.aggregate import FinishedTables, ReportPlan, TableSpec, finish, partial
from apilog.metrics import METRICS
from apilog.text.units import parse_duration
from tests.aggregate import oracle
from tests.aggregate.oracle import Key, Record, frame_of


def run(plan: ReportPlan, rows: Sequence[Record]) -> FinishedTables:
    frame = frame_of(rows).select(sorted(plan.columns))
    return finish(plan, partial(plan, frame))


def agrees(name: str, value: Any, expected: Any) -> bool:
    """Whether a metric is what it is defined to be."""
    if value is None or expected is None:
        return value is None and expected is None
    metric = METRICS[name]
    if metric.quantile is not None:
        return math.isclose(value, expected, rel_tol=0.0101)
    if "latency" in name:
        return math.isclose(value, expected, rel_tol=1e-9, abs_tol=0.000_51)
    if isinstance(expected, float):
        return math.isclose(value, expected, rel_tol=1e-12)
    return bool(value == expected)


def check(
    table: pl.DataFrame,
    spec: TableSpec,
    groups: dict[Key, list[Record]],
    rows: Sequence[Record],
    step: str = "1s",
) -> None:
    """Hold each row of a table against the records of its group; buckets have a fixed step."""
    assert table.columns == [*spec.keys, *(METRICS[m].column for m in spec.metrics)]
    found = {tuple(row[k] for k in spec.keys): row for row in table.to_dicts()}
    assert len(found) == table.height
    assert set(found) == set(groups)
    for key, group in groups.items():
        for name in spec.metrics:
            value = found[key][METRICS[name].column]
            expected = oracle.metric(name, group, seconds_of(key, spec, rows, step))
            assert agrees(name, value, expected), (spec.name, key, name, value, expected)


def seconds_of(key: Key, spec: TableSpec, rows: Sequence[Record], step: str) -> float | None:
    """How long the window of a row is: all of it, or what its bucket has of it."""
    times = oracle.known(rows, "timestamp")
    if not times:
        return None
    first, last = min(times), max(times)
    if "timestamp" in spec.keys:
        start = key[spec.keys.index("timestamp")]
        if start is None:
            return None
        first, last = max(first, start), min(last, start + parse_duration(step))
    return (last - first).total_seconds()

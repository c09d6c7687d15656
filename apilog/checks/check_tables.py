"""The tables of a report on thresholds, made of results and samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from apilog.checks.evaluate import ThresholdResult
from apilog.checks.samples import MetricSample, SampleKey, SubjectSamples
from apilog.checks.threshold import ENDPOINT_COLUMNS, Threshold, endpoint_columns_without
from apilog.metrics import MetricKind
from apilog.report_model import CheckState
from apilog.schema import SCHEMA

CHECKS_TABLE, WORST_TABLE, CHANGED_TABLE = "checks", "worst", "changed"
"""Names of the tables."""

_FIRST_COLUMNS = {"threshold": pl.String, "metric": pl.String}
_RESULT_COLUMNS = {
    "state": pl.String,
    "value": pl.Float64,
    "limit": pl.Float64,
    "baseline": pl.Float64,
    "requests": pl.Int64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "design_effect": pl.Float64,
    "reason": pl.String,
}
_WORST_COLUMNS = {"value": pl.Float64, "requests": pl.Int64}
_WORST_COUNT = 5
"""The number of endpoints that are named for a threshold that failed."""
_STATE_ORDER = (CheckState.FAIL, CheckState.PASS, CheckState.INCONCLUSIVE)


def checks_table(results: Mapping[Threshold, Sequence[ThresholdResult]]) -> pl.DataFrame:
    """Return a row per result: thresholds in their order, the failures of each first."""
    chosen = {c for t in results for c in (*(name for name, _ in t.where), *t.each)}
    # Columns of records in their order, then the others.
    known = [*SCHEMA]
    used = sorted(chosen, key=lambda c: (known.index(c) if c in SCHEMA else len(known), c))
    types = {c: SCHEMA[c] if _is_integer_column(c) else pl.String for c in used}
    rows = [
        {
            "threshold": str(threshold),
            "metric": threshold.metric.name,
            **dict.fromkeys(used),
            **{c: int(text) if _is_integer_column(c) else text for c, text in threshold.where},
            **dict(zip(threshold.each, result.key, strict=True)),
            **{name: getattr(result, name) for name in _RESULT_COLUMNS},
            "reason": result.reason or None,
        }
        for threshold, several in results.items()
        for result in sorted(several, key=lambda r: (_STATE_ORDER.index(r.state), -r.requests))
    ]
    return pl.DataFrame(rows, schema={**_FIRST_COLUMNS, **types, **_RESULT_COLUMNS})


def worst_table(failed: Iterable[tuple[Threshold, SubjectSamples]]) -> pl.DataFrame:
    """Return the endpoints that did most for the failure of each threshold."""
    rows = [
        {
            "threshold": str(threshold),
            "metric": threshold.metric.name,
            **dict.fromkeys(ENDPOINT_COLUMNS),
            **dict(zip(endpoint_columns_without(threshold.where), key, strict=True)),
            **{column: text for column, text in threshold.where if column in ENDPOINT_COLUMNS},
            "value": sample.value,
            "requests": sample.size,
        }
        for threshold, measured in failed
        for key, sample in _worst_endpoints(threshold, measured)
    ]
    keys = dict.fromkeys(ENDPOINT_COLUMNS, pl.String)
    return pl.DataFrame(rows, schema={**_FIRST_COLUMNS, **keys, **_WORST_COLUMNS})


def changed_table(
    current: SubjectSamples, base: SubjectSamples, columns: tuple[str, ...] = ENDPOINT_COLUMNS
) -> pl.DataFrame:
    """Return the endpoints that only one side has, the busiest first."""
    rows = [
        {**dict(zip(columns, key, strict=True)), "change": change, "requests": sample.size}
        for change, one, other in (("new", current, base), ("vanished", base, current))
        for key, sample in sorted(one.samples.items(), key=lambda item: -item[1].size)
        if key not in other.samples
    ]
    keys = dict.fromkeys(columns, pl.String)
    return pl.DataFrame(rows, schema={**keys, "change": pl.String, "requests": pl.Int64})


def _is_integer_column(column: str) -> bool:
    return column in SCHEMA and SCHEMA[column].is_integer()


def _worst_endpoints(
    threshold: Threshold, measured: SubjectSamples
) -> list[tuple[SampleKey, MetricSample]]:
    """Return the endpoints that did most to exceed an upper limit.

    They are those with most events, or else the largest values among busy endpoints.
    """
    if not threshold.operator.is_upper:
        return []
    samples = [
        item for item in (*measured.samples.items(), *measured.others.items()) if item[1].value
    ]
    if threshold.metric.kind is MetricKind.PROPORTION:
        samples.sort(key=lambda item: -(item[1].events or 0))
    else:
        # Of a few requests the slowest is no finding: chance decides it.
        busy = max((sample.size for _, sample in samples), default=0) / 100
        samples = [item for item in samples if item[1].size >= busy]
        samples.sort(key=lambda item: -(item[1].value or 0))
    return samples[:_WORST_COUNT]

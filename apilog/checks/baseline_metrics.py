"""What a baseline holds of metrics that are not built in, and how its file says it.

Of a proportion or a count it has the numbers of requests that make it, also over time; of a
quantile or a mean the buckets of its values. Metrics without a test are not held.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from apilog.aggregate.ddsketch import bucket_of, bucket_value_ms
from apilog.checks.metric_events import events_column
from apilog.checks.threshold import ENDPOINT_COLUMNS
from apilog.metrics import Accumulator, Metric, MetricDefinitions, MetricKind
from apilog.schema import TIMESTAMP

KEY_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(ENDPOINT_COLUMNS, pl.String),
    "named": pl.Boolean,
}
"""The columns of every frame of a baseline."""
_COUNTED_KINDS = (MetricKind.PROPORTION, MetricKind.COUNT)
_COUNTED, _OVER_TIME, _VALUES, _BUCKETS = "counted", "counted_over_time", "values", "buckets"
_NAME = re.compile(r"[a-z0-9_.]{1,200}")

RouteKey = tuple[object, ...]


def kept_metrics(definitions: MetricDefinitions) -> tuple[Metric, ...]:
    """Return the metrics beside the built-in ones that a baseline holds: those with a test."""
    return tuple(m for m in definitions.named if m.kind is not MetricKind.OTHER)


def counted_parts(metric: Metric) -> tuple[str, ...]:
    """Return the metrics whose numbers of requests make a proportion or a count."""
    if metric.kind not in _COUNTED_KINDS:
        return ()
    parts = (metric.size, events_column(metric), metric.outside)
    return tuple(name for name in parts if name and name != "requests")


def all_parts(metrics: Iterable[Metric]) -> tuple[str, ...]:
    """Return the counted parts of several metrics, each once."""
    return tuple(dict.fromkeys(part for metric in metrics for part in counted_parts(metric)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBaseline:
    """What a baseline holds of metrics that are not built in."""

    definitions: Mapping[str, str] = field(default_factory=dict)
    """What each of them meant when it was made."""
    counts: pl.DataFrame
    """The `requests` and the counted parts of each route."""
    slices: pl.DataFrame
    """The same in each slice of time, which starts at `timestamp`."""
    values: pl.DataFrame
    """The accumulators of derived columns of each route."""
    histograms: Mapping[str, pl.DataFrame]
    """The count `n` of each `bucket` of each route, by derived column."""


def derived_accumulators(metric: Metric) -> tuple[Accumulator, ...]:
    """Return the accumulators of the derived column whose values make the metric."""
    return tuple(a for a in metric.accumulators if a.column and a.column == metric.sampled)


def own_facts(
    own: OwnBaseline, first: datetime | None, length: timedelta
) -> dict[RouteKey, dict[str, object]]:
    """Return what the file says of each route beside the facts that every baseline has.

    `first` is the start of the first slice that is written, `length` that of a slice.
    """
    keys = [*KEY_COLUMNS]
    facts: dict[RouteKey, dict[str, object]] = {}
    parts = sorted(name for name in own.counts.columns if name not in (*keys, "requests"))
    for row in own.counts.iter_rows(named=True) if parts else ():
        key = tuple(row[name] for name in keys)
        facts.setdefault(key, {})[_COUNTED] = {part: row[part] for part in parts if row[part]}
    if first is not None and parts:
        for row in own.slices.sort("timestamp").iter_rows(named=True):
            key = tuple(row[name] for name in keys)
            index = str((row["timestamp"] - first) // length)
            over_time: Any = facts.setdefault(key, {}).setdefault(_OVER_TIME, {})
            for part in sorted(own.slices.columns):
                if part not in (*keys, "timestamp") and row[part]:
                    over_time.setdefault(part, {})[index] = row[part]
    for column, histogram in sorted(own.histograms.items()):
        names = [name for name in sorted(own.values.columns) if name.startswith(f"{column}.")]
        for row in own.values.iter_rows(named=True):
            key = tuple(row[name] for name in keys)
            said: Any = facts.setdefault(key, {}).setdefault(_VALUES, {})
            if row[f"{column}.n"]:
                said[column] = {name.removeprefix(f"{column}."): row[name] for name in names}
                said[column][_BUCKETS] = {}
        for *key_values, bucket, n in histogram.sort("bucket").select(*keys, "bucket", "n").rows():
            said = facts[tuple(key_values)][_VALUES]
            said[column][_BUCKETS][f"{bucket_value_ms(bucket):.4g}"] = n
    return facts


class OwnBaselineRows:
    """The rows of these frames, filled route by route from a file."""

    def __init__(self, definitions: object) -> None:
        """`definitions` is what the head of the file says that its metrics mean."""
        given = {} if definitions is None else definitions
        if not isinstance(given, dict):
            raise TypeError
        self._definitions = {str(name): str(text) for name, text in given.items()}
        self._counts: list[dict[str, object]] = []
        self._slices: list[dict[str, object]] = []
        self._values: list[dict[str, object]] = []
        self._histograms: dict[str, list[tuple[object, ...]]] = {}

    def add_route(
        self,
        key: Sequence[object],
        route: Mapping[str, Any],
        first: datetime | None,
        length: timedelta,
    ) -> None:
        """Add what the file says of a route; raises an error of Python's for what is wrong."""
        keyed = dict(zip(KEY_COLUMNS, key, strict=True))
        counted = dict(_whole_numbers(route.get(_COUNTED, {})))
        requests = sum(n for _, n in _whole_numbers(route["statuses"], are_names=False))
        self._counts.append({**keyed, "requests": requests, **counted})
        over_time: dict[int, dict[str, object]] = {}
        for part, numbers in route.get(_OVER_TIME, {}).items():
            for index, n in _whole_numbers(numbers, are_names=False):
                over_time.setdefault(int(index), {})[_checked_name(part)] = n
        if over_time and first is None:
            raise ValueError
        for number, row in over_time.items():
            assert first is not None
            self._slices.append({**keyed, "timestamp": first + number * length, **row})
        values: dict[str, object] = {}
        for column, said in route.get(_VALUES, {}).items():
            buckets = said.pop(_BUCKETS)
            named = _whole_numbers(said)
            values |= {f"{_checked_name(column)}.{name}": n for name, n in named}
            rows = self._histograms.setdefault(column, [])
            for value, n in _whole_numbers(buckets, are_names=False):
                rows.append((*key, bucket_of(float(value)), n))
        self._values.append({**keyed, **values})

    def build(self) -> OwnBaseline:
        """Return the frames of all routes that were added."""
        histogram = {**KEY_COLUMNS, "bucket": pl.Int16, "n": pl.Int64}
        return OwnBaseline(
            definitions=self._definitions,
            counts=_frame_of(self._counts, {"requests": pl.Int64}),
            slices=_frame_of(self._slices, {"timestamp": TIMESTAMP, "requests": pl.Int64}),
            values=_frame_of(self._values, {}),
            histograms={
                column: pl.DataFrame(rows, schema=histogram, orient="row")
                for column, rows in self._histograms.items()
            },
        )


def _frame_of(
    rows: Sequence[Mapping[str, object]], fixed: Mapping[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """Return rows as a frame; sums that a row does not have are 0, least and greatest null."""
    known = {**KEY_COLUMNS, **fixed}
    further = sorted({name for row in rows for name in row} - known.keys())
    frame = pl.DataFrame(
        [{**dict.fromkeys(further), **row} for row in rows],
        schema={**known, **dict.fromkeys(further, pl.Int64)},
    )
    sums = [n for n in (*further, "requests") if not n.endswith((".min", ".max"))]
    return frame.with_columns(pl.col(n).fill_null(0) for n in sums if n in frame.columns)


def _whole_numbers(named: object, *, are_names: bool = True) -> Iterator[tuple[str, int]]:
    """Yield names and whole numbers of the file; raises TypeError for anything else."""
    if not isinstance(named, dict):
        raise TypeError
    for name, n in named.items():
        # Not isinstance: True is an int.
        if type(n) is not int or abs(n) >= 1 << 62:
            raise TypeError
        yield _checked_name(name) if are_names else name, n


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name in (*KEY_COLUMNS, "timestamp", "bucket"):
        raise ValueError
    return name

"""Measuring: what thresholds need of requests, in sums that merge, from one pass.

A measurement is a few plans of the aggregate, one for each choice of requests (`where`), so
that what is chosen is never folded. The same three steps: partial, merge, finish.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Protocol

import polars as pl

from apilog.aggregate import Groups, Partial, Plan, TableSpec, groups, merge, partial
from apilog.checks.samples import Key, Measured, Sample
from apilog.checks.threshold import Subject, Where
from apilog.metrics import METRICS, Kind, Metric
from apilog.schema import SCHEMA

State = tuple[Partial, ...]
"""Of the plans of a measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that is measured: `since` inclusive, `until` exclusive; None for no limit."""

    since: datetime | None = None
    until: datetime | None = None


class Measurable(Protocol):
    """What subjects can be measured of: logs that were read, or a baseline."""

    def of(self, subject: Subject) -> Measured:
        """The samples of a subject."""


class Measurement:
    """What is measured of the requests in a window; `columns` are those that it reads."""

    def __init__(
        self,
        subjects: Iterable[Subject],
        window: Window = Window(),
        *,
        tables: Sequence[TableSpec] = (),
        max_routes: int = 1000,
        max_rows: int = 10_000,
        max_keys: int = 100_000,
        bucket: str | None = None,
    ) -> None:
        """`tables` are made beside, of all requests; for the limits see `Plan`."""
        self.window = window
        self.subjects = tuple(dict.fromkeys(subjects))
        self._specs = _specs(self.subjects, tables)
        self._plans = tuple(
            Plan(
                tables=tuple(specs),
                since=window.since,
                until=window.until,
                max_routes=max_routes,
                max_rows=max_rows,
                max_keys=max_keys,
                bucket=bucket,
            )
            for specs in self._specs.values()
        )
        chosen = {column for where in self._specs for column, _ in where}
        self.columns = frozenset(chosen).union(*(plan.columns for plan in self._plans))

    def partial(self, records: pl.DataFrame) -> State:
        """The state of some records, which have at least the `columns`."""
        return tuple(
            partial(plan, records.filter(chosen_by(where)) if where else records)
            for where, plan in zip(self._specs, self._plans, strict=True)
        )

    def merge(self, states: Sequence[State]) -> State:
        """One state of several."""
        return tuple(
            merge(plan, [state[i] for state in states]) for i, plan in enumerate(self._plans)
        )

    def finish(self, state: State, seconds: float | None = None) -> Measures:
        """What was measured; `seconds` is the length of a window that is no fixed one."""
        found = [groups(plan, one) for plan, one in zip(self._plans, state, strict=True)]
        return Measures(
            window=Window(
                since=self.window.since or state[0].first,
                until=self.window.until or state[0].last,
            ),
            groups={
                (where, name): group
                for where, named in zip(self._specs, found, strict=True)
                for name, group in named.items()
            },
            given_seconds=seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The finished measurement."""

    window: Window
    """The limits given, else the first and last record."""
    groups: Mapping[tuple[Where, str], Groups]
    given_seconds: float | None = None

    @property
    def seconds(self) -> float | None:
        """Length of the window."""
        if self.given_seconds is not None:
            return self.given_seconds
        if self.window.since is None or self.window.until is None:
            return None
        return (self.window.until - self.window.since).total_seconds()

    @property
    def total(self) -> int:
        """All requests of the window."""
        return int(self.groups[(), _name(())].table["requests"].sum())

    def group(self, table: str) -> Groups:
        """One of the tables made beside."""
        return self.groups[(), table]

    def of(self, subject: Subject) -> Measured:
        """The samples of a subject."""
        group = self.groups[subject.where, _name(subject.each)]
        return measured(subject, group, self.total, self.seconds)


def chosen_by(where: Where) -> pl.Expr:
    """Whether a request, or a row of keys, is one of those; `where` is not empty."""
    equal = (
        pl.col(column) == (int(text) if SCHEMA[column].is_integer() else text)
        for column, text in where
    )
    return reduce(lambda a, b: a & b, equal).fill_null(value=False)


def measured(subject: Subject, group: Groups, total: int, seconds: float | None) -> Measured:
    """The samples of a subject, out of a table over its columns."""
    is_value = group.named
    if subject.each:
        known = group.table.select(pl.all_horizontal(pl.col(subject.each).is_not_null()))
        is_value &= known.to_series()
    found = [*zip(is_value, _samples(subject, group, seconds), strict=True)]
    return Measured(
        samples=dict(item for is_one, item in found if is_one),
        total=total,
        seconds=seconds,
        others=dict(item for is_one, item in found if not is_one),
        unnamed=int(group.table["requests"].filter(~is_value).sum()),
    )


def _specs(
    subjects: Iterable[Subject], tables: Sequence[TableSpec]
) -> dict[Where, list[TableSpec]]:
    """The tables to make for each choice of requests; of all requests at least their number."""
    metrics: dict[Where, dict[tuple[str, ...], set[str]]] = {(): {(): set()}}
    for subject in subjects:
        own = metrics.setdefault(subject.where, {}).setdefault(subject.each, set())
        own.update(_needed(subject.metric))
    specs = {
        where: [_spec(each, names) for each, names in by_each.items()]
        for where, by_each in metrics.items()
    }
    specs[()].extend(tables)
    return specs


def _needed(metric: Metric) -> Iterator[str]:
    """The metrics that a sample is made of."""
    yield metric.name
    if metric.events:
        yield metric.events
    if metric.durations:
        # Any quantile brings the histogram.
        yield next(m.name for m in METRICS.values() if m.histogram == metric.durations)


def _spec(each: tuple[str, ...], names: set[str]) -> TableSpec:
    metrics = tuple(name for name in METRICS if name in names | {"requests"})
    return TableSpec(name=_name(each), keys=each, metrics=metrics)


def _name(each: tuple[str, ...]) -> str:
    return f"by {', '.join(each)}"


def _samples(
    subject: Subject, group: Groups, seconds: float | None
) -> Iterator[tuple[Key, Sample]]:
    """Of each row of the table."""
    metric, table = subject.metric, group.table
    histograms = _histograms(metric, group)
    columns = (table[name].to_list() for name in (metric.column, "requests"))
    keys = table.select(subject.each).rows() if subject.each else [()] * table.height
    for row, (key, value, requests, events) in enumerate(
        zip(keys, *columns, _events(metric, table), strict=True)
    ):
        histogram = histograms.get(row, {})
        if metric.kind is Kind.RATE and seconds:
            value = requests / seconds
        sample = Sample(
            value=value,
            size=sum(histogram.values()) if metric.durations else requests,
            events=events,
            histogram=histogram,
            seconds=seconds,
        )
        yield key, sample


def _events(metric: Metric, table: pl.DataFrame) -> list[int | None]:
    """What is counted for each row, where the metric counts something."""
    match metric.kind:
        case Kind.PROPORTION:
            return table[metric.events].to_list()
        case Kind.COUNT:
            return table[metric.column].to_list()
        case Kind.RATE:
            return table["requests"].to_list()
        case _:
            return [None] * table.height


def _histograms(metric: Metric, group: Groups) -> dict[int, dict[int, int]]:
    if not metric.durations:
        return {}
    found: dict[int, dict[int, int]] = {}
    for row, bucket, n in group.histograms[metric.durations].iter_rows():
        found.setdefault(row, {})[bucket] = n
    return found

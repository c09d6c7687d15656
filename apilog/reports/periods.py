"""A report for each hour, day or week, all from one pass over the sources.

Each equals the report whose limits are the period, but for the account of the inputs: what
could not be read belongs to no period.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import polars as pl

from apilog.aggregate import (
    PartialState,
    ReportPlan,
    SpillingStates,
    partial,
    split_by_time,
)
from apilog.engine.source_pass import SourcePass, filters_of
from apilog.options import Source, TableOptions
from apilog.report_model import InputSummary, Report
from apilog.reports.build import describe_page_rows, finish_for, make_plan, split_pictured
from apilog.schema import is_within
from apilog.time import ALL_TIME, Period, PeriodLength, TimeWindow, parse_zone, period_at
from apilog.version import __version__

_AHEAD = 2
"""Reports that are made while another one is used."""


class PeriodReports:
    """The reports of many periods, from one pass; close it to drop the states that it holds."""

    def __init__(
        self,
        sources: Sequence[Source],
        options: TableOptions,
        every: PeriodLength,
        is_wanted: Callable[[Period], bool],
        *,
        window: TimeWindow = ALL_TIME,
        now: datetime | None = None,
    ) -> None:
        """All wanted periods lie in `window`, which spares reading what a store has beyond.
        `now` is what ages among the limits are counted from.

        Periods that reach beyond the options' limits are `cut`, and have no report.

        Raises UsageError for options that can't be understood, before reading.
        """
        plan = make_plan(options, now)
        self._options = options
        self._cutter = _PeriodCutter(plan, every, is_wanted)
        self._pass = SourcePass(
            sources,
            options,
            plan.columns,
            self._cutter.cut_records,
            window=window.intersect(plan.window),
        )
        # Each period is whole, whatever the limits; the file of settings is no part of it.
        unlimited = replace(options, since=None, until=None, config_file=None)
        self._filters = filters_of(unlimited, ALL_TIME)
        self._period_states: SpillingStates[Period] = SpillingStates(self._cutter.plan_of)
        self.cut_periods: set[Period] = set()
        """Periods that have requests, but are only partly within the limits."""
        self.untimed = 0
        """Requests without a time, which are in no period."""

    def read_sources(self) -> None:
        """Read all sources, once."""
        with closing(self._pass.iter_results()) as results:
            for chunk in results:
                self.untimed += chunk.untimed
                self.cut_periods |= chunk.cut_periods
                for period, state in chunk.states.items():
                    self._period_states.add(period, state)

    @property
    def input(self) -> InputSummary:
        """The account of what was read."""
        return self._pass.input

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the lines that could not be read."""
        return self._pass.notes

    def iter_reports(self) -> Iterator[tuple[Period, Report]]:
        """Yield the report of each period that has requests, in order of time.

        While one is used, the next ones are made.
        """
        pending: deque[tuple[Period, Future[Report]]] = deque()
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="apilog") as pool:
            for period in sorted(self._period_states.keys()):
                state = self._period_states.take(period)
                pending.append((period, pool.submit(self._make_report, period, state)))
                if len(pending) > _AHEAD:
                    earliest, report = pending.popleft()
                    yield earliest, report.result()
            for later, report in pending:
                yield later, report.result()

    def close(self) -> None:
        """Drop the states."""
        self._period_states.close()

    def _make_report(self, period: Period, state: PartialState) -> Report:
        finished = finish_for(self._options, self._cutter.plan_of(period), state)
        tables, pictured = split_pictured(self._options, finished.tables)
        # Each cube sums up all records.
        records = int(state.cubes[0].sums["requests"].sum())
        return Report(
            version=__version__,
            command="export",
            since=finished.since,
            until=finished.until,
            input=InputSummary(lines=records, records=records, rejects=0, skipped=0, files=()),
            tables=tables,
            pictured=pictured,
            metrics=self._cutter.plan.definitions.describe(),
            bucket=finished.bucket,
            timezone=self._cutter.plan.timezone,
            filters=self._filters,
            sums=finished.sums,
            notes=describe_page_rows(self._options, finished),
        )


@dataclass(frozen=True, slots=True)
class _ChunkPeriods:
    """The states of one chunk by period."""

    states: dict[Period, PartialState]
    cut_periods: set[Period]
    untimed: int


@dataclass(frozen=True, slots=True)
class _PeriodCutter:
    """The cut of records into states by period; it runs on any thread."""

    plan: ReportPlan
    every: PeriodLength
    is_wanted: Callable[[Period], bool]

    def cut_records(self, records: pl.DataFrame) -> _ChunkPeriods:
        chunk = _ChunkPeriods({}, set(), records["timestamp"].null_count())
        parts: dict[Period, list[pl.DataFrame]] = {}
        for start, part in split_by_time(records, self.every.step, self.plan.timezone):
            if start is None:
                continue
            period = _cached_period_at(start, self.every, self.plan.timezone)
            if not self.is_wanted(period):
                continue
            if self.plan.window.covers(period.window):
                # Of a month, every day is a part.
                parts.setdefault(period, []).append(part)
            elif not part.filter(is_within(self.plan.window)).is_empty():
                chunk.cut_periods.add(period)
        for period, days in parts.items():
            chunk.states[period] = partial(self.plan_of(period), pl.concat(days))
        return chunk

    def plan_of(self, period: Period) -> ReportPlan:
        """Return the plan of the report on that period."""
        return replace(self.plan, window=period.window)


@lru_cache(maxsize=1024)
def _cached_period_at(start: datetime, every: PeriodLength, timezone: str) -> Period:
    return period_at(start, every, parse_zone(timezone))

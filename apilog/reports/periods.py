"""A report for each hour, day or week, all from one pass over the sources.

Each equals the report whose limits are the period, but for the account of the inputs: what
could not be read belongs to no period.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

import polars as pl

from apilog.aggregate import (
    FinishedTables,
    PartialState,
    SpillingStates,
    finish,
    select_tables,
    split_by_time,
)
from apilog.engine.source_pass import SourcePass, filters_of
from apilog.options import OwnReportOptions, Source
from apilog.report_model import InputSummary, Report, TableLayout
from apilog.reports.build import describe_page_rows, finish_for, make_plan, split_pictured
from apilog.reports.choices import Choice, choices_of, columns_of, names_routes
from apilog.reports.own_report import (
    check_sources,
    plan_choices,
    plan_own_report,
    tables_in_order,
)
from apilog.schema import is_within
from apilog.time import ALL_TIME, Period, PeriodLength, TimeWindow, parse_zone, period_at
from apilog.version import __version__

_AHEAD = 2
"""Reports that are made while another one is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """The report on one period."""

    period: Period
    report: Report
    beside: Mapping[str, pl.DataFrame]
    """The tables that were asked for beside those of the report."""


class PeriodReports:
    """The reports of many periods, from one pass; close it to drop the states that it holds."""

    def __init__(
        self,
        sources: Sequence[Source],
        options: OwnReportOptions,
        every: PeriodLength,
        is_wanted: Callable[[Period], bool],
        *,
        window: TimeWindow = ALL_TIME,
        now: datetime | None = None,
        beside: Sequence[str] = (),
    ) -> None:
        """All wanted periods lie in `window`, which spares reading what a store has beyond.
        `now` is what ages among the limits are counted from.

        Periods that reach beyond the options' limits are `cut`, and have no report. `beside` are
        usual tables that are made of each period, whatever its report has.

        Raises UsageError for options that can't be understood, before reading.
        """
        self._maker: _Maker = (
            _UsualMaker(options, now, beside)
            if options.report is None
            else _OwnMaker(sources, options, now, beside)
        )
        choices = self._maker.choices
        self._cutter = _PeriodCutter(choices, every, is_wanted)
        self._pass = SourcePass(
            sources,
            options,
            columns_of(choices),
            self._cutter.cut_records,
            window=window.intersect(choices[0].plan.window),
            learns_first=names_routes(choices),
        )
        self._period_states: SpillingStates[tuple[Period, int]] = SpillingStates(
            lambda key: self._cutter.choice_of(*key).plan
        )
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
                for period, states in chunk.states.items():
                    for number, state in enumerate(states):
                        self._period_states.add((period, number), state)

    @property
    def input(self) -> InputSummary:
        """The account of what was read."""
        return self._pass.input

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the lines that could not be read."""
        return self._pass.notes

    def iter_reports(self) -> Iterator[PeriodReport]:
        """Yield the report of each period that has requests, in order of time.

        While one is used, the next ones are made.
        """
        pending: deque[Future[PeriodReport]] = deque()
        numbers = range(len(self._maker.choices))
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="apilog") as pool:
            met = self._period_states.keys()
            for period in sorted({period for period, _ in met}):
                states = [self._period_states.take((period, number)) for number in numbers]
                pending.append(pool.submit(self._make_report, period, states))
                if len(pending) > _AHEAD:
                    yield pending.popleft().result()
            for later in pending:
                yield later.result()

    def close(self) -> None:
        """Drop the states."""
        self._period_states.close()

    def _make_report(self, period: Period, states: Sequence[PartialState]) -> PeriodReport:
        choices = [self._cutter.choice_of(period, number) for number in range(len(states))]
        made = self._maker.make_tables(period, choices, states)
        first = choices[0].plan
        # Each cube sums up all records.
        records = int(states[0].cubes[0].sums["requests"].sum())
        report = Report(
            version=__version__,
            command="export",
            since=made.whole.since,
            until=made.whole.until,
            input=InputSummary(lines=records, records=records, rejects=0, skipped=0, files=()),
            tables=made.tables,
            title=made.title,
            layout=made.layout,
            pictured=made.pictured,
            metrics=first.definitions.describe(),
            bucket=made.whole.bucket,
            timezone=first.timezone,
            filters=self._maker.filters,
            sums=made.whole.sums,
            notes=made.notes,
        )
        return PeriodReport(period=period, report=report, beside=made.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MadeTables:
    """What a period's report has that depends on which report it is."""

    whole: FinishedTables
    """The tables about all requests."""
    tables: dict[str, pl.DataFrame]
    beside: Mapping[str, pl.DataFrame]
    pictured: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    title: str = ""
    layout: tuple[TableLayout, ...] = ()
    notes: tuple[str, ...] = ()


class _Maker(ABC):
    """Makes the tables of periods."""

    choices: tuple[Choice, ...]
    """The first is of all requests."""

    def __init__(self, options: OwnReportOptions) -> None:
        self._options = options
        # Each period is whole, whatever the limits; the file of settings is no part of it.
        unlimited = replace(options, since=None, until=None, config_file=None)
        self.filters = filters_of(unlimited, ALL_TIME)

    @abstractmethod
    def make_tables(
        self, period: Period, choices: Sequence[Choice], states: Sequence[PartialState]
    ) -> _MadeTables:
        """Return the tables of a period, given its choices and their states."""


class _UsualMaker(_Maker):
    """Makes the tables of the usual report."""

    def __init__(
        self,
        options: OwnReportOptions,
        now: datetime | None,
        beside: Sequence[str],
    ) -> None:
        super().__init__(options)
        plan = make_plan(options, now)
        self._asked = [table.name for table in plan.tables]
        self._beside = beside
        more = select_tables([name for name in beside if name not in self._asked])
        self.choices = (Choice(None, replace(plan, tables=(*plan.tables, *more))),)

    def make_tables(
        self, period: Period, choices: Sequence[Choice], states: Sequence[PartialState]
    ) -> _MadeTables:
        del period
        finished = finish_for(self._options, choices[0].plan, states[0])
        asked = {name: finished.tables[name] for name in finished.tables if name in self._asked}
        tables, pictured = split_pictured(self._options, asked)
        return _MadeTables(
            whole=finished,
            tables=tables,
            beside={name: finished.tables[name] for name in self._beside},
            pictured=pictured,
            notes=describe_page_rows(self._options, finished),
        )


class _OwnMaker(_Maker):
    """Makes the tables of a report of one's own; each SELECT reads the sources for each period."""

    def __init__(
        self,
        sources: Sequence[Source],
        options: OwnReportOptions,
        now: datetime | None,
        beside: Sequence[str],
    ) -> None:
        super().__init__(options)
        self._sources = sources
        self._beside = beside
        self._declared = plan_own_report(options)
        check_sources(self._declared, sources)
        base = plan_choices(options, now)
        self.choices = choices_of(self._declared, base, select_tables(beside))

    def make_tables(
        self, period: Period, choices: Sequence[Choice], states: Sequence[PartialState]
    ) -> _MadeTables:
        finished = [finish(c.plan, state) for c, state in zip(choices, states, strict=True)]
        options = replace(self._options, since=period.start, until=period.end)
        return _MadeTables(
            whole=finished[0],
            tables=tables_in_order(self._declared, finished, self._sources, options),
            beside={name: finished[0].tables[name] for name in self._beside},
            title=self._declared.title,
            layout=tuple(table.layout for table in self._declared.tables),
        )


@dataclass(frozen=True, slots=True)
class _ChunkPeriods:
    """The states of one chunk by period."""

    states: dict[Period, tuple[PartialState, ...]]
    """One for each choice of requests."""
    cut_periods: set[Period]
    untimed: int


@dataclass(frozen=True, slots=True)
class _PeriodCutter:
    """The cut of records into states by period; it runs on any thread."""

    choices: tuple[Choice, ...]
    every: PeriodLength
    is_wanted: Callable[[Period], bool]

    def cut_records(self, records: pl.DataFrame) -> _ChunkPeriods:
        plan = self.choices[0].plan
        chunk = _ChunkPeriods({}, set(), records["timestamp"].null_count())
        parts: dict[Period, list[pl.DataFrame]] = {}
        for start, part in split_by_time(records, self.every.step, plan.timezone):
            if start is None:
                continue
            period = _cached_period_at(start, self.every, plan.timezone)
            if not self.is_wanted(period):
                continue
            if plan.window.covers(period.window):
                # Of a month, every day is a part.
                parts.setdefault(period, []).append(part)
            elif not part.filter(is_within(plan.window)).is_empty():
                chunk.cut_periods.add(period)
        for period, days in parts.items():
            whole = pl.concat(days)
            chunk.states[period] = tuple(
                self.choice_of(period, number).partial(whole) for number in range(len(self.choices))
            )
        return chunk

    def choice_of(self, period: Period, number: int) -> Choice:
        """Return that choice of the requests of a period."""
        return self.choices[number].within(period.window)


@lru_cache(maxsize=1024)
def _cached_period_at(start: datetime, every: PeriodLength, timezone: str) -> Period:
    return period_at(start, every, parse_zone(timezone))

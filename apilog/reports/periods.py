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

import polars as pl

from apilog.aggregate import (
    FinishedTables,
    PartialState,
    ReportPlan,
    finish,
    select_tables,
)
from apilog.aggregate.finish_periods import finish_periods
from apilog.aggregate.split_states import requests_of_periods
from apilog.engine.estimate_notes import describe_estimates
from apilog.engine.source_pass import SourcePass, filters_of
from apilog.options import OwnReportOptions, Source
from apilog.report_model import EstimatedColumn, InputSummary, Report, TableLayout
from apilog.reports.build import describe_page_rows, finish_for, make_plan, split_pictured
from apilog.reports.choices import Choice, choices_of, columns_of, names_routes
from apilog.reports.own_report import (
    check_sources,
    plan_choices,
    plan_own_report,
    tables_in_order,
)
from apilog.reports.period_states import (
    PeriodCutter,
    PeriodStates,
    TakenStates,
    plan_together,
)
from apilog.time import ALL_TIME, Period, PeriodLength, TimeWindow
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
            _UsualMaker(options, every, now, beside)
            if options.report is None
            else _OwnMaker(sources, options, now, beside)
        )
        choices = self._maker.choices
        self._cutter = PeriodCutter(choices, every, is_wanted, self._maker.together)
        self._pass = SourcePass(
            sources,
            options,
            columns_of(choices),
            self._cutter.cut_records,
            window=window.intersect(choices[0].plan.window),
            learns_first=names_routes(choices),
        )
        self._states = PeriodStates(self._cutter)
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
                self._states.add(chunk)

    @property
    def input(self) -> InputSummary:
        """The account of what was read."""
        return self._pass.input

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the lines that could not be read."""
        return self._pass.notes

    def iter_reports(self) -> Iterator[Sequence[PeriodReport]]:
        """Yield the report of each period that has requests, in order of time, some at once.

        While some are used, the next ones are made.
        """
        pending: deque[Future[list[PeriodReport]]] = deque()
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="apilog") as pool:
            for states in self._states.iter_taken():
                pending.append(pool.submit(self._make_reports, states))
                if len(pending) > _AHEAD:
                    yield pending.popleft().result()
            for later in pending:
                yield later.result()

    def close(self) -> None:
        """Drop the states."""
        self._states.close()

    def _make_reports(self, states: TakenStates) -> list[PeriodReport]:
        if states.together is not None and isinstance(self._maker, _UsualMaker):
            several = self._maker.make_together(states.together, states.periods)
            counts = [*requests_of_periods(states.together).values()]
            return [*map(self._make_report, states.periods, several, counts)]
        (period,) = states.periods
        numbers = range(len(states.apart))
        choices = [self._cutter.choice_of(period, number) for number in numbers]
        made = self._maker.make_tables(period, choices, states.apart)
        # Each cube sums up all records.
        records = int(states.apart[0].cubes[0].sums["requests"].sum())
        return [self._make_report(period, made, records)]

    def _make_report(self, period: Period, made: _MadeTables, records: int) -> PeriodReport:
        plan = self._maker.choices[0].plan
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
            metrics=plan.definitions.describe(),
            bucket=made.whole.bucket,
            timezone=plan.timezone,
            filters=self._maker.filters,
            estimates=made.estimates,
            sums=made.whole.sums,
            notes=(*made.notes, *describe_estimates(made.estimates)),
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
    estimates: tuple[EstimatedColumn, ...] = ()


class _Maker(ABC):
    """Makes the tables of periods."""

    choices: tuple[Choice, ...]
    """The first is of all requests."""
    together: ReportPlan | None = None
    """The plan of many periods at once; None where each is made by itself."""

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
        every: PeriodLength,
        now: datetime | None,
        beside: Sequence[str],
    ) -> None:
        super().__init__(options)
        plan = make_plan(options, now)
        self._asked = [table.name for table in plan.tables]
        self._beside = beside
        more = select_tables([name for name in beside if name not in self._asked])
        plan = replace(plan, tables=(*plan.tables, *more))
        self.choices = (Choice(None, plan),)
        self.together = plan_together(plan, every)

    def make_tables(
        self, period: Period, choices: Sequence[Choice], states: Sequence[PartialState]
    ) -> _MadeTables:
        del period
        plan = choices[0].plan
        return self._made_of(finish_for(self._options, plan, states[0]))

    def make_together(self, state: PartialState, periods: Sequence[Period]) -> list[_MadeTables]:
        """Return the tables of each period of a state that has all of them."""
        assert self.together is not None
        windows = [period.window for period in periods]
        return [*map(self._made_of, finish_periods(self.together, state, windows))]

    def _made_of(self, finished: FinishedTables) -> _MadeTables:
        asked = {name: finished.tables[name] for name in finished.tables if name in self._asked}
        tables, pictured = split_pictured(self._options, asked)
        return _MadeTables(
            whole=finished,
            tables=tables,
            beside={name: finished.tables[name] for name in self._beside},
            pictured=pictured,
            notes=describe_page_rows(self._options, finished),
            estimates=tuple(e for e in finished.estimates if e.table in self._asked),
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
        found = [e for one in finished for e in one.estimates]
        options = replace(self._options, since=period.start, until=period.end)
        return _MadeTables(
            whole=finished[0],
            tables=tables_in_order(self._declared, finished, self._sources, options),
            beside={name: finished[0].tables[name] for name in self._beside},
            title=self._declared.title,
            layout=tuple(table.layout for table in self._declared.tables),
            estimates=tuple(e for e in found if e.table not in self._beside),
        )

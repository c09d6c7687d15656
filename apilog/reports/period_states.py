"""The states of many periods from one pass: most of them together, a shelf of periods at a time.

What a chunk or a report costs at least is the same for many periods as for one, so that hours and
days are summed up and finished together. A period of which there is very much has states of its
own, as all periods of longer reports have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from apilog.aggregate import PartialState, ReportPlan, bucket_codes
from apilog.aggregate.spilling_states import SpillingStates
from apilog.aggregate.split_states import (
    partial_of_periods,
    periods_of,
    split_state,
    states_of_periods,
)
from apilog.reports.choices import Choice
from apilog.schema import is_within
from apilog.time import ALL_TIME, Period, PeriodLength, choose_step, parse_zone, period_at

_SHELF_PERIODS = 64
MOST_SHELF_BYTES = 16 << 20
"""The size of a shelf's states beyond which its periods have states of their own."""
_LENGTHS = {PeriodLength.HOUR: timedelta(hours=1), PeriodLength.DAY: timedelta(days=1)}
"""Of the periods that are finished together. Where clocks change some are longer or shorter."""


def plan_together(plan: ReportPlan, every: PeriodLength) -> ReportPlan | None:
    """Return the plan of many periods at once; None where each has to be made by itself."""
    if every not in _LENGTHS or plan.specifications or plan.is_filtered:
        return None
    # The limits being those of a period, the step that its report chooses is known beforehand.
    start = datetime(2001, 1, 1, tzinfo=parse_zone("UTC"))
    end = start + _LENGTHS[every]
    bucket = plan.bucket or choose_step(start, end, parse_zone("UTC"), plan.most_buckets)
    return replace(plan, bucket=bucket, window=ALL_TIME, period_step=every.step)


@dataclass(frozen=True, slots=True)
class ChunkPeriods:
    """The states of one chunk."""

    shelves: dict[int, PartialState]
    """Of many periods each, by the number of the shelf."""
    periods: dict[Period, tuple[PartialState, ...]]
    """Of single periods, one for each choice of requests."""
    cut_periods: set[Period]
    untimed: int


@dataclass(frozen=True, slots=True)
class PeriodCutter:
    """The cut of records into states by period; it runs on any thread."""

    choices: tuple[Choice, ...]
    every: PeriodLength
    is_wanted: Callable[[Period], bool]
    shelf_plan: ReportPlan | None
    """The plan of many periods at once."""

    def cut_records(self, records: pl.DataFrame) -> ChunkPeriods:
        chunk = ChunkPeriods({}, {}, set(), records["timestamp"].null_count())
        if records.is_empty():
            return chunk
        plan = self.choices[0].plan
        codes, starts = bucket_codes(records, self.every.step, plan.timezone)
        periods = {}
        for code, start in starts.items():
            period = self.period_at(start) if start else None
            if period is None or not self.is_wanted(period):
                continue
            if plan.window.covers(period.window):
                periods[code] = period
            elif not records.filter((codes == code) & is_within(plan.window)).is_empty():
                chunk.cut_periods.add(period)
        together = [code for code, period in periods.items() if self.is_usual(period)]
        if self.shelf_plan and together:
            state = partial_of_periods(
                self.shelf_plan, _select_codes(records, codes, together, len(starts))
            )
            if state:
                chunk.shelves.update(split_state(state, self.shelf_of))
                periods = {code: p for code, p in periods.items() if code not in {*together}}
        self._cut_apart(records, codes, periods, chunk)
        return chunk

    def _cut_apart(
        self,
        records: pl.DataFrame,
        codes: pl.Series,
        periods: Mapping[int, Period],
        chunk: ChunkPeriods,
    ) -> None:
        """Add the states of these periods, by their codes, each by itself."""
        if not periods:
            return
        wanted = _select_codes(records.with_columns(codes.alias(_CODE)), codes, [*periods], None)
        parts: dict[Period, list[pl.DataFrame]] = {}
        split = wanted.partition_by(_CODE, include_key=False, as_dict=True)
        for (code,), part in split.items():
            # Of a month, every day is a part.
            parts.setdefault(periods[code], []).append(part)
        for period, days in parts.items():
            whole = pl.concat(days)
            chunk.periods[period] = tuple(
                self.choice_of(period, number).partial(whole) for number in range(len(self.choices))
            )

    def period_at(self, at: datetime) -> Period:
        return _cached_period_at(at, self.every, self.choices[0].plan.timezone)

    def shelf_of(self, start: datetime) -> int:
        """Return the number of the shelf of a period; numbers ascend with time."""
        seconds = _LENGTHS.get(self.every, timedelta(days=1)).total_seconds()
        return int(start.timestamp() // (seconds * _SHELF_PERIODS))

    def is_usual(self, period: Period) -> bool:
        """Whether a period is one of those that are made together, and as long as they are."""
        return self.shelf_plan is not None and period.end - period.start == _LENGTHS[self.every]

    def choice_of(self, period: Period, number: int) -> Choice:
        """Return that choice of the requests of a period."""
        choice = self.choices[number].within(period.window)
        if self.shelf_plan and self.is_usual(period):
            choice = replace(choice, plan=replace(choice.plan, bucket=self.shelf_plan.bucket))
        return choice


_CODE = "code of the period"


def _select_codes(
    records: pl.DataFrame, codes: pl.Series, chosen: Sequence[int], of: int | None
) -> pl.DataFrame:
    """Return the records with these codes, given how many codes there are."""
    if len(chosen) == of:
        return records
    return records.filter(codes.is_in(pl.Series(chosen, dtype=codes.dtype).implode()))


@lru_cache(maxsize=1024)
def _cached_period_at(start: datetime, every: PeriodLength, timezone: str) -> Period:
    return period_at(start, every, parse_zone(timezone))


@dataclass(frozen=True, slots=True)
class TakenStates:
    """The states of one period, or of several together."""

    periods: list[Period]
    together: PartialState | None
    apart: list[PartialState]
    """Of one period, one for each choice of requests."""


class PeriodStates:
    """The states of all periods, merged as they come; close it to drop them."""

    def __init__(self, cutter: PeriodCutter) -> None:
        self._cutter = cutter
        self._states: SpillingStates[int | tuple[Period, int]] = SpillingStates(self._plan_of)
        self._crowded: set[int] = set()

    def add(self, chunk: ChunkPeriods) -> None:
        for period, states in chunk.periods.items():
            for number, state in enumerate(states):
                self._states.add((period, number), state)
        for shelf, state in chunk.shelves.items():
            if shelf in self._crowded:
                self._add_apart(state)
                continue
            self._states.add(shelf, state)
            if self._states.size_of(shelf) > MOST_SHELF_BYTES:
                self._states.add(shelf, self._states.take(shelf))
                # What was merged now is not merged again soon.
                if self._states.size_of(shelf) > MOST_SHELF_BYTES // 2:
                    self._crowded.add(shelf)
                    self._add_apart(self._states.take(shelf))

    def iter_taken(self) -> Iterator[TakenStates]:
        """Yield the states of all periods, in order of time."""
        keys = self._states.keys()
        shelves = {key for key in keys if isinstance(key, int)}
        apart: dict[int, set[Period]] = {shelf: set() for shelf in shelves}
        for key in keys:
            if not isinstance(key, int):
                apart.setdefault(self._cutter.shelf_of(key[0].start), set()).add(key[0])
        for shelf in sorted(apart):
            periods = apart[shelf]
            if shelf in shelves:
                state = self._states.take(shelf)
                if not periods:
                    yield TakenStates(self._periods_of(state), state, [])
                    continue
                periods.update(self._add_apart(state))
            for period in sorted(periods):
                numbers = range(len(self._cutter.choices))
                own = [self._states.take((period, number)) for number in numbers]
                yield TakenStates([period], None, own)

    def close(self) -> None:
        self._states.close()

    def _periods_of(self, state: PartialState) -> list[Period]:
        return [self._cutter.period_at(start) for start in periods_of(state)]

    def _add_apart(self, state: PartialState) -> list[Period]:
        """Add the state of several periods to those that each has; return them."""
        periods = []
        for start, own in states_of_periods(state):
            periods.append(self._cutter.period_at(start))
            self._states.add((periods[-1], 0), own)
        return periods

    def _plan_of(self, key: int | tuple[Period, int]) -> ReportPlan:
        if isinstance(key, int):
            assert self._cutter.shelf_plan is not None
            return self._cutter.shelf_plan
        return self._cutter.choice_of(*key).plan

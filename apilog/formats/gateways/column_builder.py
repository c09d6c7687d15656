"""Columns from a gateway's named values, and the account of the lines that held them.

Invariant: a column is the first of its sources that has a value, record by record; what no
source gives is null. Every line is a record or a reject.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import polars as pl

from apilog.formats.column_sources import (
    ColumnSource,
    build_columns,
    coalesce_sources,
    integer_names,
)
from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.gateways.gateway import Gateway
from apilog.schema import TIMESTAMP
from apilog.values.event_lines import EventLines

_IS_OWN = "is_own_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFormat(ABC):
    """A gateway's records in the layout of one file."""

    takes_delivery_times: ClassVar[bool] = False
    """Whether a record without a time of its own has the time that came with its line."""

    spec: Gateway
    locations: Mapping[str, tuple[Any, ...]]
    """Name to where its value stands in a line, and to its alternates."""
    doubts: tuple[str, ...] = ()
    fitted_sources: Mapping[str, tuple[ColumnSource, ...]] = field(default_factory=dict)
    """Sources in place of the gateway's, see `fitted`."""

    def fitted(self, head: pl.Series) -> Self:
        """Return the format as the values in the head of its file ask for it."""
        doubts: dict[str | None, None] = dict.fromkeys(self.doubts)
        fitted_sources: dict[str, tuple[ColumnSource, ...]] = {}
        lines = EventLines.from_series(head.drop_nulls())

        def head_values(name: str) -> pl.Series:
            values, is_read = self._read_values(lines, [[ColumnSource((name,), lambda s: s)]])
            return values[name].filter(is_read).drop_nulls()

        for given, find_doubt in self.spec.head_doubts.items():
            name, *others = (given,) if isinstance(given, str) else given
            if self.locations.keys() >= {name, *others}:
                doubts[find_doubt(head_values(name), self._key_of(name))] = None
        for column, sources in self.spec.column_sources.items():
            usable = self._usable_sources(sources)
            if any(source.fit for source in usable):
                fitted: list[ColumnSource] = []
                for source in usable:
                    if source.fit is not None:
                        if fitted and self._is_full(lines, fitted):
                            continue  # never asked
                        (name,) = source.names
                        convert, doubt = source.fit(head_values(name), self._key_of(name))
                        doubts[doubt] = None
                        source = replace(source, convert=convert, fit=None)
                    fitted.append(source)
                fitted_sources[column] = tuple(fitted)
        told = tuple(doubt for doubt in doubts if doubt)
        if not fitted_sources and told == self.doubts:
            return self
        return replace(self, fitted_sources=fitted_sources, doubts=told)

    def _is_full(self, lines: EventLines, sources: list[ColumnSource]) -> bool:
        """Return whether these sources leave no value null in the lines."""
        values, is_read = self._read_values(lines, [sources])
        return not coalesce_sources(sources, values).filter(is_read).null_count()

    def has_own_lines(self, head: pl.Series) -> bool:
        """Return whether some of these lines are, or may be, of this gateway: of its log or of one
        that is known to lie beside it."""
        sources = self._usable_sources(self.spec.is_own_record)
        if not sources:
            return True
        lines = EventLines.from_series(head.drop_nulls())
        values, is_read = self._read_values(lines, [sources])
        is_own = coalesce_sources(sources, values).fill_null(value=True) & is_read
        foreign = self.find_foreign_lines(lines)
        return bool(is_own.any()) or (foreign is not None and bool((foreign & is_read).any()))

    @property
    def column_sources(self) -> Mapping[str, tuple[ColumnSource, ...]]:
        """Column to its sources, as the values in the head of the file have decided."""
        return {**self.spec.column_sources, **self.fitted_sources}

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def gateway(self) -> str:
        return self.spec.gateway

    @property
    def columns(self) -> frozenset[str]:
        sources = self.column_sources
        return frozenset(column for column in sources if self._usable_sources(sources[column]))

    @property
    def tells_upstream(self) -> bool:
        """Whether a record without `upstream_status` tells that no service behind answered."""
        usable = self._usable_sources(self.column_sources.get("upstream_status", ()))
        return self.spec.omits_unset_values or any(not source.may_omit for source in usable)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        # What decides between record and reject is built even if nobody asked for it: whether a
        # line is a record depends on the line alone.
        wanted = {"timestamp", *columns, *self.spec.required_columns, _IS_OWN}
        declared = {**self.column_sources, _IS_OWN: self.spec.is_own_record}
        usable = {c: self._usable_sources(s) for c, s in declared.items() if c in wanted}
        chosen = {column: sources for column, sources in usable.items() if sources}
        values, is_read = self._read_values(lines, chosen.values())
        records = pl.DataFrame(build_columns(chosen, values))
        if self.takes_delivery_times:
            if "timestamp" not in chosen:
                nulls = pl.Series("timestamp", [None], TIMESTAMP).new_from_index(0, lines.count)
                records = records.with_columns(nulls)
            if records["timestamp"].null_count() and (times := lines.times) is not None:
                records = records.with_columns(records["timestamp"].fill_null(times))
        is_own = pl.col(_IS_OWN).fill_null(value=True) if _IS_OWN in chosen else pl.lit(True)
        required = [pl.col(c).is_not_null() for c in self.spec.required_columns if c in chosen]
        flags = records.select(
            is_read.alias("read"),
            is_own.alias("own"),
            pl.col("timestamp").is_not_null().alias("timed"),
            pl.any_horizontal(*required, pl.lit(False)).alias("tells"),
        )
        is_record = flags.select(pl.all_horizontal(pl.all())).to_series()
        kept = records.select(c for c in records.columns if c in columns or c == "timestamp")
        if is_record.all():
            return ParsedRecords(records=kept)
        reasons = flags.select(
            pl.when(~pl.col("read"))
            .then(pl.lit("" if is_read.all() else self._unread_reasons(lines)))
            .when(~pl.col("own"))
            .then(pl.lit(f"a record of something else than {self.name}"))
            .when(~pl.col("timed"))
            .then(pl.lit("no time that can be understood"))
            .otherwise(pl.lit(f"no request of {self.name}"))
            .alias("reason"),
        )
        return ParsedRecords.with_rejects(kept.filter(is_record), is_record, reasons.to_series())

    def read_places(self, lines: EventLines, places: list[Any]) -> Mapping[Any, pl.Series]:
        """Return the values (String) at these places, as `places_by_key` gives them."""
        return self._read_locations(lines, places)[0] if places else {}

    @abstractmethod
    def places_by_key(self) -> Mapping[str, Any]:
        """Return the places of all values by their keys, as the lines have them."""

    @abstractmethod
    def _key_of(self, name: str) -> str:
        """Return the key, as it is written, of a name."""

    @abstractmethod
    def explain(self, line: str) -> MatchFailure:
        """Return where matching of a line stopped."""

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines belong to another log and are skipped; None if none is known to."""
        sources = self._usable_sources(self.spec.is_foreign_record)
        if not sources:
            return None
        values, _ = self._read_values(lines, [sources])
        return coalesce_sources(sources, values).fill_null(value=False)

    @abstractmethod
    def _read_locations(
        self, lines: EventLines, locations: list[Any]
    ) -> tuple[Mapping[Any, pl.Series], pl.Series]:
        """Return the values (String) at these places, and which lines could be read."""

    def _read_numbers(
        self, lines: EventLines, locations: list[Any], integers: Collection[Any]
    ) -> tuple[Mapping[Any, pl.Series], pl.Series]:
        """Return what `_read_locations` does; the values at some places may be Int64."""
        return self._read_locations(lines, locations)

    @abstractmethod
    def _unread_reasons(self, lines: EventLines) -> str | pl.Series:
        """Return why lines could not be read: one reason for all, or one per line."""

    def _usable_sources(self, sources: Iterable[ColumnSource]) -> list[ColumnSource]:
        """Return the sources whose values the file has, up to an exclusive one."""
        usable = [source for source in sources if self.locations.keys() >= {*source.names}]
        # An exclusive source whose names are there ends the list, even if its values are null.
        last = next((i for i, source in enumerate(usable, 1) if source.exclusive), None)
        return usable[:last]

    def _read_values(
        self, lines: EventLines, chosen: Iterable[list[ColumnSource]]
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        """Return the values that sources take, by name, and which lines could be read.

        Where a value is null or blank, that of the next alternate of its place is taken.
        """
        chosen = list(chosen)
        taken = {
            name
            for sources in chosen
            for source in sources
            for name in (*source.names, *source.optional_names)
        }
        places = {name: self.locations[name] for name in taken if name in self.locations}
        wanted = {place for alternates in places.values() for place in alternates}
        integers = {
            places[name][0]
            for name in integer_names(chosen)
            if name in places and len(places[name]) == 1
        }
        # A place may go by several names, of which some are wanted as texts.
        integers -= {p for name in taken - integer_names(chosen) for p in places.get(name, ())}
        by_place, is_read = self._read_numbers(lines, sorted(wanted), integers)
        values: dict[str, pl.Series] = {}
        for name, (first, *alternates) in places.items():
            values[name] = by_place[first]
            for place in alternates:
                is_missing = values[name].is_null() | (values[name] == "")
                if not is_missing.any():
                    break
                values[name] = by_place[place].zip_with(is_missing, values[name])
        return values, is_read

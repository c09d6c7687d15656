"""A gateway's records as a table: a header line, then one line per record.

Invariant: a line is a record only if it has as many fields as the header; a line that has not,
or whose quotes don't pair up, changes nothing for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from apilog.formats.contract import MatchFailure
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.gateway import (
    Gateway,
    has_fingerprint,
    locate_values,
    may_hold_fingerprint,
)
from apilog.values.csv_cells import NULL_CELLS, CellLayout, split_fields
from apilog.values.decimals import find_decimal_commas, with_decimal_points
from apilog.values.event_lines import EventLines

HEADER_REASON = "header line"
"""The reason of rejects that repeat the header."""

_SEPARATORS: Mapping[str, str] = {",": "commas", "|": "bars", "\t": "tabs", ";": "semicolons"}
_HEAD_LINES = 200
# Azure's portal appends the time zone to the header of each column of times.
_UTC_SUFFIX = " [UTC]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedFormat(GatewayFormat):
    """A gateway's records as fields between separators, quoted where needed.

    Quotes are those of RFC 4180, https://www.rfc-editor.org/rfc/rfc4180, but for line breaks
    within them: a record is one line.
    """

    locations: Mapping[str, tuple[int, ...]]
    """Name to the position of its field, and of the fields that are its alternates."""
    separator: str
    header: str
    """The header line as it stands, without a byte order mark."""
    field_count: int
    keys: tuple[str, ...]
    """The names in the header."""
    decimals: frozenset[int] = frozenset()
    """Positions of numbers that may have commas."""
    are_thousands: bool = False
    """Whether these set thousands apart, and do not stand before fractions."""

    def _key_of(self, name: str) -> str:
        return self.keys[self.locations[name][0]]

    def places_by_key(self) -> Mapping[str, int]:
        names = split_fields(self.header, self.separator) or ()
        return {name.strip(): at for at, name in enumerate(names)}

    def explain(self, line: str) -> MatchFailure:
        fields = split_fields(line, self.separator) or []
        if len(fields) == self.field_count:
            return MatchFailure(len(line), f"a time and a request of {self.name}")
        return MatchFailure(0, self._expected_fields)

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines are the header or belong to another log; None if none is known to."""
        header = self._find_header_lines(lines)
        foreign = GatewayFormat.find_foreign_lines(self, lines)  # super() fails with slots
        return header if foreign is None else foreign if header is None else foreign | header

    def _find_header_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines are the header, as in files that were joined; None if none is."""
        if self.header.encode() not in lines.data:
            return None
        return lines.series.str.strip_prefix("\ufeff").str.strip_suffix("\r") == self.header

    @property
    def _expected_fields(self) -> str:
        return f"{self.field_count} fields with {_SEPARATORS[self.separator]} between them"

    def _read_locations(
        self, lines: EventLines, locations: list[int]
    ) -> tuple[Mapping[int, pl.Series], pl.Series]:
        cells = CellLayout(self.separator, self.field_count, NULL_CELLS).read(lines, locations)
        is_header = self._find_header_lines(lines)
        if is_header is not None:
            cells = cells.with_columns(pl.when(~is_header).then(pl.all()).name.keep())
        values = {
            position: with_decimal_points(cells[f"f{position}"], are_thousands=self.are_thousands)
            if position in self.decimals
            else cells[f"f{position}"]
            for position in locations
        }
        return values, cells["ok"].fill_null(value=False)

    def _unread_reasons(self, lines: EventLines) -> pl.Series:
        is_header = self._find_header_lines(lines)
        is_open = lines.series.str.count_matches('"', literal=True) % 2 == 1
        return (
            is_open.to_frame("open")
            .select(
                pl.when(False if is_header is None else is_header)
                .then(pl.lit(HEADER_REASON))
                .when("open")
                .then(pl.lit("a quote is left open"))
                .otherwise(pl.lit(f"not {self._expected_fields}"))
            )
            .to_series()
        )


def infer_delimited(gateway: Gateway, head: pl.Series) -> DelimitedFormat | None:
    """Return the format of a log of this gateway whose header is among these lines, if any."""
    for line in head.head(_HEAD_LINES).drop_nulls():
        header = line.removeprefix("\ufeff").rstrip("\r\n")
        if header.startswith(("{", "[")) or not may_hold_fingerprint(gateway, header):
            continue
        for separator in _SEPARATORS:
            if separator not in header:
                continue
            # A stray quote in the header must not cost all the rows below it.
            fields = split_fields(header, separator) or header.replace('"', "").split(separator)
            keys = [field.strip().removesuffix(_UTC_SUFFIX) for field in fields]
            located = locate_values(gateway, [(key,) for key in keys if key])
            if not has_fingerprint(gateway, located):
                continue
            log_format = DelimitedFormat(
                spec=gateway,
                locations={n: tuple(keys.index(k) for (k, *_) in p) for n, p in located.items()},
                separator=separator,
                header=header,
                field_count=len(fields),
                keys=tuple(keys),
            )
            columns = log_format.columns
            if "timestamp" in columns and columns & {*gateway.required_columns}:
                return _with_decimals(log_format, head).fitted(head)
    return None


def _with_decimals(log_format: DelimitedFormat, head: pl.Series) -> DelimitedFormat:
    """Return the format with the columns of numbers that have commas, if the file has such."""
    layout = CellLayout(log_format.separator, log_format.field_count, NULL_CELLS)
    positions = sorted({place for places in log_format.locations.values() for place in places})
    rows = head.drop_nulls()
    rows = rows.filter(rows.str.strip_prefix("\ufeff").str.strip_suffix("\r") != log_format.header)
    cells = layout.read(EventLines.from_series(rows), positions).filter("ok").drop("ok")
    found = find_decimal_commas(cells)
    if not found.columns:
        return log_format
    decimals = frozenset(int(name.removeprefix("f")) for name in found.columns)
    return replace(
        log_format, decimals=decimals, are_thousands=found.are_thousands, doubts=found.doubts
    )

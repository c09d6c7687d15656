"""Lines whose values get their names from a header line or from a regular expression.

What the values are used for is found as for keys of JSON: the user's columns first, then by name
and look.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.generic.recognition import recognise_fields
from apilog.formats.generic.records import RecognisedFormat, needed_names, parse_fields
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.values.csv_cells import NULL_CELLS, CellLayout, split_fields
from apilog.values.decimals import find_decimal_commas, with_decimal_points
from apilog.values.event_lines import EventLines
from apilog.values.json_text import KeyPath

_SEPARATORS: Mapping[str, str] = {
    ",": "commas",
    "\t": "tabs",
    ";": "semicolons",
    "|": "bars",
}
_WORDED_SEPARATORS = {**_SEPARATORS, " ": "blanks"}
_HEAD_LINES = 200
_WHOLE = "apilog_whole_match"
_CELL = r'"?(?:[@$]|[^\W\d])[\w.@$ ()\[\]:/-]*"?'
_HEADER = re.compile(rf"{_CELL}(?:([,;|\t])(?:{_CELL})?)(?:\1(?:{_CELL})?)+")
_BLANK_HEADER = "column_{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat(RecognisedFormat):
    """Fields between separators, named by a header line."""

    header: str
    separator: str
    positions: Mapping[str, int]
    """Name to the place of its field in a line."""
    decimals: frozenset[str] = frozenset()
    """Fields with numbers that may have commas."""
    are_thousands: bool = False
    """Whether these set thousands apart, and do not stand before fractions."""
    name: str = "csv"

    @staticmethod
    def infer(
        head: pl.Series, hints: KeyHints = NO_KEY_HINTS, header: str = "", *, is_timed: bool = False
    ) -> CsvFormat | None:
        """Return the format of a table that begins with these lines, if it is one.

        Without `header`, that is the first line which has one of the user's keys, or else the
        first of all.
        """
        lines = head.head(_HEAD_LINES).drop_nulls()
        keys = {mapping.key for mapping in hints.columns}
        firsts = [header] if header else [line for line in lines if keys & {*_names_of(line)}]
        for first in firsts or lines.head(1):
            text = first.removeprefix("\ufeff").rstrip("\r\n")
            separator = _separator_of(text)
            names = _names_of(text)
            if separator is None or len(names) < 2:
                continue
            layout = CellLayout(separator, len(names), NULL_CELLS)
            cells = layout.read(
                EventLines.from_series(lines.filter(lines != first)), range(len(names))
            )
            cells = cells.filter("ok").select(
                pl.col(f"f{at}").alias(n) for at, n in enumerate(names)
            )
            commas = find_decimal_commas(cells)
            values: dict[KeyPath, pl.Series] = {
                (name,): with_decimal_points(cells[name], are_thousands=commas.are_thousands)
                if name in commas.columns
                else cells[name]
                for name in names
            }
            recognised = recognise_fields(values, hints, is_timed=is_timed)
            if recognised:
                doubts = (*recognised.doubts, *commas.doubts)
                recognised = replace(recognised, doubts=doubts)
                return CsvFormat(
                    fields=recognised,
                    header=text,
                    separator=separator,
                    positions={name: at for at, name in enumerate(names)},
                    decimals=frozenset(commas.columns),
                    are_thousands=commas.are_thousands,
                )
        return None

    @staticmethod
    def detect(head: pl.Series, *, is_timed: bool = False) -> CsvFormat | None:
        """Return the format if the first line plainly is a header, and names what records need."""
        header = head[0] if len(head) else None
        if header is None or not _HEADER.fullmatch(header.strip("\ufeff\r")):
            return None
        return CsvFormat.infer(head, is_timed=is_timed)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        names = needed_names(columns, self.fields)
        places = {name: self.positions[name] for name in names if name in self.positions}
        layout = CellLayout(self.separator, len(self.positions), NULL_CELLS)
        cells = layout.read(lines, sorted({*places.values()}))
        values = {name: cells[f"f{at}"] for name, at in places.items()}
        values |= {
            n: with_decimal_points(values[n], are_thousands=self.are_thousands)
            for n in self.decimals & values.keys()
        }
        sound = cells["ok"] & ~self._find_headers(lines)
        values |= {name: _all_null(lines.count) for name in names if name not in places}
        return parse_fields(
            self.fields,
            values,
            sound,
            columns,
            unsound=f"not {self._expected}",
            lines=lines,
        )

    def explain(self, line: str) -> MatchFailure:
        found = split_fields(line, self.separator) or []
        if len(found) == len(self.positions):
            return MatchFailure(len(line), "a time and a request")
        return MatchFailure(0, self._expected)

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines repeat the header; None if none does."""
        return self._find_headers(lines) if self.header.encode() in lines.data else None

    def _find_headers(self, lines: EventLines) -> pl.Series:
        if self.header.encode() not in lines.data:
            return pl.repeat(value=False, n=lines.count, eager=True)
        return lines.series.str.strip_prefix("\ufeff").str.strip_suffix("\r") == self.header

    @property
    def _expected(self) -> str:
        return (
            f"{len(self.positions)} fields with {_WORDED_SEPARATORS[self.separator]} between them"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexFormat(RecognisedFormat):
    """Lines whose values are the named groups of a regular expression.

    It runs on Rust's engine alone, which takes time linear in the line's length:
    https://docs.rs/regex/latest/regex/#untrusted-input
    """

    pattern: str
    name: str = "regex"

    @staticmethod
    def infer(
        head: pl.Series, hints: KeyHints, pattern: str, *, is_timed: bool = False
    ) -> RegexFormat | None:
        """Return the format of a log that begins with these lines, if some match."""
        groups = _read_groups(head.head(_HEAD_LINES).drop_nulls(), pattern)
        groups = groups.filter(pl.col(_WHOLE).is_not_null())
        if not groups.height:
            return None
        values: dict[KeyPath, pl.Series] = {
            (s.name,): s for s in groups.iter_columns() if s.name != _WHOLE
        }
        recognised = recognise_fields(values, hints, is_timed=is_timed)
        return RegexFormat(fields=recognised, pattern=pattern) if recognised else None

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        groups = _read_groups(lines.series, self.pattern)
        values = {name: groups[name] for name in needed_names(columns, self.fields)}
        sound = groups[_WHOLE].is_not_null()
        return parse_fields(
            self.fields,
            values,
            sound,
            columns,
            unsound=f"not {self.name}",
            lines=lines,
        )

    def explain(self, line: str) -> MatchFailure:
        # Where it stops can't be asked of an engine that takes linear time.
        return MatchFailure(0, f"what the expression of `{self.name}` describes")


def _read_groups(lines: pl.Series, pattern: str) -> pl.DataFrame:
    """Return the named groups, and the text that the whole expression matches."""
    groups = lines.str.extract_groups(f"(?P<{_WHOLE}>{pattern})").struct.unnest()
    return groups.select(name for name in groups.columns if not name.isdecimal())


def _separator_of(header: str) -> str | None:
    counts = {separator: header.count(separator) for separator in _SEPARATORS}
    likely = max(counts, key=lambda separator: counts[separator])
    return likely if counts[likely] else None


def _names_of(header: str) -> list[str]:
    """Return the names in a header line, each once; none if it is no table's."""
    text = header.removeprefix("\ufeff").rstrip("\r\n")
    separator = _separator_of(text)
    found = split_fields(text, separator) if separator and not text.startswith(("{", "[")) else None
    names: list[str] = []
    for at, given in enumerate(found or ()):
        name = given.strip() or _BLANK_HEADER.format(at + 1)
        names.append(name if name not in names else f"{name}_{at + 1}")
    return names


def _all_null(count: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, count)

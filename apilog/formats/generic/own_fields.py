"""The fields of a log that the user named for columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from apilog.formats.answer_fields import DURATION_COLUMNS
from apilog.formats.column_sources import ColumnSource
from apilog.formats.own.conversions import KeyConversion, convert_key, join_values
from apilog.formats.own.key_hints import KeyHints
from apilog.options import ColumnMapping
from apilog.values.json_text import KeyPath, parse_indexed_key


class OwnFields:
    """The fields that the user named for columns."""

    def __init__(self, hints: KeyHints, values: Mapping[KeyPath, pl.Series]) -> None:
        self.columns = frozenset(mapping.column for mapping in hints.columns)
        self.paths: dict[str, KeyPath] = {}
        self.missing: dict[str, str] = {}
        self.undecided: dict[str, KeyPath] = {}
        """Durations without a unit."""
        self.joined: dict[str, tuple[KeyPath, ...]] = {}
        """Times that are made of a date and a time of day."""
        self.kinds: dict[KeyPath, str] = {}
        self._conversions: dict[str, KeyConversion] = {}
        by_name = {".".join(path): path for path in reversed([*values])}
        nothing = pl.Series([], dtype=pl.String)
        for mapping in hints.columns:
            if not mapping.key:
                continue  # the column is to stay empty
            path = by_name.get(mapping.key)
            if path is None and (both := _find_both(mapping, by_name)):
                self.paths[mapping.column] = both[0]
                self.joined[mapping.column] = both
                self.kinds |= dict.fromkeys(both, "named by the user")
                self._conversions[mapping.column] = convert_key(mapping, nothing)
                continue
            if path is None and (indexed := parse_indexed_key(mapping.key)) in values:
                path = indexed
            if path is None or values[path].null_count() == len(values[path]):
                self.missing[mapping.column] = mapping.key
            path = path or tuple(mapping.key.split("."))
            if mapping.column in DURATION_COLUMNS and mapping.unit is None and path in values:
                # Its unit is decided with the others.
                self.undecided[mapping.column] = path
                self.kinds[path] = "named by the user"
                continue
            conversion = convert_key(mapping, values.get(path, nothing))
            self.paths[mapping.column] = path
            self._conversions[mapping.column] = conversion
            self.kinds[path] = conversion.kind or "named by the user"

    @property
    def all_paths(self) -> list[KeyPath]:
        """The fields of all columns."""
        return [*self.paths.values(), *(p for paths in self.joined.values() for p in paths)]

    def make_sources(self) -> tuple[dict[str, tuple[ColumnSource, ...]], list[str]]:
        """Return the sources by column, and the doubts about them."""
        sources: dict[str, tuple[ColumnSource, ...]] = {
            column: (conversion.source_of(".".join(self.paths[column])),)
            for column, conversion in self._conversions.items()
        }
        for column, paths in self.joined.items():
            convert = partial(join_values, convert=self._conversions[column].convert)
            sources[column] = (ColumnSource(tuple(".".join(path) for path in paths), convert),)
        return sources, [c.doubt for c in self._conversions.values() if c.doubt]


def _find_both(mapping: ColumnMapping, by_name: Mapping[str, KeyPath]) -> tuple[KeyPath, ...]:
    """Return the fields of a time that is made of two, as `date+clock` names them."""
    names = mapping.key.split("+") if mapping.column == "timestamp" else ()
    both = tuple(by_name[name.strip()] for name in names if name.strip() in by_name)
    return both if len(both) == len(names) == 2 else ()

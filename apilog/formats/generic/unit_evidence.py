"""The units of a log's durations, each decided with what the other fields tell.

Invariant: each unit is decided as if it alone were unknown; what is doubtful is no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from apilog.formats.answer_fields import DURATION_COLUMNS
from apilog.formats.duration_units import DurationEvidence, decide_unit, unit_in_name
from apilog.formats.field_entry import FieldEntry
from apilog.formats.field_map import KEYS
from apilog.formats.generic.dialect import LogDialect
from apilog.formats.key_paths import normalise_name
from apilog.values.convert import durations_to_ms
from apilog.values.dictionary import ColumnConverter
from apilog.values.json_text import KeyPath
from apilog.values.times import parse_times

_DURATION_WITH_UNIT = (
    r"^(?:[0-9.]+ ?(?:[nuµm]?s|[a-z]*sec[a-z]*)|PT[0-9].*S|(?:[0-9]+[hm])+[0-9.]+s)$"
)
_PLAIN_NUMBER = re.compile(r"\s*-?[0-9.]+\s*")
_DIGIT = re.compile("[0-9]")
_FEW_UNREAD = 0.02
"""The share of values that may be odd without a word."""
_MOST_SHOWN = 30
"""Characters of a value that is quoted."""
_STARTS = frozenset(
    {
        *("start", "begin", "starttime", "startedat", "startutc", "startlocal", "begintime"),
        *("requeststart", "requeststarttime", "receivedat", "edgestarttimestamp"),
    }
)


class ChosenField(NamedTuple):
    """A field, and the entry by which it makes a column."""

    path: KeyPath
    entry: FieldEntry


class DurationUnits:
    """The units of durations, each decided with what is known of the others."""

    def __init__(
        self,
        values: Mapping[KeyPath, pl.Series],
        dialect: LogDialect | None,
        columns: Mapping[str, tuple[ChosenField, ...]],
    ) -> None:
        self._values = values
        self._dialect = dialect
        self._habit = dialect.units if dialect else ()
        self._columns = columns
        self._gaps = list(_iterate_gaps(values))
        self._known: Mapping[KeyPath, pl.Series] | None = None

    def decide(self, column: str, path: KeyPath, entry: FieldEntry) -> tuple[str, str | None]:
        """Return the unit of a duration, and a doubt if there is one."""
        others = {
            other: field
            for other in DURATION_COLUMNS - {column}
            for field in self._columns.get(other, ())[:1]
        }
        other_ms = {
            other: durations_to_ms(self._values[field.path], unit)
            for other, field in others.items()
            for unit, doubt in [self._decide_alone(other, field.path, field.entry)]
            if doubt is None
        }
        return self._decide_alone(column, path, entry, other_ms)

    def _decide_alone(
        self,
        column: str,
        path: KeyPath,
        entry: FieldEntry,
        others: Mapping[str, pl.Series] | None = None,
    ) -> tuple[str, str | None]:
        if entry.unit and self._dialect and entry in self._dialect.fields.get(column, ()):
            return entry.unit, None  # documented for this field, whatever its name says
        is_whole = column == "duration_ms"
        other = list((others or {}).values())
        evidence = DurationEvidence(
            same=list(self._iterate_known(path)) if is_whole else (),
            about=self._gaps if is_whole else (),
            parts=other if is_whole else (),
            whole=() if is_whole else other,
        )
        return decide_unit(
            self._values[path],
            ".".join(path),
            column=column,
            habit=self._habit,
            usual=None if self._habit else entry.unit,
            evidence=evidence,
        )

    def _iterate_known(self, path: KeyPath) -> Iterator[pl.Series]:
        """Yield other durations of the same lines whose unit is told by name or text."""
        if self._known is None:
            self._known = dict(_iterate_known_durations(self._values))
        return (in_ms for other, in_ms in self._known.items() if other != path)


def doubt_unread(values: pl.Series, key: str, convert: ColumnConverter) -> str | None:
    """Return the sentence about texts with numbers that are not read as durations, if many are.

    With a comma one cannot tell thousands from decimals: `1,234 ms`.
    """
    if values.dtype != pl.String:
        return None
    # A query is dear where a file is small, and hardly any needs one.
    odd = [text for text in values.to_list() if text and not _PLAIN_NUMBER.fullmatch(text)]
    odd = [text for text in odd if _DIGIT.search(text)]
    if not odd:
        return None
    texts = pl.Series(odd, dtype=pl.String)
    unread = texts.filter(convert(texts).is_null())
    if len(unread) <= _FEW_UNREAD * len(values):
        return None
    shown = unread[0][:_MOST_SHOWN]
    return f"`{key}` has values such as {shown!r}, which are not read: such durations are missing"


def _iterate_known_durations(
    values: Mapping[KeyPath, pl.Series],
) -> Iterator[tuple[KeyPath, pl.Series]]:
    """Yield the fields that are durations whose unit is told by name or text, in milliseconds."""
    for path, texts in values.items():
        unit = unit_in_name(path[-1])
        pattern = r"^\s*[0-9]" if unit else _DURATION_WITH_UNIT
        if texts.str.contains(pattern).any():
            in_ms = durations_to_ms(texts, unit or "s")
            if in_ms.null_count() < len(in_ms):
                yield path, in_ms


def _iterate_gaps(values: Mapping[KeyPath, pl.Series]) -> Iterator[tuple[pl.Series, float]]:
    """Yield the milliseconds between the start of requests and other times of their lines."""
    if not any(normalise_name(path[-1]) in _STARTS for path in values):
        return
    names = set(KEYS["timestamp"][0].names) | {"endtime", "finishedat", "completedat", "end"}
    times = {
        path: parse_times(s)
        for path, s in values.items()
        if normalise_name(path[-1]) in names | _STARTS
    }
    for path, begin in times.items():
        if normalise_name(path[-1]) not in _STARTS or begin.null_count() == len(begin):
            continue
        for other, end in times.items():
            if other == path:
                continue
            gap = (end.to_physical() - begin.to_physical()).cast(pl.Float64) / 1000.0
            # Whole seconds were cut off.
            coarse = any(((t.to_physical() % 1_000_000) == 0).all() for t in (begin, end))
            off = 1000.0 if coarse else 5.0
            if gap.null_count() < len(gap) and (gap.drop_nulls() >= -off).all():
                yield gap, off

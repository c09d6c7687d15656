"""What is known of a gateway whose records are named values, as data.

Invariant: names are of `normalise`, so that case and separators make no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from apilog.values import convert
from apilog.values.dictionary import encode_texts, map_categories
from apilog.values.times import parse_times


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """Values that a column can be made of.

    `names` are of `normalise`; a nested value goes by its whole path and by its last key.
    """

    names: tuple[str, ...]
    """Values that are needed, all of them."""
    convert: Callable[..., pl.Series]
    """Takes a String series for each name and gives one of the column's type."""
    optional_names: tuple[str, ...] = ()
    """Values that say more; `convert` is given None for one that the log does not have."""
    exclusive: bool = False
    """Where the log has its names, no later source is asked, whatever the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What is known of the records of one gateway."""

    name: str
    title: str
    url: str
    gateway: str = ""
    """The value of the column `gateway`, if that is not the name."""
    fingerprint_keys: tuple[frozenset[str], ...]
    """Names of values: a record that has all of one set is this gateway's."""
    column_sources: Mapping[str, tuple[ColumnSource, ...]]
    """Column to its sources, best first; `timestamp` is required of every record."""
    required_columns: tuple[str, ...] = ("status", "method", "path", "route", "operation")
    """A record has one of these columns at least, or it is a reject."""
    is_own_record: tuple[ColumnSource, ...] = ()
    """Sources of whether a record is this gateway's (Boolean); where they are null, it is."""
    ignored_keys: frozenset[str] = frozenset()
    """Names of values that are not looked into: headers, bodies."""
    nested_scopes: frozenset[str] = frozenset()
    """Names of objects about something else than the request as a whole: what is in them goes
    by its whole path alone."""
    record_wrappers: frozenset[str] = frozenset()
    """Names of objects that hold the record: what is in them goes by its path within."""
    optional_keys: tuple[str, ...] = ()
    """Keys that the first records of a log may lack, as they are written; beside the markers."""
    type_suffixes: tuple[str, ...] = ()
    """Endings of keys that tell no more than the type of the value."""
    is_foreign_record: tuple[ColumnSource, ...] = ()
    """Sources of whether a line is of another log, and to be skipped (Boolean)."""
    repair_json: Callable[[pl.Series], pl.Series] | None = None
    """Makes JSON of lines that are none, as far as their author's slips can be told."""
    samples: tuple[str, ...] = ()


def first_text(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a text column, one a name."""
    return tuple(ColumnSource((name,), _encode_text) for name in names)


def first_of(function: Callable[[pl.Series], pl.Series], *names: str) -> tuple[ColumnSource, ...]:
    """Sources that one function reads, one a name."""
    return tuple(ColumnSource((name,), function) for name in names)


def first_time(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a time, in whatever notation."""
    return first_of(parse_times, *names)


def first_duration_ms(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a duration that is logged in milliseconds."""
    return first_of(partial(convert.durations_to_ms, unit="ms"), *names)


def _encode_text(values: pl.Series) -> pl.Series:
    return map_categories(encode_texts(values), convert.blank_to_null)

"""What is known of a gateway whose records are named values, as data.

Invariant: names are of `normalise`, so that case and separators make no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import encode, map_categories
from apilog.formats.times import times


@dataclass(frozen=True, slots=True)
class Source:
    """Values that a column can be made of.

    `names` are of `normalise`; a nested value goes by its whole path and by its last key.
    """

    names: tuple[str, ...]
    """Values that are needed, all of them."""
    convert: Callable[..., pl.Series]
    """Takes a String series for each name and gives one of the column's type."""
    optional: tuple[str, ...] = ()
    """Values that say more; `convert` is given None for one that the log does not have."""
    final: bool = False
    """Where the log has its names, no later source is asked, whatever the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What is known of the records of one gateway."""

    name: str
    title: str
    url: str
    gateway: str = ""
    """The value of the column `gateway`, if that is not the name."""
    markers: tuple[frozenset[str], ...]
    """Names of values: a record that has all of one set is this gateway's."""
    sources: Mapping[str, tuple[Source, ...]]
    """Column to its sources, best first; `timestamp` is required of every record."""
    required: tuple[str, ...] = ("status", "method", "path", "route", "operation")
    """A record has one of these columns at least, or it is a reject."""
    belongs: tuple[Source, ...] = ()
    """Sources of whether a record is this gateway's (Boolean); where they are null, it is."""
    ignored: frozenset[str] = frozenset()
    """Names of values that are not looked into: headers, bodies."""
    apart: frozenset[str] = frozenset()
    """Names of objects about something else than the request as a whole: what is in them goes
    by its whole path alone."""
    wrappers: frozenset[str] = frozenset()
    """Names of objects that hold the record: what is in them goes by its path within."""
    rare: tuple[str, ...] = ()
    """Keys that the first records of a log may lack, as they are written; beside the markers."""
    suffixes: tuple[str, ...] = ()
    """Endings of keys that tell no more than the type of the value."""
    others: tuple[Source, ...] = ()
    """Sources of whether a line is of another log, and to be skipped (Boolean)."""
    repair: Callable[[pl.Series], pl.Series] | None = None
    """Makes JSON of lines that are none, as far as their author's slips can be told."""
    samples: tuple[str, ...] = ()


def texts(*names: str) -> tuple[Source, ...]:
    """Sources of a text column, one a name."""
    return tuple(Source((name,), _text) for name in names)


def each(function: Callable[[pl.Series], pl.Series], *names: str) -> tuple[Source, ...]:
    """Sources that one function reads, one a name."""
    return tuple(Source((name,), function) for name in names)


def instants(*names: str) -> tuple[Source, ...]:
    """Sources of a time, in whatever notation."""
    return each(times, *names)


def milliseconds(*names: str) -> tuple[Source, ...]:
    """Sources of a duration that is logged in milliseconds."""
    return each(partial(convert.durations_ms, unit="ms"), *names)


def _text(values: pl.Series) -> pl.Series:
    return map_categories(encode(values), convert.blank_to_null)
